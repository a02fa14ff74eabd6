"""What the end-to-end tests stand on: the demo world of real servers, agents of the built binary, and waiting for conditions."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.path.abspath(os.environ.get("SLUICE", os.path.join(ROOT, "build/dev/sluice")))
WORLD = os.path.join(ROOT, "deploy/demo/world.sh")

# What a condition may raise as long as it does not hold.
NOT_YET = (OSError, ValueError, KeyError, IndexError, http.client.HTTPException)


def free_port():
    """Below the range of outgoing connections, so that nobody takes it in between."""
    import random
    first, last = os.environ.get("SLUICE_TEST_PORTS", "20000-31999").split("-")
    while True:
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", random.randint(int(first), int(last))))
                return candidate.getsockname()[1]
            except OSError:
                continue


def request(url, method="GET", body=None, headers=None, timeout=5):
    """(status, text); an error status is an answer, too."""
    data = body.encode() if isinstance(body, str) else body
    asked = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def see(what, condition, within=30):
    """Waits until the condition holds and returns what it returned; fails when that takes too long."""
    end = time.monotonic() + within
    while True:
        try:
            result = condition()
        except NOT_YET:
            result = None
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not seen within {within} s: {what}")
        time.sleep(0.05)


class World:
    """The servers of deploy/demo/world.sh."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sluice-e2e-")
        try:
            self.run("up")
        except subprocess.CalledProcessError:
            self.close()
            raise
        self.env = {}
        with open(os.path.join(self.dir, "world.env"), encoding="utf-8") as file:
            for line in file:
                name, _, value = line.strip().partition("=")
                self.env[name] = value

    def run(self, command, *arguments):
        subprocess.run([WORLD, command, self.dir, *arguments], check=True, stdout=subprocess.DEVNULL)

    def close(self):
        self.run("down")
        shutil.rmtree(self.dir, ignore_errors=True)

    def __getitem__(self, name):
        return self.env[name]

    def kill(self, name):
        self.run("kill", name)

    def revive(self, name):
        self.run("revive", name)

    def signal(self, name, number):
        with open(os.path.join(self.dir, name + ".pid"), encoding="utf-8") as file:
            os.kill(int(file.read()), number)

    def redis(self, *arguments):
        return subprocess.run(["redis-cli", "-u", self["REDIS_URL"], *arguments], check=True, capture_output=True, text=True,
                              timeout=5).stdout.strip()

    def messages(self, kind, containing=""):
        _, text = request(f"{self['RECEIVER_URL']}/messages?kind={kind}")
        return [m["body"] for m in json.loads(text) if containing in json.dumps(m["body"])]

    def forget_messages(self):
        request(self["RECEIVER_URL"] + "/messages", "DELETE")

    def behave(self, **how):
        request(self["RECEIVER_URL"] + "/behave", "POST", json.dumps(how))


class Agent:
    """One running agent in a folder of its own."""

    def __init__(self, config, files=None, env=None, state=None, arguments=None, preexec=None, address="127.0.0.1", within=(),
                 ready=True):
        """`address` is where it listens, `within` the words before a command that run it in another namespace. Unless `ready`, the
        caller waits until it is."""
        self.dir = tempfile.mkdtemp(prefix="sluice-agent-")
        self.state = state or os.path.join(self.dir, "state")
        self.address, self.within = address, within
        self.port = free_port()
        self.url = f"http://{address}:{self.port}"
        self.env = dict(os.environ, **(env or {}))
        self.preexec = preexec
        self.write("sluice.yml", config)
        for name, text in (files or {}).items():
            self.write(name, text)
        self.arguments = arguments if arguments is not None else ["--config.file=" + self.path("sluice.yml"), "--store.path=" + self.state]
        self.process = None
        self.launch()
        if ready:
            self.wait_ready()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self):
        self.launch()
        self.wait_ready()

    def launch(self):
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen([*self.within, SLUICE, "run", f"--web.listen-address={self.address}:{self.port}", *self.arguments],
                                            stdout=log, stderr=log, env=self.env, preexec_fn=self.preexec)

    def wait_ready(self):
        try:
            see("the agent is ready", lambda: self.ended() or request(self.url + "/-/ready")[0] == 200)
            assert not self.ended(), "the agent ended"
        except AssertionError as error:
            raise AssertionError(f"{error}, status {self.process.returncode}:\n{self.log()}") from None

    def ended(self):
        return self.process.poll() is not None

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return file.read()

    def stop(self, number=signal.SIGTERM):
        """The exit status, and how long the end took."""
        if self.ended():
            return self.process.returncode, 0.0
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(timeout=20)
        return status, time.monotonic() - began

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        status, _ = self.stop()
        log = self.log()
        shutil.rmtree(self.dir, ignore_errors=True)
        for word in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "broken invariant"):
            assert word not in log, log
        return status

    def get(self, path):
        return request(self.url + path)

    def metrics(self):
        """name{labels} -> value, as text."""
        status, text = self.get("/metrics")
        assert status == 200, text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def metric(self, start, *containing):
        """The value of the one series whose name begins so and whose labels contain all of the words; None without one."""
        found = [value for name, value in self.metrics().items()
                 if name.startswith(start) and all(word in name for word in containing)]
        assert len(found) <= 1, f"{start} {containing}: {len(found)} series"
        return found[0] if found else None

    def sluice(self, *arguments):
        return subprocess.run([SLUICE, *arguments], capture_output=True, text=True, timeout=60, env=self.env, cwd=self.dir)
