#!/usr/bin/env python3
"""Random timelines, played against Debian's Alertmanager and against us at the same time: the same webhooks must come, within a second.

    tests/e2e/timelines.py --seed 7 --timelines 40 --steps 30

Each timeline is a part of the route tree of its own, made from the seed: receivers, grouping, continue, send_resolved, inhibition.
Its alerts fire, change, resolve and come back; silences begin and are expired. Events happen on a grid of two seconds and groups
are flushed half-way between, so that the order of events and flushes is the same for both. Left out is what differs by intention:
repetitions (ours are exact), and the end of an alert that is silenced or inhibited by then (ours is told).
"""
import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from alerts_world import Notifying, at, names, webhook  # noqa: E402
from harness import free_port, request, see  # noqa: E402
from receivers import Hooks  # noqa: E402

GRID_S = 2.0


class Timeline:
    """What happens to the alerts with timeline="N"."""

    def __init__(self, number, rng, steps):
        self.number, self.rng = number, rng
        self.group_by = rng.choice(["[]", "[alertname]", "[job]", "['...']", "[alertname, job]"])
        self.children = [self.child() for _ in range(rng.randint(0, 2))]
        self.send_resolved = [rng.random() < 0.8 for _ in range(3)]
        self.steps = [[] for _ in range(steps)]
        for n in range(rng.randint(2, 6)):
            self.add_alert(n, steps)
        if rng.random() < 0.5:
            self.add_inhibition(steps)

    def child(self):
        return (self.rng.choice(["a", "b"]), self.rng.random() < 0.5, self.rng.choice(["[alertname]", "[job]", "['...']"]))

    def labels(self, name, job):
        return {"alertname": name, "job": job, "timeline": str(self.number)}

    def add_alert(self, n, steps):
        labels = self.labels(f"A{n}", self.rng.choice("ab"))
        step = self.rng.randrange(steps)
        if self.rng.random() < 0.2 and step + 6 < steps:  # silenced before it fires, told when the silence is over
            self.steps[step].append(("silence", labels, None))
            self.steps[step + 2].append(("fire", labels, None))
            self.steps[step + 4].append(("expire", labels, None))
            step += 6
            if step < steps:
                self.steps[step].append(("resolve", labels, None))
            step += self.rng.randint(1, 3)
        while step < steps:
            self.steps[step].append(("fire", labels, str(step)))
            step += self.rng.randint(1, 5)
            if step < steps and self.rng.random() < 0.9:
                self.steps[step].append(("resolve", labels, None))
            step += self.rng.randint(1, 6)

    # A cause that begins before its consequence and ends before it.
    def add_inhibition(self, steps):
        begin = self.rng.randrange(steps)
        order = [("fire", "Cause"), ("fire", "Effect"), ("resolve", "Cause"), ("resolve", "Effect")]
        for i, (act, name) in enumerate(order):
            if begin + 2 * i < steps:
                self.steps[begin + 2 * i].append((act, self.labels(name, "a"), None))

    def routes(self):
        lines = [f"    - matchers: ['timeline=\"{self.number}\"']", f"      receiver: t{self.number}-0", f"      group_by: {self.group_by}"]
        if self.children:
            lines.append("      routes:")
        for i, (job, go_on, group_by) in enumerate(self.children):
            lines += [f"        - matchers: ['job=\"{job}\"']", f"          receiver: t{self.number}-{i + 1}",
                      f"          continue: {str(go_on).lower()}", f"          group_by: {group_by}"]
        return lines

    def receivers(self, hooks, prefix):
        return [f"  - {{name: t{self.number}-{i}, webhook_configs: [{webhook(hooks, f'{prefix}/t{self.number}-{i}/', send_resolved=wants)}]}}"
                for i, wants in enumerate(self.send_resolved)]


def configuration(timelines, hooks, prefix):
    lines = ["global: {resolve_timeout: 1h}", "route:", "  receiver: none", "  group_wait: 1s", "  group_interval: 2s", "  repeat_interval: 1h",
             "  routes:"]
    for timeline in timelines:
        lines += timeline.routes()
    lines += ["inhibit_rules: [{source_matchers: [alertname=Cause], target_matchers: [alertname=Effect], equal: [timeline]}]", "receivers:",
              "  - name: none"]
    for timeline in timelines:
        lines += timeline.receivers(hooks, prefix)
    return "\n".join(lines) + "\n"


