"""What Alertmanager's own acceptance tests describe, played against the agent; and what it promises on top."""
import json
import os
import shutil
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from alerts_world import QUICK, Notifying, alert, told, webhook  # noqa: E402
from harness import request, see  # noqa: E402
from receivers import Hooks  # noqa: E402


def simple(hooks, group_by="[alertname]", timing=QUICK, receiver=None, rest=""):
    return f"""route:
  receiver: default
  group_by: {group_by}
  {timing}
receivers:
  - name: default
    webhook_configs: [{receiver or webhook(hooks)}]
{rest}"""


class Case(unittest.TestCase):
    def start(self, text, **how):
        agent = Notifying(text, **how)
        self.addCleanup(agent.close)
        return agent

    def hooks(self, answer=None):
        return self.enterContext(Hooks(answer))

    def see_told(self, hooks, expected, path="", within=30):
        see(f"{expected}, not {told(hooks, path)}", lambda: told(hooks, path) == expected, within)


class AcceptanceTest(Case):
    def test_merging_one_alert_from_two_senders_is_one(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))
        agent.post(alert("A", started_ago=10, annotations={"n": "1"}))
        agent.post(alert("A", started_ago=5, annotations={"n": "2"}))
        self.see_told(hooks, [(["A"], [])])
        (got,) = agent.alerts()
        self.assertEqual(got["annotations"], {"n": "2"}, "the later word counts")
        agent.post(alert("A", ends_in=-0.001))
        self.see_told(hooks, [(["A"], []), ([], ["A"])])

    def test_repeat_comes_when_its_interval_has_passed(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks, timing="group_wait: 100ms\n  group_interval: 1h\n  repeat_interval: 1s"))
        agent.post(alert("A"))
        see("three times", lambda: len(told(hooks)) >= 3)
        times = [m["at"] for m in hooks.delivered()]
        for gap in (times[1] - times[0], times[2] - times[1]):
            self.assertGreater(gap, 0.9)
            self.assertLess(gap, 3)

    def test_batching_what_comes_within_group_wait_is_one_message(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks, group_by="[job]"))
        for n in "123":
            agent.post(alert("A", n=n))
        self.see_told(hooks, [(["A1", "A2", "A3"], [])])
        agent.post(alert("A", n="4"), alert("A", n="5"))
        self.see_told(hooks, [(["A1", "A2", "A3"], []), (["A1", "A2", "A3", "A4", "A5"], [])])

    def test_resolved_is_told_and_who_does_not_want_it_is_not(self):
        hooks = self.hooks()
        both = f"{webhook(hooks, '/wants')}, {webhook(hooks, '/not', send_resolved=False)}"
        agent = self.start(simple(hooks, receiver=both))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])], "/not")
        agent.post(alert("A", ends_in=-0.001))
        self.see_told(hooks, [(["A"], []), ([], ["A"])], "/wants")
        agent.post(alert("A"))  # and when it comes back it is news to both
        self.see_told(hooks, [(["A"], []), (["A"], [])], "/not")

    def test_an_alert_that_nobody_repeats_ends_after_resolve_timeout(self):
        hooks = self.hooks()
        agent = self.start("global: {resolve_timeout: 1s}\n" + simple(hooks))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], []), ([], ["A"])])

    def test_inhibition_of_the_consequence_while_the_cause_lasts(self):
        hooks = self.hooks()
        rules = "inhibit_rules: [{source_matchers: [alertname=Cause], target_matchers: [alertname=Effect], equal: [job]}]"
        agent = self.start(simple(hooks, rest=rules))
        agent.post(alert("Cause", job="a"), alert("Effect", job="a"), alert("Effect", job="b"))
        see("cause and the other effect", lambda: sorted(told(hooks)) == [(["Cause"], []), (["Effect"], [])])
        self.assertEqual([a["labels"]["job"] for m in hooks.delivered() for a in m["body"]["alerts"] if a["labels"]["alertname"] == "Effect"],
                         ["b"])
        (held,) = agent.alerts(filter=['alertname="Effect"', 'job="a"'])
        self.assertEqual(held["status"]["state"], "suppressed")
        self.assertEqual(len(held["status"]["inhibitedBy"]), 1)
        agent.post(alert("Cause", job="a", ends_in=-0.001))
        see("the effect is told", lambda: any({a["labels"]["job"] for a in m["body"]["alerts"]} == {"a", "b"} and len(m["body"]["alerts"]) == 2
                                               for m in hooks.delivered()))

    def test_silencing_and_the_end_of_a_silence(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks, group_by="['...']"))
        silence = agent.silence(("alertname", "A"), ("n", "1"))
        agent.post(alert("A", n="1"), alert("A", n="2"))
        self.see_told(hooks, [(["A2"], [])])
        (held,) = agent.alerts(filter='n="1"')
        self.assertEqual(held["status"]["silencedBy"], [silence])
        status, _ = request(f"{agent.url}/api/v2/silence/{silence}", "DELETE")
        self.assertEqual(status, 200)
        self.see_told(hooks, [(["A2"], []), (["A1"], [])])

    def test_a_silence_is_expired_by_its_end(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))
        agent.silence(("alertname", "A"), ends_in=1.5)
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])])
        self.assertGreater(hooks.delivered()[0]["at"], time.time() - 60)

    def test_cold_start_an_old_alert_does_not_wait_again(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks, timing="group_wait: 1h\n  group_interval: 2h\n  repeat_interval: 4h"))
        agent.post(alert("A", started_ago=7200))
        self.see_told(hooks, [(["A"], [])])

    def test_reload_keeps_groups_and_tells_nobody_twice(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])])
        agent.reload(simple(hooks, rest="inhibit_rules: []\n"))
        agent.post(alert("A"), alert("B"))
        self.see_told(hooks, [(["A"], []), (["B"], [])])

    def test_retry_until_the_receiver_takes_it(self):
        failures = iter([500, 503, 500])
        hooks = self.hooks(lambda message: next(failures, 200))
        agent = self.start(simple(hooks))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])])
        self.assertEqual(len(hooks.messages()), 4)

    def test_messages_share_a_connection_until_it_ends_or_the_configuration_changes(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))

        def tell(name, total):
            agent.post(alert(name))
            see(f"{name} is answered", lambda: agent.metric("sluice_notify_notifications_total", "default/webhook/0") == total)
            return len(hooks.connections)

        self.assertEqual([tell(name, total) for total, name in enumerate("ABC", 1)], [1, 1, 1])
        hooks.close_connections()
        self.assertEqual(tell("D", 4), 2)
        agent.reload()
        self.assertEqual(tell("E", 5), 3)
        self.assertEqual(told(hooks), [([name], []) for name in "ABCDE"])
        self.assertEqual(agent.metric("sluice_notify_failed_total", "default/webhook/0") or 0, 0)

    def test_webhook_timeout_is_tried_again(self):
        silent = iter([None])
        hooks = self.hooks(lambda message: next(silent, 200))
        agent = self.start(simple(hooks, receiver=webhook(hooks, timeout="500ms")))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])])
        self.assertEqual(len(hooks.messages()), 2)

    def test_mute_times_hold_everything_and_their_end_lets_it_through(self):
        hooks = self.hooks()
        always = "time_intervals: [{name: always, time_intervals: [{weekdays: ['sunday:saturday']}]}]\n"
        muted = simple(hooks, rest=always).replace("receivers:", "  routes: [{mute_time_intervals: [always], matchers: ['alertname=\"A\"']}]\nreceivers:")
        agent = self.start(muted)
        agent.post(alert("A"), alert("B"))
        self.see_told(hooks, [(["B"], [])])
        agent.reload(simple(hooks, rest=always))
        self.see_told(hooks, [(["B"], []), (["A"], [])])

    def test_webhook_bodies_have_the_shape_that_alertmanager_sends(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))
        agent.post(alert("A", annotations={"summary": "s"}, job="j"))
        see("told", lambda: told(hooks))
        body = hooks.delivered()[0]["body"]
        self.assertEqual(set(body), {"receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations", "externalURL",
                                     "version", "groupKey", "truncatedAlerts"})
        self.assertEqual((body["receiver"], body["status"], body["version"], body["groupKey"], body["truncatedAlerts"]),
                         ("default", "firing", "4", '{}:{alertname="A"}', 0))
        self.assertEqual(set(body["alerts"][0]), {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"})


class PromisesTest(Case):
    def test_what_was_told_is_told_to_be_over_though_it_is_silenced_by_then(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])])
        agent.silence(("alertname", "A"))
        agent.post(alert("A", ends_in=-0.001))
        self.see_told(hooks, [(["A"], []), ([], ["A"])])

    def test_a_receiver_that_was_away_gets_the_trigger_and_the_resolve(self):
        state = {"down": True}
        hooks = self.hooks(lambda message: 503 if state["down"] else 200)
        agent = self.start(simple(hooks))
        agent.post(alert("A"))
        see("it was tried", lambda: hooks.messages())
        agent.kill()
        agent.start()
        agent.post(alert("A"))
        state["down"] = False
        self.see_told(hooks, [(["A"], [])])
        see("its answer is known", lambda: agent.metric("sluice_notify_notifications_total", "default/webhook/0"))
        agent.post(alert("A"))  # answered when all that is known is on disk
        agent.kill()
        agent.start()
        agent.post(alert("A", ends_in=-0.001))
        self.see_told(hooks, [(["A"], []), ([], ["A"])])

    def test_a_reload_that_takes_the_receiver_away_still_resolves_through_it(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks, receiver=webhook(hooks, "/old")))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])], "/old")
        agent.reload(simple(hooks, receiver=webhook(hooks, "/new")).replace("default", "other"))
        self.see_told(hooks, [(["A"], [])], "/new")
        agent.post(alert("A", ends_in=-0.001))
        self.see_told(hooks, [(["A"], []), ([], ["A"])], "/old")
        self.see_told(hooks, [(["A"], []), ([], ["A"])], "/new")

    def test_damaged_state_is_set_aside_and_does_not_stop_the_start(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])])
        agent.kill()
        for file in Path(agent.state).glob("notify.*"):
            file.write_bytes(b"\x00nonsense\n" + file.read_bytes()[:50] + b"\n")
        agent.start()
        self.assertIn("the notification state is damaged; it is set aside", agent.log())
        agent.post(alert("B"))
        self.see_told(hooks, [(["A"], []), (["B"], [])])

    def test_a_disk_that_fails_keeps_nobody_from_being_told_and_is_made_good_afterwards(self):
        hooks = self.hooks()
        agent = self.start(simple(hooks))
        agent.post(alert("A"))
        self.see_told(hooks, [(["A"], [])])
        journal = Path(agent.state, "notify.journal")
        agent.process.send_signal(signal.SIGSTOP)  # or it could make a new one between these two lines
        self.addCleanup(agent.process.send_signal, signal.SIGCONT)
        os.waitid(os.P_PID, agent.process.pid, os.WSTOPPED | os.WNOWAIT)
        journal.unlink()
        journal.mkdir()
        agent.process.send_signal(signal.SIGCONT)
        agent.post(alert("B"))
        self.see_told(hooks, [(["A"], []), (["B"], [])])
        self.assertGreater(agent.metric("sluice_notify_state_write_failures_total"), 0)
        journal.rmdir()
        see("it is made good", lambda: "the notification state can be written again" in agent.log())
        agent.kill()
        agent.start()
        agent.post(alert("C"))
        self.see_told(hooks, [(["A"], []), (["B"], []), (["C"], [])])
        self.assertEqual(len(agent.alerts()), 3)


