#!/usr/bin/python3
"""An API server that stands on auth servers and reads the gate's flags from Redis.

    api_server.py PORT REDIS_URL KEY_TEMPLATE AUTH_SERVER...

GET /health  the auth servers it would use and those it leaves out, read from Redis at that moment
GET /verify  picks an auth server that is not disabled, fetches its keys, and says which one answered

The rule of every reader: a flag that is missing, expired or unreadable means enabled. When Redis is away, or when all are
disabled, the server uses all of them: the gate must never make an outage worse.
"""
import itertools
import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

USAGE = "usage: api_server.py PORT REDIS_URL KEY_TEMPLATE AUTH_SERVER..."


class Gate:
    def __init__(self, redis_url, key_template, auth_servers):
        self.redis = redis.Redis.from_url(redis_url, socket_timeout=0.2, socket_connect_timeout=0.2)
        self.keys = {server: key_template.replace("{target}", server) for server in auth_servers}
        self.turn = itertools.count()

    def state(self):
        """(servers to use, servers disabled, whether Redis answered)"""
        servers = list(self.keys)
        try:
            flags = self.redis.mget(list(self.keys.values()))
        except redis.RedisError:
            return servers, [], False
        disabled = [server for server, flag in zip(servers, flags) if flag is not None]
        enabled = [server for server in servers if server not in disabled]
        return enabled or servers, disabled, True

    def in_turn(self):
        servers = self.state()[0]
        first = next(self.turn) % len(servers)
        return servers[first:] + servers[:first]


class Handler(BaseHTTPRequestHandler):
    gate = None

    def do_GET(self):
        if self.path == "/health":
            using, disabled, redis_answers = self.gate.state()
            self.answer(200, {"status": "ok", "using": using, "disabled": disabled, "redis": redis_answers})
        elif self.path == "/verify":
            self.verify()
        else:
            self.answer(404, {"error": "there are /health and /verify"})

    def verify(self):
        failures = []
        for server in self.gate.in_turn():
            try:
                with urllib.request.urlopen(server + "/jwks", timeout=1) as response:
                    keys = json.load(response)["keys"]
                return self.answer(200, {"verified_with": server, "keys": len(keys), "failed_first": failures})
            except (OSError, ValueError, KeyError):
                failures.append(server)
        self.answer(503, {"error": "no auth server answers", "failed": failures})

    def answer(self, status, body):
        data = (json.dumps(body) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def main():
    if len(sys.argv) < 5:
        sys.exit(USAGE)
    port, redis_url, key_template, *auth_servers = sys.argv[1:]
    Handler.gate = Gate(redis_url, key_template, auth_servers)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    print(f"API server at http://127.0.0.1:{port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
