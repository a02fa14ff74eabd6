"""A fleet for tests: agents, a Redis, targets and a receiver, each agent behind a network of its own that can be cut.

The test runs in a network namespace and every agent in another one, joined by a bridge: services have addresses of their own,
so that an agent can be cut from one and still reach the rest. Where the kernel does not let us, main() says "skipped".
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

import harness
from harness import Agent, free_port

INSIDE = "SLUICE_FLEET_NAMESPACE"
SKIPPED = 77
harness.NOT_YET += (redis.RedisError,)
# Of the bridge. Without one of its own it takes the lowest of its ports', and changes it when an agent comes: what the agents
# before have learned then leads nowhere, for as long as they remember it.
BRIDGE = "02:00:0a:4d:00:fe"


def see(what, condition, within=60):
    """Much happens here at once, on machines that are busy."""
    return harness.see(what, condition, within)


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def main():
    """Runs the tests of the program in a network namespace of its own; ends it with SKIPPED where there may be none."""
    if INSIDE in os.environ:
        return unittest.main()
    probe = "ip link set lo up && ip link add br0 type bridge && ip link add x type veth peer name y && ip rule add to 10.77.1.1 blackhole"
    allowed = os.geteuid() == 0 and subprocess.run(["unshare", "--net", "sh", "-c", probe], capture_output=True).returncode == 0
    if not allowed:
        print("skipped: network namespaces are not permitted here")
        sys.exit(SKIPPED)
    os.environ[INSIDE] = "yes"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


class Network:
    """Addresses 10.77.0.N: the test is 254, services count from 1, agents from 100."""

    def __init__(self):
        self.holders = {}
        self.services = 0
        self.cuts = []
        run("ip", "link", "set", "lo", "up")
        subprocess.run(["ip", "link", "del", "br0"], capture_output=True)
        run("ip", "link", "add", "br0", "address", BRIDGE, "type", "bridge")
        run("ip", "addr", "add", "10.77.0.254/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")

    def service(self):
        """The address of a new service."""
        self.services += 1
        address = f"10.77.0.{self.services}"
        run("ip", "addr", "add", address + "/24", "dev", "br0")
        return address

    def agent(self, number):
        """(address, words before a command that run it there)."""
        address = f"10.77.0.{100 + number}"
        if number not in self.holders:
            holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo in; exec sleep 100000"], stdout=subprocess.PIPE)
            holder.stdout.readline()
            self.holders[number] = holder
            run("ip", "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            run("ip", "link", "set", f"v{number}", "master", "br0", "up")
            within = ["nsenter", "-t", str(holder.pid), "-n"]
            run(*within, "ip", "link", "set", "lo", "up")
            run(*within, "ip", "addr", "add", address + "/24", "dev", "eth0")
            run(*within, "ip", "link", "set", "eth0", "up")
        return address, ["nsenter", "-t", str(self.holders[number].pid), "-n"]

    def cut(self, number, service, replies_only=False):
        """Nothing passes between an agent and a service any more; or only what the agent says."""
        address, within = self.agent(number)
        rules = [["ip", "rule", "add", "from", service, "to", address, "blackhole"]]
        if not replies_only:
            rules.append([*within, "ip", "rule", "add", "to", service, "blackhole"])
        for rule in rules:
            run(*rule)
            self.cuts.append(["del" if word == "add" else word for word in rule])

    def heal(self):
        for rule in self.cuts:
            run(*rule)
        self.cuts.clear()

    def close(self):
        self.heal()
        for number, holder in self.holders.items():
            run("ip", "link", "del", f"v{number}")  # the kernel would do it some time after the namespace has gone
            holder.kill()
            holder.wait()
            holder.stdout.close()


class Server:
    """A small HTTP server in this process. It can be killed and comes back at its place."""

    def __init__(self, host):
        self.host, self.port = host, free_port()
        self.url = f"http://{host}:{self.port}"
        self.requests = []  # (when, client's address, path, body)
        self.status = 200
        self.server = None
        self.revive()

    def answer(self, path, body):
        return self.status

    def revive(self):
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def handle_all(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                owner.requests.append((time.monotonic(), self.client_address[0], self.path, body))
                self.send_response(owner.answer(self.path, body))
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST = handle_all

            def log_message(self, *_):
                pass

        class Reusing(ThreadingHTTPServer):
            request_queue_size = 64
            daemon_threads = True

            def handle_error(self, *_):  # a client that went away
                pass

        self.server = Reusing((self.host, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def kill(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class Receiver(Server):
    """Slack and PagerDuty."""

    def __init__(self, host):
        super().__init__(host)
        self.statuses = {}

    def answer(self, path, body):
        return self.statuses.get(path, 202 if path == "/pagerduty" else 200)

    def messages(self, path, *words):
        """(when, who, body) of what came there and contains all of the words."""
        return [(at, client, json.loads(body)) for at, client, where, body in list(self.requests)
                if where == path and all(word in body.decode() for word in words)]

    def forget(self):
        self.requests.clear()


class Redis:
    """A real redis-server (or, with `sentinel`, a sentinel) on an address of its own."""

    def __init__(self, network, *options, sentinel=False, host=None):
        self.host, self.port = host or network.service(), free_port()
        self.dir = tempfile.mkdtemp(prefix="sluice-redis-")
        self.file = os.path.join(self.dir, "redis.conf")
        self.address = f"{self.host}:{self.port}"
        with open(self.file, "w", encoding="utf-8") as file:
            lines = [f"port {self.port}", f"bind {self.host}", f"bind-source-addr {self.host}", "protected-mode no", f"dir {self.dir}"]
            if not sentinel:
                lines.append('save ""')
            file.write("\n".join([*lines, *options]) + "\n")
        self.command = ["redis-sentinel" if sentinel else "redis-server", self.file]
        self.process = None
        self.client = redis.Redis(self.host, self.port, decode_responses=True, socket_timeout=5)
        self.start()

    def start(self):
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def wait(self):
        see("redis answers", lambda: self.answers(), within=20)
        return self

    def answers(self):
        try:
            return self.client.ping()
        except redis.exceptions.AuthenticationError:
            return True
        except redis.RedisError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def close(self):
        self.kill()
        self.client.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def another_clock(seconds):
    """The words before a command that put its wall clock ahead, by means of Debian's libfaketime."""
    return ["env", "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", f"FAKETIME={seconds:+}s", "FAKETIME_DONT_FAKE_MONOTONIC=1"]


