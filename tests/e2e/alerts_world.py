"""An agent that only notifies: an alertmanager.yml, receivers that remember, and alerts posted as senders do."""
import datetime
import json
import os
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Agent, request, see  # noqa: E402

QUICK = "group_wait: 200ms\n  group_interval: 500ms\n  repeat_interval: 1h"


def at(seconds_from_now):
    return datetime.datetime.fromtimestamp(time.time() + seconds_from_now, datetime.timezone.utc).isoformat()


def alert(name, ends_in=None, started_ago=None, annotations=None, **labels):
    out = {"labels": {"alertname": name, **labels}, "annotations": annotations or {}}
    if ends_in is not None:
        out["endsAt"] = at(ends_in)
    if started_ago is not None:
        out["startsAt"] = at(-started_ago)
    return out


def names(message, status):
    return sorted(a["labels"]["alertname"] + a["labels"].get("n", "") for a in message["body"]["alerts"] if a["status"] == status)


def told(hooks, path=""):
    """(firing, resolved) of every webhook that was answered well, in order."""
    return [(names(m, "firing"), names(m, "resolved")) for m in hooks.delivered(path)]


def webhook(hooks, path="/hook", **more):
    return json.dumps({"url": hooks.url + path, **more})


class Notifying(Agent):
    """`alertmanager` is the text of the file."""

    def __init__(self, alertmanager, **how):
        super().__init__("probes: []\nalerting: {config_file: alertmanager.yml}\n", files={"alertmanager.yml": alertmanager}, **how)

    def post(self, *alerts):
        status, text = request(self.url + "/api/v2/alerts", "POST", json.dumps(alerts), {"Content-Type": "application/json"}, timeout=30)
        assert status == 200, text

    def alerts(self, **query):
        return json.loads(self.get("/api/v2/alerts?" + urllib.parse.urlencode(query, doseq=True))[1])

    def silence(self, *matchers, ends_in=3600, **more):
        """Matchers as (name, value)."""
        body = {"matchers": [{"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in matchers], "startsAt": at(0),
                "endsAt": at(ends_in), "createdBy": "test", "comment": "test", **more}
        status, text = request(self.url + "/api/v2/silences", "POST", json.dumps(body), {"Content-Type": "application/json"})
        assert status == 200, text
        return json.loads(text)["silenceID"]

    def reload(self, alertmanager=None):
        if alertmanager:
            self.write("alertmanager.yml", alertmanager)
        status, text = request(self.url + "/-/reload", "POST")
        assert status == 200, text

    def amtool(self, *arguments):
        return subprocess.run(["amtool", f"--alertmanager.url={self.url}", *arguments], capture_output=True, text=True, timeout=30,
                              env={**os.environ, "HOME": self.dir})

    def kill(self):
        self.process.kill()
        self.process.wait()