class SlackAndPagerDutyTest(Case):
    def slack(self, hooks, path="/slack", **more):
        return json.dumps({"api_url": hooks.url + path, "channel": "#ops", "send_resolved": True, **more})

    def config(self, hooks, slack, rest=""):
        return f"""route:
  receiver: team
  group_by: [alertname]
  {QUICK}
receivers:
  - name: team
    slack_configs: [{slack}]
{rest}"""

    def test_a_429_waits_as_told_and_merges_what_came_meanwhile(self):
        limited = iter([(429, {"Retry-After": "2"}, "rate_limited")])
        hooks = self.hooks(lambda message: next(limited, 200))
        agent = self.start(self.config(hooks, self.slack(hooks)))
        agent.post(alert("A"))
        see("the first is refused", lambda: hooks.messages())
        agent.post(*[alert(f"B{i}") for i in range(5)])
        see("one message with all of it", lambda: hooks.delivered())
        first, second = hooks.messages()[:2]
        self.assertGreaterEqual(second["at"] - first["at"], 2)
        self.assertEqual(len(second["body"]["attachments"]), 6, second["body"])
        see("it is counted, once", lambda: agent.metric("sluice_notify_notifications_total", "team/slack/0") == 1)

    def test_one_message_a_second(self):
        hooks = self.hooks()
        agent = self.start(self.config(hooks, self.slack(hooks)))
        agent.post(*[alert(f"A{i:02}") for i in range(45)])
        see("all are told", lambda: sum(len(m["body"]["attachments"]) for m in hooks.delivered()) == 45)
        times = [m["at"] for m in hooks.delivered()]
        self.assertGreater(len(times), 2)
        for before, after in zip(times, times[1:]):
            self.assertGreaterEqual(after - before, 0.95)

    def test_what_is_refused_for_good_is_dropped_and_another_receiver_hears_of_it(self):
        hooks = self.hooks(lambda message: (404, {}, "no_service") if message["path"] == "/slack" else 200)
        rest = f"  - name: pager\n    webhook_configs: [{webhook(hooks, '/pager')}]\n"
        agent = self.start(self.config(hooks, self.slack(hooks), rest))
        agent.post(alert("A"))
        see("the other one is told", lambda: (["SluiceNotificationRefused"], []) in told(hooks, "/pager"))
        self.assertEqual(len(hooks.messages("/slack")), 1, "not tried again")
        body = hooks.delivered("/pager")[0]["body"]
        self.assertIn("no_service", body["alerts"][0]["annotations"]["description"])
        self.assertEqual(agent.metric("sluice_notify_permanent_failures_total", "team/slack/0"), 1)
        self.assertIn("notification refused for good, dropped", agent.log())

    def test_too_much_is_cut_and_says_so(self):
        hooks = self.hooks()
        pagerduty = json.dumps({"routing_key": "k" * 32, "url": hooks.url + "/pagerduty"})
        agent = self.start(self.config(hooks, self.slack(hooks), f"    pagerduty_configs: [{pagerduty}]\n"))
        agent.post(*[alert("A", n=str(i), annotations={"summary": "x" * 20_000}) for i in range(60)])
        see("both are told", lambda: hooks.delivered("/slack") and hooks.delivered("/pagerduty"))
        slack, event = hooks.delivered("/slack")[0]["body"], hooks.delivered("/pagerduty")[0]["body"]
        self.assertLess(len(json.dumps(slack)), 16_000)
        self.assertIn("52 more firing", slack["attachments"][0]["text"])
        self.assertLess(len(json.dumps(event)), 512_000)
        self.assertLessEqual(len(event["payload"]["summary"]), 1024)
        self.assertIn("left out", json.dumps(event["payload"]["custom_details"]))

    def test_pagerduty_hears_of_one_incident_that_opens_and_closes(self):
        hooks = self.hooks()
        pagerduty = json.dumps({"routing_key": "k" * 32, "url": hooks.url + "/pagerduty"})
        agent = self.start(self.config(hooks, self.slack(hooks), f"    pagerduty_configs: [{pagerduty}]\n"))
        agent.post(alert("A", severity="page"))
        see("opened", lambda: hooks.delivered("/pagerduty"))
        agent.post(alert("A", severity="page", ends_in=-0.001))
        see("closed", lambda: len(hooks.delivered("/pagerduty")) == 2)
        opened, closed = (m["body"] for m in hooks.delivered("/pagerduty"))
        self.assertEqual((opened["event_action"], closed["event_action"]), ("trigger", "resolve"))
        self.assertEqual(opened["dedup_key"], closed["dedup_key"])
        self.assertEqual(opened["payload"]["severity"], "critical")


