#!/usr/bin/env python3
"""kill -9 at random instants, while alerts come and go: what was taken is told, and what was told is told to be over.

    tests/e2e/kill9.py --kills 200 --seed 7

A sender posts each change until the agent says 200, and then never again. The receiver now and then answers 500, or too late.
"""
import argparse
import json
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from alerts_world import Notifying, alert, webhook  # noqa: E402
from harness import request, see  # noqa: E402
from receivers import Hooks  # noqa: E402

CONFIG = """global: {{resolve_timeout: 1h}}
route: {{receiver: r, group_by: [alertname], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}}
receivers: [{{name: r, webhook_configs: [{webhook}]}}]
"""
# An answer is on its way to the disk in less than a millisecond after the agent has read it. On a machine that does much else the agent
# may not come to read it for a while, but not at every fifth kill.
ANSWER_KEPT_WITHIN = 0.25  # seconds
LATE_KILLS = 0.2


class Sender(threading.Thread):
    """Begins alerts and ends them: half of them when they were told, the others when it likes."""

    def __init__(self, agent, hooks, rng):
        super().__init__(daemon=True)
        self.agent, self.hooks, self.rng = agent, hooks, rng
        self.begun, self.lasting, self.ended, self.stopping, self.died = [], set(), set(), False, None

    def run(self):
        try:
            while not self.stopping:
                self.begin()
                for name in [n for n in self.begun if n not in self.ended]:
                    if (name in self.told("firing")) if name in self.lasting else self.rng.random() < 0.2:
                        self.end(name)
                time.sleep(0.05)
        except Exception as error:  # a test that goes on without its sender would pass for nothing
            self.died = error

    def begin(self):
        name = f"A{len(self.begun)}"
        self.post(alert(name))
        self.begun.append(name)
        if self.rng.random() < 0.5:
            self.lasting.add(name)

    def end(self, name):
        self.post(alert(name, ends_in=-0.001))
        self.ended.add(name)

    def post(self, one):
        while True:
            try:
                status, _ = request(self.agent.url + "/api/v2/alerts", "POST", json.dumps([one]), {"Content-Type": "application/json"})
                if status == 200:
                    return
            except OSError:
                time.sleep(0.02)

    def told(self, status):
        return {a["labels"]["alertname"] for m in self.hooks.delivered() for a in m["body"]["alerts"] if a["status"] == status}


def repeats(messages, kills):
    """For each thing that was told twice: which kill it was, and how long, in seconds, its answer had been there by then; 0 where the
    answer came too late, endless where nobody was killed. `kills` are pairs of times, before and after."""
    before, ages = {}, []
    for message in messages:
        for a in message["body"]["alerts"]:
            what = (a["labels"]["alertname"], a["status"])
            if what in before:
                first = before[what]
                lived = [(start - first["answered_at"], i) for i, (start, end) in enumerate(kills)
                         if first["at"] <= end and start <= message["at"]]
                # A request may be read when its sender is dead already; then the next one comes on another connection.
                age, kill = max(lived, default=(float("inf") if first["peer"] == message["peer"] else 0, None))
                ages.append((kill, max(0, age)))
            before[what] = message
    return ages


def run(seed, kills):
    """(what was lost, alerts begun, messages, repeats)"""
    rng = random.Random(seed)
    moods = random.Random(seed + 1)
    with Hooks(lambda message: 500 if moods.random() < 0.1 else 200) as hooks:
        agent = Notifying(CONFIG.format(webhook=webhook(hooks)))
        try:
            sender = Sender(agent, hooks, rng)
            sender.start()
            kill_times = []
            for _ in range(kills):
                time.sleep(rng.random() * rng.choice([0.02, 0.2, 0.6]))  # the instant is the point
                at = time.time()
                agent.kill()
                kill_times.append((at, time.time()))
                agent.start()
            sender.stopping = True
            sender.join()
            if sender.died:
                raise sender.died

            def lost():
                firing, resolved = sender.told("firing"), sender.told("resolved")
                return sorted([f"{n} was never told" for n in sender.lasting - firing] + [f"{n} was never told to be over"
                              for n in (sender.ended & firing) - resolved])

            for name in sender.begun:
                if name not in sender.lasting and name not in sender.ended:
                    sender.end(name)
            try:
                see("everything lasting is told", lambda: not sender.lasting - sender.told("firing"), 20)
                for name in sender.lasting - sender.ended:
                    sender.end(name)
                see("nothing is lost", lambda: not lost(), 20)
            except AssertionError:
                pass
            return lost(), len(sender.begun), len(hooks.delivered()), repeats(hooks.delivered(), kill_times)
        finally:
            agent.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kills", type=int, default=15)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, {options.kills} kills", flush=True)
    lost, begun, messages, twice = run(seed, options.kills)
    for what in lost:
        print(what)
    ages = [age for _, age in twice]
    late = {kill for kill, age in twice if age > ANSWER_KEPT_WITHIN}
    print(f"{begun} alerts, {messages} messages, {len(lost)} lost; {len(twice)} told twice, of which {sum(age > 0 for age in ages)} had an "
          f"answer, for {max(ages, default=0) * 1000:.1f} ms at most; {len(late)} kills came more than {ANSWER_KEPT_WITHIN} s after one")
    return 1 if lost or begun == 0 or None in late or len(late) > LATE_KILLS * options.kills else 0


if __name__ == "__main__":
    sys.exit(main())
