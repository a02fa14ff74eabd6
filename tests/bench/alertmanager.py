#!/usr/bin/env python3
"""What 10,000 alerts in 10,000 groups cost, to the last webhook: Debian's Alertmanager and the sluice binary, one after the other,
with the same configuration, the same posts and a real receiver on loopback.

    tests/bench/alertmanager.py [--sluice build/release/sluice] [--alerts 10000] [--rounds 3]

Exits 1 unless sluice needs at most 64 MiB and, by the medians of the rounds, a fifth of the processor time: either of them
may take a third more in one round than in the next.
"""
import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
from harness import free_port, request, see  # noqa: E402

CONFIG = """route: {{receiver: r, group_by: ['...'], group_wait: 1s, group_interval: 5m, repeat_interval: 4h}}
receivers: [{{name: r, webhook_configs: [{{url: 'http://127.0.0.1:{port}/hook'}}]}}]
"""
MEMORY_MIB, CPU_SHARE = 64, 0.2


class Receiver:
    """Counts requests, and answers them as cheaply as Python can."""

    def __init__(self):
        self.count, self.last_at = 0, 0.0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024))
        self.port = self.server.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                self.count += 1
                self.last_at = time.monotonic()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(name, command, url, receiver, alerts):
    with open(os.devnull, "wb") as nothing:
        process = subprocess.Popen(command, stdout=nothing, stderr=nothing)
    try:
        see(f"{name} is ready", lambda: request(url + "/-/ready")[0] == 200)
        before, receiver.count = cpu_seconds(process.pid), 0
        began = time.monotonic()
        for first in range(0, alerts, 500):
            batch = [{"labels": {"alertname": "ProbeFailed", "instance": f"http://web{i}.example/health", "job": "probe", "severity": "page"},
                      "annotations": {"summary": f"web{i} is down", "description": "probe_success is 0"},
                      "generatorURL": "http://prometheus.example/graph"} for i in range(first, min(first + 500, alerts))]
            status, text = request(url + "/api/v2/alerts", "POST", json.dumps(batch), {"Content-Type": "application/json"}, timeout=60)
            assert status == 200, text
        see("all are told", lambda: receiver.count >= alerts, within=300)
        time.sleep(1)  # what comes after the last answer costs, too
        seconds, cpu, memory = receiver.last_at - began, cpu_seconds(process.pid) - before, peak_mib(process.pid)
        print(f"{name:13} {seconds:6.1f} s to the last webhook, {cpu:6.2f} CPU-s, {memory:5.0f} MiB, {receiver.count} webhooks", flush=True)
        return cpu, memory
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", default=os.environ.get("SLUICE", "build/release/sluice"))
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not shutil.which("prometheus-alertmanager"):
        print("skipped: prometheus-alertmanager is not installed")
        return 77
    receiver = Receiver()
    rounds = [compare(options, receiver) for _ in range(options.rounds)]
    their_cpu, our_cpu, our_memory = (sorted(column)[len(rounds) // 2] for column in zip(*rounds))
    good = our_memory <= MEMORY_MIB and our_cpu <= CPU_SHARE * their_cpu
    print(f"{our_cpu / their_cpu:.1%} of the processor time: {'within the bars' if good else 'NOT within the bars'}")
    return 0 if good else 1


def compare(options, receiver):
    """Once each: their processor seconds, ours, and our MiB."""
    with tempfile.TemporaryDirectory() as folder:
        alertmanager = Path(folder, "alertmanager.yml")
        alertmanager.write_text(CONFIG.format(port=receiver.port))
        Path(folder, "sluice.yml").write_text("probes: []\nalerting: {config_file: alertmanager.yml}\n")
        theirs, ours = free_port(), free_port()
        their_cpu, _ = measure("Alertmanager", ["prometheus-alertmanager", f"--config.file={alertmanager}", f"--storage.path={folder}/am",
                                                f"--web.listen-address=127.0.0.1:{theirs}", "--cluster.listen-address="],
                               f"http://127.0.0.1:{theirs}", receiver, options.alerts)
        our_cpu, our_memory = measure("Sluice", [options.sluice, "run", f"--config.file={folder}/sluice.yml", f"--store.path={folder}/state",
                                                 f"--web.listen-address=127.0.0.1:{ours}", "--log.level=error"],
                                      f"http://127.0.0.1:{ours}", receiver, options.alerts)
    return their_cpu, our_cpu, our_memory


if __name__ == "__main__":
    sys.exit(main())
