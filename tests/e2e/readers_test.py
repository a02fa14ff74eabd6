"""The readers of deploy/readers with the real things: a real agent disables an upstream, and requests to it stop."""
import collections
import http.server
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import ROOT, Agent, free_port, request, see  # noqa: E402

TTL_S = 3
READERS = os.path.join(ROOT, "deploy/readers")
CONFIG = """
global: {{interval: 1s, timeout: 900ms}}
web: {{agent_check_address: "127.0.0.1:{check_port}"}}
redis: {{url: "redis://127.0.0.1:{redis_port}/0", timeout: 500ms}}
rule_packs: [sluice]
probes:
  - job_name: auth
    module: http_2xx
    static_configs: [{{targets: [{targets}]}}]
    upstream: {{flag: {{key: "auth_server:disabled:{{target}}", ttl: {ttl}s}}}}
  - job_name: django
    module: http_2xx
    static_configs: [{{targets: [{targets}]}}]
    upstream: {{flag: {{key: ":1:auth_server:disabled:{{target}}", ttl: {ttl}s}}}}
  - job_name: pickled
    module: http_2xx
    static_configs: [{{targets: [{targets}]}}]
    upstream: {{flag: {{key: ":1:pickled:{{target}}", value: "off for now", encoding: pickle, ttl: {ttl}s}}}}
"""