def can_have_another_clock():
    """AddressSanitizer cannot be loaded after it."""
    shown = subprocess.run([*another_clock(1), harness.SLUICE, "--version"], capture_output=True, check=False)
    return shown.returncode == 0 and not shown.stderr


RULES = """
groups:
  - name: api
    interval: 500ms
    rules:
      - {alert: ApiDown, expr: 'probe_success{job="api"} == 0', labels: {severity: critical}}
"""
ALERTING = """
route: {receiver: on-call, group_by: [alertname, instance], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: on-call
    slack_configs: [{api_url: "%(receiver)s/slack", send_resolved: true}]
    pagerduty_configs: [{routing_key: 0123456789abcdef0123456789abcdef, url: "%(receiver)s/pagerduty"}]
"""
CONFIG = """
global: {interval: 1s, timeout: 1s, evaluation_interval: 500ms}
agent: {name: %(name)s, zone: %(zone)s}
redis: %(redis)s
probes:
  - job_name: api
    module: http_2xx
    static_configs: [{targets: [%(targets)s]}]
    health: {rise: 2, fall: %(fall)s, fast_interval: 200ms}
    upstream:
      pool: api
      flag: {key: "%(key)s", ttl: 6s}
      disable_time: {base: 1s, max: 2s}
      vantages: %(vantages)s
      max_probes_per_second: %(probes)s
rule_files: [rules.yml]
rule_packs: [%(packs)s]
alerting: {config_file: alertmanager.yml}
"""