class Player:
    """Plays events against one of the two."""

    def __init__(self, url):
        self.url, self.silences = url, {}

    def play(self, events):
        alerts = []
        for act, labels, note in events:
            if act == "silence":
                body = {"matchers": [{"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in labels.items()],
                        "startsAt": at(0), "endsAt": at(3600), "createdBy": "t", "comment": "t"}
                answer = json.loads(self.send("/api/v2/silences", body))
                self.silences[json.dumps(labels)] = answer["silenceID"]
            elif act == "expire":
                request(f"{self.url}/api/v2/silence/{self.silences[json.dumps(labels)]}", "DELETE", timeout=20)
            else:
                alerts.append({"labels": labels, "annotations": {"note": note or ""}, **({"endsAt": at(-0.001)} if act == "resolve" else {})})
        if alerts:
            self.send("/api/v2/alerts", alerts)

    def send(self, path, body):
        status, text = request(self.url + path, "POST", json.dumps(body), {"Content-Type": "application/json"}, timeout=20)
        assert status == 200, text
        return text


def deliveries(hooks, prefix, began):
    """path -> [(seconds, group, firing, resolved)]"""
    out = {}
    for message in hooks.messages(prefix + "/"):
        path = message["path"][len(prefix):]
        group = json.dumps(message["body"]["groupLabels"], sort_keys=True)
        out.setdefault((path, group), []).append((round(message["at"] - began, 2), names(message, "firing"), names(message, "resolved")))
    return out


def differences(theirs, ours):
    out = []
    for key in sorted({*theirs, *ours}):
        a, b = theirs.get(key, []), ours.get(key, [])
        same = len(a) == len(b) and all(x[1:] == y[1:] and abs(x[0] - y[0]) <= 1 for x, y in zip(a, b))
        if not same:
            out.append(f"{key[0]} {key[1]}\n  Alertmanager: {a}\n  Sluice:       {b}")
    return out


def run(seed, count, steps):
    """(number of deliveries compared, differences)"""
    rng = random.Random(seed)
    timelines = [Timeline(n, rng, steps) for n in range(count)]
    with tempfile.TemporaryDirectory() as folder, Hooks() as hooks:
        port = free_port()
        Path(folder, "am.yml").write_text(configuration(timelines, hooks, "/am"))
        with open(Path(folder, "am.log"), "wb") as log:
            peer = subprocess.Popen(["prometheus-alertmanager", f"--config.file={folder}/am.yml", f"--storage.path={folder}/am",
                                     f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], stdout=log, stderr=log)
        agent = Notifying(configuration(timelines, hooks, "/us"))
        try:
            theirs, ours = Player(f"http://127.0.0.1:{port}"), Player(agent.url)
            see("the Alertmanager is ready", lambda: request(theirs.url + "/-/ready")[0] == 200)
            began = time.time()
            with ThreadPoolExecutor(2) as both:
                for step in range(steps):
                    # The grid is real time: both are given the same events at the same moment.
                    time.sleep(max(0, began + GRID_S * step - time.time()))
                    events = [event for timeline in timelines for event in timeline.steps[step]]
                    for done in [both.submit(theirs.play, events), both.submit(ours.play, events)]:
                        done.result()
            end = began + GRID_S * steps + 2
            see("the last flush", lambda: time.time() > end)
            a, b = deliveries(hooks, "/am", began), deliveries(hooks, "/us", began)
        finally:
            peer.kill()
            peer.wait()
            agent.close()
    return sum(map(len, a.values())), differences(a, b)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--timelines", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    if not shutil.which("prometheus-alertmanager"):
        print("skipped: prometheus-alertmanager is not installed")
        return 77
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, {options.timelines} timelines of {options.steps} steps", flush=True)
    compared, wrong = run(seed, options.timelines, options.steps)
    for difference in wrong:
        print(difference)
    print(f"{compared} deliveries, {len(wrong)} groups differ")
    return 1 if wrong or compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
