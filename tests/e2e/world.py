"""The demo's world and an agent in it, for tests: everything real, on loopback, gone afterwards.

    with World() as world, world.agent(config) as agent:
        world.kill("auth1")
        agent.eventually(lambda: agent.value("probe_success", instance=world.env["AUTH_SERVER_1"]) == 0)
"""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import redis

ROOT = Path(__file__).resolve().parents[2]
SLUICE = os.environ.get("SLUICE", str(ROOT / "build/release/sluice"))
PATIENCE_S = 60  # generous: the machine may be busy, and nothing here measures speed


def fetch(url, data=None, method=None, headers=None):
    """(status, text), whatever the status."""
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def eventually(condition, what="", patience_s=PATIENCE_S):
    """Waits until the condition holds and returns what it returned."""
    until = time.monotonic() + patience_s
    while True:
        try:
            result = condition()
            error = None
        except (OSError, ValueError, redis.RedisError) as caught:
            result, error = None, caught
        if result:
            return result
        if time.monotonic() > until:
            raise AssertionError(f"not so after {patience_s} s: {what or condition}; {error or result}")
        time.sleep(0.1)


class World:
    def __enter__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="sluice-e2e."))
        self.hurt, self.frozen = set(), set()
        try:
            self._call("up")
            lines = (self.dir / "world.env").read_text().splitlines()
            self.env = dict(line.split("=", 1) for line in lines)
            self.redis = redis.Redis.from_url(self.env["REDIS_URL"], decode_responses=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._call("down")
        shutil.rmtree(self.dir, ignore_errors=True)

    def _call(self, *arguments):
        command, *rest = arguments
        subprocess.run([ROOT / "deploy/demo/world.sh", command, self.dir, *rest], check=True)

    def kill(self, name):
        self._call("kill", name)
        self.hurt.add(name)

    def revive(self, name):
        self._call("revive", name)
        self.hurt.discard(name)

    def freeze(self, name):
        self._signal(name, signal.SIGSTOP)
        self.frozen.add(name)

    def thaw(self, name):
        self._signal(name, signal.SIGCONT)
        self.frozen.discard(name)

    def _signal(self, name, number):
        os.kill(int((self.dir / f"{name}.pid").read_text()), number)

    def heal(self):
        """As it was in the beginning: everything runs, Redis is empty, nothing was received."""
        for name in sorted(self.frozen):
            self.thaw(name)
        for name in sorted(self.hurt):
            self.revive(name)
        self.redis.flushall()
        fetch(f"{self.env['RECEIVER_URL']}/messages", method="DELETE")
        shutil.rmtree(self.dir / "data", ignore_errors=True)

    def messages(self, kind):
        return [m["body"] for m in json.loads(fetch(f"{self.env['RECEIVER_URL']}/messages?kind={kind}")[1])]

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def agent(self, config=None, arguments=()):
        """An agent on a configuration text or file, not started before it is entered."""
        if isinstance(config, str):
            config = self.write("sluice.yml", config)
        return Agent(self, config, arguments)


class Agent:
    def __init__(self, world, config, arguments):
        self.world = world
        self.config = config
        self.url = world.env["SLUICE_URL"]
        self.arguments = [f"--web.listen-address={world.env['SLUICE_LISTEN_ADDRESS']}", *arguments]
        if config:
            self.arguments.insert(0, f"--config.file={config}")
        self.process = None

    def __enter__(self):
        self.log = open(self.world.dir / "agent.log", "ab")
        self.process = subprocess.Popen([SLUICE, "run", *self.arguments], env={**os.environ, **self.world.env},
                                        stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            eventually(lambda: self.process.poll() is not None or self.get("/-/ready")[0] == 200, "ready")
            assert self.process.poll() is None, "the agent did not start"
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, failure=None, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        if failure:
            print("".join((self.world.dir / "agent.log").read_text().splitlines(True)[-40:]))

    def get(self, path):
        return fetch(self.url + path)

    def post(self, path):
        return fetch(self.url + path, data=b"", method="POST")

    def series(self, name, **labels):
        """{labels: value} of the series of that name which have these labels, from /metrics."""
        found = {}
        for line in self.get("/metrics")[1].splitlines():
            match = re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?", line)
            if not match or match[1] != name:
                continue
            have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            if all(have.get(label) == value for label, value in labels.items()):
                found[tuple(sorted(have.items()))] = float(match[3])
        return found

    def value(self, name, **labels):
        """The value of the only such series; None when there is none or more than one."""
        values = list(self.series(name, **labels).values())
        return values[0] if len(values) == 1 else None

    def see(self, value, name, **labels):
        eventually(lambda: self.value(name, **labels) == value, f"{name} {labels} is {value}")