class Fleet:
    """One Redis, targets, a receiver, and the agents that a test starts."""

    def __init__(self, targets=4, redis_server=True):
        self.network = Network()
        self.redis = Redis(self.network).wait() if redis_server else None
        self.targets = [Server(self.network.service()) for _ in range(targets)]
        self.receiver = Receiver(self.network.service())
        self.agents = {}

    def settings(self, number, **changes):
        values = {"name": f"agent-{number}", "zone": "abc"[number % 3], "fall": 2, "vantages": 5, "probes": 0, "packs": "",
                  "targets": ", ".join(f'"{target.url}"' for target in self.targets),
                  "key": "disabled:{target}", "receiver": self.receiver.url}
        if self.redis:
            values["redis"] = f'{{url: "redis://{self.redis.address}/0", timeout: 500ms}}'
        return dict(values, **changes)

    def start(self, number, config=CONFIG, rules=RULES, ready=True, clock=0, **changes):
        """`clock`: how many seconds its wall clock is ahead."""
        values = self.settings(number, **changes)
        address, within = self.network.agent(number)
        if clock:
            within = [*within, *another_clock(clock)]
        files = {"rules.yml": rules, "alertmanager.yml": ALERTING % values}
        agent = Agent(config % values, files, address=address, within=within, ready=False)
        agent.number = number
        self.agents[number] = agent
        if ready:
            agent.wait_ready()
        return agent

    def start_all(self, count=3, clocks=(0, 0, 0), **changes):
        agents = [self.start(number, ready=False, clock=clocks[number - 1], **changes) for number in range(1, count + 1)]
        for agent in agents:
            agent.wait_ready()
        votes = changes.get("votes", min(count, changes.get("vantages", count)))
        for agent in agents:
            see("everything is up, and everybody votes", lambda agent=agent: all(
                agent.metric("sluice_upstream_up", target.url) == 1 for target in self.targets)
                and agent.metric("sluice_upstream_votes", self.targets[0].url, 'state="up"') == votes)
        return agents

    def flags(self):
        return sorted(self.redis.client.keys("*disabled:*"))

    def flag(self, target):
        return self.redis.client.get(f"disabled:{target.url}")

    def log(self, pool="api"):
        return [json.loads(line) for line in self.redis.client.lrange(f"sluice:{{{pool}}}:log", 0, -1)]

    def reset(self):
        """As at the beginning, without agents."""
        self.network.heal()
        for agent in self.agents.values():
            agent.kill()
        agents, self.agents = self.agents, {}
        for agent in agents.values():
            agent.close()
        if self.redis is not None:
            self.redis.client.flushall()
        for target in self.targets:
            target.status = 200
            if target.server is None:
                target.revive()
        self.receiver.statuses.clear()
        self.receiver.forget()

    def close(self):
        for agent in self.agents.values():
            agent.kill()
        if self.redis is not None:
            self.redis.close()
        for server in [*self.targets, self.receiver]:
            server.kill()
        self.network.close()


class FleetCase(unittest.TestCase):
    """Tests that share a fleet, and each of which finds it as at the beginning, without agents."""
    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(**cls.OPTIONS)
        cls.addClassCleanup(cls.fleet.close)

    def setUp(self):
        self.addCleanup(self.fleet.reset)
        if self.fleet.redis is not None:
            self.redis = self.fleet.redis.client


class FlagWatch:
    """Counts flags as fast as it can look, beside the test: the most there ever were."""

    def __init__(self, look):
        self.look, self.most, self.looks, self.over = look, 0, 0, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over:
            try:
                self.most = max(self.most, len(self.look()))
                self.looks += 1
            except redis.RedisError:
                pass
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