@unittest.skipUnless(shutil.which("amtool"), "amtool is not installed")
class AmtoolTest(Case):
    def test_alerts_are_added_and_found(self):
        agent = self.start(simple(self.hooks()))
        self.assertEqual(agent.amtool("alert", "add", "alertname=A", "node=n1", "--annotation=summary=hot").returncode, 0)
        self.assertEqual(agent.amtool("alert", "add", "B", "node=n2").returncode, 0)
        found = agent.amtool("alert", "query", "-o", "json", "node=n1")
        self.assertEqual([a["labels"] for a in json.loads(found.stdout)], [{"alertname": "A", "node": "n1"}], found.stderr)
        self.assertEqual(json.loads(found.stdout)[0]["annotations"], {"summary": "hot"})
        self.assertIn("A ", agent.amtool("alert", "query").stdout)
        self.assertEqual(agent.amtool("alert", "query", "-o", "json", "alertname=~[AB]", "node!=n1").stdout.count('"fingerprint"'), 1)

    def test_silences_are_added_found_changed_and_expired(self):
        agent = self.start(simple(self.hooks()))
        added = agent.amtool("silence", "add", "-a", "me", "-c", "because", "-d", "2h", "alertname=A", "node=~n.*")
        silence = added.stdout.strip()
        self.assertEqual(added.returncode, 0, added.stderr)
        self.assertEqual(agent.amtool("silence", "query", "-q").stdout.strip(), silence)
        (shown,) = json.loads(agent.amtool("silence", "query", "-o", "json").stdout)
        self.assertEqual((shown["createdBy"], shown["comment"], shown["status"]["state"]), ("me", "because", "active"))
        self.assertEqual(agent.amtool("silence", "update", "-c", "still", silence).returncode, 0)
        agent.amtool("alert", "add", "A", "node=n1")
        see("silenced", lambda: "A" in agent.amtool("alert", "query", "-s").stdout)
        self.assertEqual(agent.amtool("silence", "expire", silence).returncode, 0)
        self.assertEqual(agent.amtool("silence", "query", "-q").stdout.strip(), "")
        self.assertIn(silence, agent.amtool("silence", "query", "-q", "--expired").stdout)
        Path(agent.path("silences.json")).write_text(json.dumps([shown]))
        self.assertEqual(agent.amtool("silence", "import", agent.path("silences.json")).returncode, 0)
        (again,) = json.loads(agent.amtool("silence", "query", "-o", "json").stdout)
        self.assertEqual((again["comment"], again["matchers"]), ("because", shown["matchers"]))

    def test_a_silence_survives_kill_9(self):
        agent = self.start(simple(self.hooks()))
        silence = agent.amtool("silence", "add", "-a", "me", "-c", "because", "alertname=A").stdout.strip()
        agent.kill()
        agent.start()
        self.assertEqual(agent.amtool("silence", "query", "-q").stdout.strip(), silence)

    def test_the_configuration_is_shown_checked_and_routed(self):
        hooks = self.hooks()
        text = simple(hooks, rest=f"  - name: other\n    webhook_configs: [{webhook(hooks)}]\n").replace(
            "receivers:", "  routes: [{receiver: other, matchers: ['team=\"x\"']}]\nreceivers:", 1)
        agent = self.start(text)
        for arguments, expected in ((("config", "routes", "test", "team=x"), "other"), (("config", "routes", "test", "team=y"), "default"),
                                    (("config", "routes", "show"), "team"), (("config", "show"), "group_interval: 500ms"),
                                    (("check-config", agent.path("alertmanager.yml")), "SUCCESS")):
            got = agent.amtool(*arguments)
            self.assertIn(expected, got.stdout, f"{arguments}: {got.stderr}")
        checked = agent.sluice("check", "config", agent.path("alertmanager.yml"))
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_our_own_commands_do_the_same(self):
        agent = self.start(simple(self.hooks()))
        agent.post(alert("A", node="n1"))
        remote = f"--url={agent.url}"
        added = agent.sluice("silence", "add", "alertname=A", "--for", "1h", "--comment", "because", remote)
        self.assertEqual(added.returncode, 0, added.stderr)
        self.assertIn("because", agent.sluice("silence", "list", remote).stdout)
        self.assertIn("A", agent.sluice("alerts", remote).stdout)
        silence = json.loads(agent.get("/api/v2/silences")[1])[0]["id"]
        self.assertEqual(agent.sluice("silence", "expire", silence, remote).returncode, 0)
        self.assertEqual(json.loads(agent.get("/api/v2/silences")[1])[0]["status"]["state"], "expired")


if __name__ == "__main__":
    unittest.main()