def addresses_of(name, port):
    """Asks a DNS server on loopback for A records: RFC 1035, as far as a plain answer goes."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\x01\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        udp.connect(("127.0.0.1", port))
        try:
            udp.send(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + question)
            answer = udp.recv(4096)
        except OSError:
            return []
    records = answer[12 + len(question):]
    # Each is a pointer to the name, type, class, TTL, length 4 and the address.
    return [".".join(str(byte) for byte in records[at + 12:at + 16]) for at in range(0, 16 * answer[7], 16)]


class Upstream:
    """A server that counts who asks what."""

    def __init__(self):
        self.asked = collections.Counter()
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                upstream.asked[self.path] += 1
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class ReadersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="sluice-readers-")
        cls.upstreams = [Upstream(), Upstream()]
        cls.redis_port, cls.check_port = free_port(), free_port()
        cls.start_redis()
        cls.agent = Agent(CONFIG.format(redis_port=cls.redis_port, check_port=cls.check_port, ttl=TTL_S,
                                        targets=", ".join(f'"{u.url}"' for u in cls.upstreams)))

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.redis.kill()
        cls.redis.wait()
        for upstream in cls.upstreams:
            upstream.close()
        shutil.rmtree(cls.dir, ignore_errors=True)

    @classmethod
    def start_redis(cls):
        cls.redis = subprocess.Popen(["redis-server", "--port", str(cls.redis_port), "--bind", "127.0.0.1", "--save", "",
                                      "--dir", cls.dir], stdout=subprocess.DEVNULL)
        see("Redis answers", lambda: cls.redis_cli("PING") == "PONG")

    @classmethod
    def redis_cli(cls, *arguments):
        return subprocess.run(["redis-cli", "-p", str(cls.redis_port), *arguments], capture_output=True, text=True,
                              timeout=5).stdout.strip()

    def run_client(self, *command, cwd=None):
        log = tempfile.TemporaryFile()
        client = subprocess.Popen(command, stdout=log, stderr=log, cwd=cwd)

        def end():
            client.send_signal(signal.SIGCONT)
            client.terminate()
            client.wait()
            log.seek(0)
            text = log.read().decode()
            log.close()
            if text:
                print(text)

        self.addCleanup(end)
        return client

    def sluice(self, *arguments):
        done = self.agent.sluice("upstreams", "--url", self.agent.url, *arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def gets_traffic(self, path):
        before = self.upstreams[0].asked[path]
        return lambda: self.upstreams[0].asked[path] > before + 2

    def gets_none(self, path):
        """The other one gets ten requests while this one gets none: to be asked again until it is so."""
        first, second = (u.asked[path] for u in self.upstreams)

        def so():
            nonlocal first, second
            if self.upstreams[0].asked[path] != first:
                first, second = (u.asked[path] for u in self.upstreams)
            return self.upstreams[1].asked[path] >= second + 10
        return so

    def obeys(self, path, pool, through_redis=True):
        """The contract (docs/readers.md), step by step."""
        target = self.upstreams[0].url
        self.addCleanup(self.sluice, "auto", target, "--pool", pool)
        see("it is used", self.gets_traffic(path))
        self.sluice("disable", target, "--pool", pool, "--reason", "test")
        see("disabled: no more requests", self.gets_none(path))
        self.sluice("auto", target, "--pool", pool)
        see("enabled: requests again", self.gets_traffic(path))
        if not through_redis:
            return
        key = {"auth": "auth_server:disabled:", "django": ":1:auth_server:disabled:", "pickled": ":1:pickled:"}[pool] + target
        self.redis_cli("SET", key, "1")
        see("set by hand, without a TTL: no more requests", self.gets_none(path))
        self.redis_cli("DEL", key)
        see("removed by hand: requests again", self.gets_traffic(path))
        self.sluice("disable", target, "--pool", pool, "--reason", "test")
        see("disabled again", self.gets_none(path))
        # Nobody renews the lease.
        self.agent.process.send_signal(signal.SIGSTOP)
        try:
            see("lapsed: requests again", self.gets_traffic(path), within=TTL_S + 10)
        finally:
            self.agent.process.send_signal(signal.SIGCONT)
        see("renewed: no more requests", self.gets_none(path))
        # Redis goes: what was known holds, and not for longer than the lease.
        asked = self.upstreams[0].asked[path]
        self.redis.kill()
        self.redis.wait()
        killed = time.monotonic()
        try:
            see("without Redis, after the lease: requests again", lambda: self.upstreams[0].asked[path] > asked,
                within=TTL_S + 10)
            self.assertLess(time.monotonic() - killed, TTL_S + 5)
        finally:
            self.start_redis()
            see("the agent has found Redis again", lambda: self.agent.metric("sluice_redis_connected") == 1)

    def test_redis_py(self):
        self.run_client("/usr/bin/python3", f"{ROOT}/tests/e2e/readers/python_client.py", str(self.redis_port),
                        *(u.url for u in self.upstreams))
        self.obeys("/from-python", "auth")

    def test_django_with_django_redis(self):
        if importlib.util.find_spec("django_redis") is None:
            self.skipTest("python3-django-redis is not installed")
        self.run_client("/usr/bin/python3", f"{ROOT}/tests/e2e/readers/django_client.py",
                        "django_redis.cache.RedisCache", str(self.redis_port), *(u.url for u in self.upstreams))
        self.obeys("/from-django", "django")

    def test_djangos_own_redis_cache(self):
        try:
            import django.core.cache.backends.redis  # noqa: F401
        except ImportError:
            self.skipTest("this Django is older than 4.0 and has no RedisCache of its own")
        self.run_client("/usr/bin/python3", f"{ROOT}/tests/e2e/readers/django_client.py",
                        "django.core.cache.backends.redis.RedisCache", str(self.redis_port),
                        *(u.url for u in self.upstreams))
        self.obeys("/from-django", "django")

    def test_a_pickled_flag_is_what_django_redis_reads(self):
        if importlib.util.find_spec("django_redis") is None:
            self.skipTest("python3-django-redis is not installed")
        target = self.upstreams[1].url
        self.addCleanup(self.sluice, "auto", target, "--pool", "pickled")
        self.sluice("disable", target, "--pool", "pickled", "--reason", "test")
        see("the flag is set", lambda: self.redis_cli("EXISTS", f":1:pickled:{target}") == "1")
        script = ("import django; from django.conf import settings; settings.configure(CACHES={'default': {'BACKEND': "
                  f"'django_redis.cache.RedisCache', 'LOCATION': 'redis://127.0.0.1:{self.redis_port}/0'}}}}); "
                  "django.setup(); from django.core.cache import cache; "
                  f"print(repr(cache.get('pickled:{target}')), cache.ttl('pickled:{target}') <= {TTL_S})")
        read = subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True, timeout=30)
        self.assertEqual(read.stdout.strip(), "'off for now' True", read.stderr)

    def test_node(self):
        if shutil.which("node") is None or shutil.which("npm") is None:
            self.skipTest("Node.js or npm is not installed")
        if not os.path.isdir(f"{READERS}/node/node_modules/redis"):
            done = subprocess.run(["npm", "ci", "--loglevel=error", "--ignore-scripts"], cwd=f"{READERS}/node", timeout=240)
            if done.returncode != 0:
                self.skipTest("npm cannot install deploy/readers/node")
        self.run_client("node", f"{ROOT}/tests/e2e/readers/node_client.mjs", str(self.redis_port),
                        *(u.url for u in self.upstreams))
        self.obeys("/from-node", "auth")

    def ask_through(self, port, path):
        stop = threading.Event()

        def ask():
            while not stop.wait(0.02):
                try:
                    request(f"http://127.0.0.1:{port}{path}")
                except OSError:
                    pass

        thread = threading.Thread(target=ask)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)

    def test_nginx(self):
        module = "/usr/lib/nginx/modules/ngx_http_lua_module.so"
        if not os.path.exists(module) or not os.path.exists("/usr/share/lua/5.1/nginx/redis.lua"):
            self.skipTest("libnginx-mod-http-lua and lua-nginx-redis are not installed")
        port = free_port()
        with open(f"{READERS}/nginx/nginx.conf", encoding="utf-8") as file:
            text = file.read()
        for old, new in (("/etc/nginx/lua", f"{READERS}/nginx"), ("6379", str(self.redis_port)),
                         ("127.0.0.1:8080", f"127.0.0.1:{port}"), ("8001", str(self.upstreams[0].port)),
                         ("8002", str(self.upstreams[1].port))):
            self.assertIn(old, text)
            text = text.replace(old, new)
        ndk = "/usr/lib/nginx/modules/ndk_http_module.so"
        load = "".join(f"load_module {m};\n" for m in (ndk, module) if os.path.exists(m))
        with open(f"{self.dir}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"daemon off;\npid {self.dir}/nginx.pid;\n{load}{text}")
        self.run_client("nginx", "-p", self.dir, "-c", f"{self.dir}/nginx.conf", "-e", "stderr")
        see("nginx answers", lambda: request(f"http://127.0.0.1:{port}/up")[0] == 200)
        self.ask_through(port, "/from-nginx")
        self.obeys("/from-nginx", "auth")

    def test_haproxy_asks_the_agent(self):
        if shutil.which("haproxy") is None:
            self.skipTest("haproxy is not installed")
        port = free_port()
        with open(f"{READERS}/haproxy/haproxy.cfg", encoding="utf-8") as file:
            text = file.read()
        for old, new in (("127.0.0.1:8080", f"127.0.0.1:{port}"), ("9809", str(self.check_port)),
                         ("8001", str(self.upstreams[0].port)), ("8002", str(self.upstreams[1].port)),
                         ("/run/haproxy/admin.sock", f"{self.dir}/haproxy.sock"), ("agent-inter 1s", "agent-inter 200ms")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(f"{self.dir}/haproxy.cfg", "w", encoding="utf-8") as file:
            file.write(text)
        self.run_client("haproxy", "-db", "-f", f"{self.dir}/haproxy.cfg")
        see("haproxy answers", lambda: request(f"http://127.0.0.1:{port}/up")[0] == 200)
        self.ask_through(port, "/from-haproxy")
        self.obeys("/from-haproxy", "auth", through_redis=False)
        target = self.upstreams[0].url
        self.sluice("drain", target, "--pool", "auth", "--reason", "maintenance")
        see("drained", self.gets_none("/from-haproxy"))
        see("shown as drained", lambda: "drained" in self.sluice())
        # An agent that comes back has a word for everybody: the lease ran out while it was away.
        self.agent.stop(signal.SIGKILL)
        self.redis_cli("FLUSHALL")
        self.agent.start()
        see("requests again", self.gets_traffic("/from-haproxy"))

    def test_dns(self):
        if shutil.which("dnsmasq") is None:
            self.skipTest("dnsmasq-base is not installed")
        port, hosts, pid = free_port(), f"{self.dir}/auth.hosts", f"{self.dir}/dnsmasq.pid"
        with open(f"{READERS}/dns/dnsmasq.conf", encoding="utf-8") as file:
            text = file.read()
        for old, new in (("port=5353", f"port={port}"), ("/run/dnsmasq.pid", pid), ("/run/sluice/auth.hosts", hosts)):
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(f"{self.dir}/dnsmasq.conf", "w", encoding="utf-8") as file:
            file.write(text)
        servers = {f"127.0.0.{i + 2}": upstream for i, upstream in enumerate(self.upstreams)}
        os.chmod(self.dir, 0o755)  # dnsmasq does not stay root
        self.run_client("dnsmasq", "--keep-in-foreground", f"--conf-file={self.dir}/dnsmasq.conf")
        see("dnsmasq runs", lambda: os.path.exists(pid))
        script = self.run_client(f"{READERS}/dns/sluice_hosts.py", "--redis", f"redis://127.0.0.1:{self.redis_port}/0",
                                 "--pool", "auth", "--key", "auth_server:disabled:{target}", "--name", "auth.internal",
                                 "--hosts", hosts, "--dnsmasq-pid", pid, "--reader", "dns", "--poll", "0.2",
                                 *(f"{upstream.url}={address}" for address, upstream in servers.items()))
        see("the name leads to all", lambda: len(addresses_of("auth.internal", port)) == 2)
        stop = threading.Event()

        def ask():
            while not stop.wait(0.02):
                for address in addresses_of("auth.internal", port):
                    request(servers[address].url + "/from-dns")

        thread = threading.Thread(target=ask)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        self.obeys("/from-dns", "auth")
        see("it acknowledges", lambda: self.redis_cli("HEXISTS", "sluice:{auth}:readers", "dns") == "1")
        self.sluice("disable", self.upstreams[0].url, "--pool", "auth", "--reason", "test")
        see("disabled: no more requests", self.gets_none("/from-dns"))
        script.terminate()
        script.wait()
        see("stopped, it leaves all servers in the name", self.gets_traffic("/from-dns"))
        self.assertEqual(self.redis_cli("HEXISTS", "sluice:{auth}:readers", "dns"), "0")

    def test_a_reader_that_does_not_look_is_noticed(self):
        client = self.run_client("/usr/bin/python3", f"{ROOT}/tests/e2e/readers/python_client.py", str(self.redis_port),
                                 *(u.url for u in self.upstreams))
        target = self.upstreams[0].url
        self.addCleanup(self.sluice, "auto", target, "--pool", "auth")
        see("it acknowledges", lambda: self.redis_cli("HEXISTS", "sluice:{auth}:readers", "python") == "1")
        client.send_signal(signal.SIGSTOP)
        self.sluice("disable", target, "--pool", "auth", "--reason", "test")
        see("its lag grows", lambda: (self.agent.metric("sluice_pool_reader_lag_seconds", 'pool="auth"') or 0) > 1, within=60)
        see("it is behind", lambda: self.agent.metric("sluice_pool_readers_behind", 'pool="auth"') == 1)
        client.send_signal(signal.SIGCONT)
        see("it has caught up", lambda: self.agent.metric("sluice_pool_reader_lag_seconds", 'pool="auth"') == 0, within=60)

    def test_the_operators_words(self):
        target = self.upstreams[1].url
        self.addCleanup(self.sluice, "unfreeze", "auth")
        self.assertIn("frozen for 10m", self.sluice("freeze", "auth", "--for", "10m", "--reason", "deploying"))
        see("the freeze is shown", lambda: "deploying" in self.sluice())
        see("and measured", lambda: self.agent.metric("sluice_pool_frozen", 'why="operator_freeze"') == 1)
        self.sluice("unfreeze", "auth")
        see("the freeze is over", lambda: "deploying" not in self.sluice())
        self.sluice("drain", target, "--pool", "auth", "--for", "2s", "--reason", "rack 7", "--author", "ann")
        see("the flag is set", lambda: self.redis_cli("EXISTS", f"auth_server:disabled:{target}") == "1")
        see("and gone when the word has ended", lambda: self.redis_cli("EXISTS", f"auth_server:disabled:{target}") == "0")
        trail = json.loads(self.sluice("log", "--pool", "auth", "--json"))["data"]
        said = [(e["action"], e["by"], e["reason"]) for e in trail]
        for expected in (("operator_freeze", "deploying"), ("operator_drain", "rack 7")):
            self.assertIn(expected, [(action, reason) for action, _, reason in said])
        self.assertIn(("operator_drain", "ann", "rack 7"), said)
        self.assertIn(("disable", "operator", "rack 7"), said)
        for body in ('{"action":"disable","pool":"auth","target":"*","duration":"1h"}',
                     f'{{"action":"freeze","pool":"auth","target":"{target}","duration":"1h"}}',
                     '{"action":"freeze","pool":"auth","target":"*","duration":"31d"}'):
            self.assertEqual(request(self.agent.url + "/api/v1/upstreams", "POST", body)[0], 400, body)


if __name__ == "__main__":
    unittest.main()
