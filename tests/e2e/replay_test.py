"""What would another configuration have done? An outage recorded by a real agent, played again."""
import http.server
import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Agent, free_port, see  # noqa: E402

CONFIG = """
global: {{interval: 1s, timeout: 900ms}}
store: {{journal_size: 1MB}}
probes:
  - job_name: auth
    module: http_2xx
    interval: 500ms
    static_configs: [{{targets: [{targets}]}}]
    health: {{rise: 2, fall: 2}}
{upstream}
{more}
"""
ALERTING = """
route: {receiver: pager, group_wait: 1s, group_by: [alertname]}
receivers: [{name: pager, webhook_configs: [{url: "http://127.0.0.1:1/"}]}]
"""
RULES = """
groups:
  - name: replay
    interval: 1s
    rules:
      - {alert: AuthDown, expr: 'probe_success{job="auth"} == 0', for: 1s}
      - {alert: DatabaseSlow, expr: 'pg_stat_activity_max_tx_duration > 60'}
"""


class Upstream:
    def __init__(self):
        self.well = True
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if upstream.well else 503)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class ReplayTest(unittest.TestCase):
    def test_an_outage_is_played_again_under_another_configuration(self):
        upstreams = [Upstream() for _ in range(3)]
        for upstream in upstreams:
            self.addCleanup(upstream.server.server_close)
            self.addCleanup(upstream.server.shutdown)
        targets = ", ".join(f'"{u.url}"' for u in upstreams)
        # Recorded by an agent that knows no pools at all.
        agent = Agent(CONFIG.format(targets=targets, upstream="", more=""))
        self.addCleanup(agent.close)
        sick = upstreams[1].url
        see("all are up", lambda: agent.metric("sluice_target_health", sick) == 1)
        began = time.time()
        upstreams[1].well = False
        see("it is down", lambda: agent.metric("sluice_target_health", sick) == 0)
        time_down = time.time()
        see("down for three seconds", lambda: time.time() > time_down + 3)
        upstreams[1].well = True
        see("it is up again", lambda: agent.metric("sluice_target_health", sick) == 1)
        ended = time.time()
        see("half a second of calm", lambda: time.time() > ended + 3)
        agent.stop()

        def replay(upstream, *arguments):
            agent.write("alertmanager.yml", ALERTING)
            agent.write("rules.yml", RULES)
            agent.write("new.yml", CONFIG.format(
                targets=targets, upstream=f"    upstream: {{disable_time: {{base: 1s, jitter_percent: 0}}, {upstream}}}",
                more="rule_files: [rules.yml]\nalerting: {config_file: alertmanager.yml}"))
            done = agent.sluice("replay", "--config", "new.yml", "--journal", agent.state, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        report = json.loads(replay("max_disabled_percent: 50", "--json"))
        self.assertEqual([d["target"] for d in report["disabled"]], [sick])
        disabled = report["disabled"][0]
        self.assertTrue(began < disabled["from"] < time_down + 2, (began, disabled))
        self.assertTrue(disabled["from"] + 2 < disabled["to"] < ended + 3, (disabled, ended))
        self.assertIn("status_mismatch", disabled["evidence"])
        self.assertEqual([a["alert"] for a in report["alerts"]], ["AuthDown"])
        self.assertEqual([(m["firing"], m["resolved"]) for m in report["messages"]][0], ([f"AuthDown {sick}"], []))
        self.assertEqual(report["rules_without_data"], ["DatabaseSlow"])
        # With another policy nothing would have been disabled, and the report says what held it.
        report = json.loads(replay("max_disabled_percent: 0", "--json"))
        self.assertEqual(report["disabled"], [])
        self.assertIn("auth budget", report["held"])
        text = replay("mode: shadow")
        self.assertIn("Disabled: 1", text)
        self.assertIn("shadow", text)
        self.assertIn("AuthDown", text)
        # Only the time before.
        report = json.loads(replay("max_disabled_percent: 50", "--json", "--to", str(began)))
        self.assertEqual((report["disabled"], report["alerts"]), ([], []))

        # The same from samples.
        lines = ["# TYPE probe_success gauge"]
        for upstream in upstreams:
            for second in range(120):
                value = 0 if upstream is upstreams[0] and 30 <= second < 60 else 1
                lines.append(f'probe_success{{job="auth",instance="{upstream.url}"}} {value} {1700000000 + second}')
        agent.write("samples.om", "\n".join(lines) + "\n# EOF\n")
        done = agent.sluice("replay", "--config", "new.yml", "--openmetrics", "samples.om", "--json")
        report = json.loads(done.stdout)
        self.assertEqual([(d["target"], d["from"]) for d in report["disabled"]], [(upstreams[0].url, 1700000031)])
        self.assertEqual(report["alerts"][0]["labels"]["instance"], upstreams[0].url)

        for arguments, why in ((("--journal", "/nowhere"), "there is no probe journal"),
                               (("--from", "soon"), "--from"), (("--from", "-1s", "--to", "-2s"), "before")):
            done = agent.sluice("replay", "--config", "new.yml", *(() if "--journal" in arguments else ("--journal", agent.state)),
                                *arguments)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    unittest.main()
