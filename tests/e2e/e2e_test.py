#!/usr/bin/python3
"""The built agent against real servers: the closed loop, and the faults it must survive.

    SLUICE=build/release/sluice tests/e2e/e2e_test.py [-v] [E2e.test_...]
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import ROOT, SLUICE, Agent, World, free_port, request, see  # noqa: E402

RULES = """
groups:
  - name: service
    interval: 500ms
    rules:
      - alert: AuthServerDown
        expr: probe_success{job="auth"} == 0
        labels: {severity: critical}
        annotations: {summary: "auth server {{ $labels.instance }} is down"}
"""
ALERTING = """
route: {receiver: on-call, group_by: [alertname, instance], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: on-call
    slack_configs: [{api_url: "${SLACK_WEBHOOK_URL}", send_resolved: true}]
    pagerduty_configs: [{routing_key: 0123456789abcdef0123456789abcdef, url: "${PAGERDUTY_URL}"}]
"""
CONFIG = """
global: {interval: 500ms, timeout: 400ms, evaluation_interval: 500ms}
redis: {url: "${REDIS_URL}", timeout: 1s}
modules:
  auth: {prober: oidc, timeout: 400ms}
probes:
  - job_name: auth
    module: auth
    static_configs: [{targets: ["${AUTH_SERVER_1}", "${AUTH_SERVER_2}"]}]
    health: {rise: 2, fall: 2, fast_interval: 200ms}
    upstream:
      pool: auth
      flag: {key: "auth_server:disabled:{target}", ttl: 6s}
      disable_time: {base: 1s, max: 2s}
rule_files: [rules.yml]
alerting: {config_file: alertmanager.yml, expand_environment: true}
"""


class E2e(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def setUp(self):
        for name in ("redis", "auth1", "auth2", "receiver"):
            try:
                self.world.signal(name, 0)
            except (OSError, ValueError):
                self.world.revive(name)
        self.world.redis("flushall")
        self.world.behave(kind="slack", status=200, times=0)
        self.world.behave(kind="pagerduty", status=202, times=0)
        self.world.forget_messages()
        self.auth1, self.auth2 = self.world["AUTH_SERVER_1"], self.world["AUTH_SERVER_2"]

    def agent(self, config=CONFIG, files=None, **more):
        files = dict({"rules.yml": RULES, "alertmanager.yml": ALERTING}, **(files or {}))
        agent = Agent(config, files, env=dict(self.world.env, **more.pop("env", {})), **more)
        self.addCleanup(agent.close)
        return agent

    def flag(self, target):
        return self.world.redis("get", f"auth_server:disabled:{target}")

    def ttl(self, target):
        return int(self.world.redis("pttl", f"auth_server:disabled:{target}"))

    def healthy(self, agent):
        see("both auth servers are up", lambda: agent.metric("sluice_upstream_up", self.auth1) == 1
            and agent.metric("sluice_upstream_up", self.auth2) == 1)

    def told(self, kind, word, containing=""):
        return [m for m in self.world.messages(kind, containing) if word in json.dumps(m).lower()]

    # The loop closes -----------------------------------------------------------------------------------------------

    def test_a_dead_upstream_is_disabled_and_told_and_all_of_it_is_undone(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.kill("auth1")
        see("probe_success 0", lambda: agent.metric("probe_success", self.auth1) == 0)
        see("the flag", lambda: self.flag(self.auth1) == "1")
        self.assertTrue(0 < self.ttl(self.auth1) <= 6000)
        self.assertEqual(agent.metric("sluice_probe_failure_reason", self.auth1, 'reason="connect_refused"'), 1)
        see("Slack", lambda: self.told("slack", "firing", self.auth1))
        see("PagerDuty", lambda: [m for m in self.world.messages("pagerduty", self.auth1) if m["event_action"] == "trigger"])
        see("the lease runs down", lambda: self.ttl(self.auth1) < 5000)
        see("and is renewed", lambda: self.ttl(self.auth1) > 5000)
        self.world.revive("auth1")
        see("the flag is gone", lambda: self.flag(self.auth1) == "")
        see("Slack: resolved", lambda: self.told("slack", "resolved", self.auth1))
        trigger, = [m for m in self.world.messages("pagerduty") if m["event_action"] == "trigger"]
        see("PagerDuty: resolved with the same key", lambda: [m for m in self.world.messages("pagerduty")
            if m["event_action"] == "resolve" and m["dedup_key"] == trigger["dedup_key"]])
        self.assertEqual(self.flag(self.auth2), "")

    def test_a_change_of_a_flag_is_published(self):
        agent = self.agent()
        self.healthy(agent)
        listener = subprocess.Popen(["redis-cli", "-u", self.world["REDIS_URL"], "psubscribe", "sluice:*"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(listener.stdout.close)
        self.addCleanup(listener.wait)
        self.addCleanup(listener.kill)
        for _ in range(3):
            listener.stdout.readline()
        self.world.kill("auth1")
        lines = [listener.stdout.readline() for _ in range(4)]
        event = json.loads(lines[3])
        self.assertEqual((event["pool"], event["target"], event["action"]), ("auth", self.auth1, "disable"))

    def test_the_budget_holds_when_everything_dies(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.kill("auth1")
        see("the flag", lambda: self.flag(self.auth1) == "1")
        self.world.kill("auth2")
        see("the second is down, too", lambda: agent.metric("sluice_target_health", self.auth2) == 0)
        see("it is held", lambda: agent.metric("sluice_upstream_holds_total", "auth") or any(
            name.startswith("sluice_upstream_holds_total") for name in agent.metrics()))
        self.assertEqual(self.flag(self.auth2), "", "one of two is all that may be disabled")
        see("people are told of both", lambda: self.told("slack", "firing", self.auth2))

    def test_never_both_when_both_die_at_once(self):
        agent = self.agent()
        self.healthy(agent)
        for name in ("auth1", "auth2"):
            self.world.signal(name, signal.SIGKILL)
        self.addCleanup(lambda: [self.world.revive(name) for name in ("auth1", "auth2")])
        see("the agent knows", lambda: all(agent.metric("sluice_target_health", auth) == 0 for auth in (self.auth1, self.auth2)))
        runs = agent.metric("sluice_probe_runs_total", self.auth1, "failure")

        def watched_long_enough():
            self.assertFalse(self.flag(self.auth1) and self.flag(self.auth2))
            return agent.metric("sluice_probe_runs_total", self.auth1, "failure") > runs + 10
        see("ten more failures, and never both", watched_long_enough)
        see("people are told of both", lambda: self.told("slack", "firing", self.auth1) and self.told("slack", "firing", self.auth2))

    def test_shadow_mode_decides_and_shows_but_sets_no_flag(self):
        agent = self.agent(CONFIG.replace("pool: auth", "pool: auth\n      mode: shadow"))
        self.healthy(agent)
        self.world.kill("auth1")
        see("it would be disabled", lambda: agent.metric("sluice_upstream_disabled", self.auth1, 'mode="shadow"') == 1)
        self.assertEqual(self.flag(self.auth1), "")

    def test_the_flag_lapses_when_the_agent_is_killed(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.kill("auth1")
        see("the flag", lambda: self.flag(self.auth1) == "1")
        agent.stop(signal.SIGKILL)
        see("the flag has lapsed", lambda: self.flag(self.auth1) == "", within=8)

    def test_an_operator_s_word_wins_and_is_kept_in_the_trail(self):
        agent = self.agent()
        self.healthy(agent)
        done = agent.sluice("upstreams", "--url", agent.url, "disable", self.auth2, "--for", "1h", "--reason", "upgrade", "--author", "ann")
        self.assertEqual(done.returncode, 0, done.stderr)
        see("the flag", lambda: self.flag(self.auth2) == "1")
        listing = agent.sluice("upstreams", "--url", agent.url).stdout
        self.assertIn("operator: upgrade", listing)
        self.assertEqual(agent.sluice("upstreams", "--url", agent.url, "auto", self.auth2).returncode, 0)
        see("the flag is gone", lambda: self.flag(self.auth2) == "")
        log = agent.sluice("upstreams", "--url", agent.url, "log").stdout
        self.assertIn("upgrade", log)
        self.assertEqual(agent.sluice("upstreams", "--url", agent.url, "disable", "nobody", "--reason", "x").returncode, 1)

    def test_without_redis_the_agent_gates_in_process(self):
        agent = self.agent(CONFIG.replace('redis: {url: "${REDIS_URL}", timeout: 1s}', ""))
        self.healthy(agent)
        self.world.kill("auth1")
        see("disabled in process", lambda: agent.metric("sluice_upstream_disabled", self.auth1) == 1)

    # What is watched -----------------------------------------------------------------------------------------------

    def test_the_keys_of_a_real_provider_are_watched(self):
        agent = self.agent(CONFIG.replace("timeout: 400ms}\nprobes:", "timeout: 400ms, oidc: {health_path: /health}}\nprobes:"))
        self.healthy(agent)
        served = json.loads(request(f"{self.auth1}/jwks")[1])["keys"][0]
        self.assertEqual(agent.metric("probe_oidc_jwks_newest_key_info", self.auth1, f'kid="{served["kid"]}"'), 1)
        for name, value in (("discovery_success", 1), ("jwks_success", 1), ("health_success", 1), ("issuer_matches", 1), ("jwks_signing_keys", 1),
                            ("jwks_cache_max_age_seconds", 300), ("jwks_changes_total", 0)):
            self.assertEqual(agent.metric(f"probe_oidc_{name}", self.auth1), value, name)
        self.assertIsNone(agent.metric("probe_oidc_warnings", self.auth1))

    def test_a_frozen_database_fails_and_delays_nobody(self):
        agent = self.agent(CONFIG.replace("rule_files:", """  - job_name: postgres
    module: database
    static_configs: [{targets: ["${POSTGRES_ADDRESS}"]}]
rule_files:""").replace("probes:", "  database: {prober: postgres, postgres: {user: demo, password: demo-secret}}\nprobes:", 1))
        see("the database is well", lambda: agent.metric("pg_up") == 1)
        missed = agent.metric("sluice_probe_missed_total")
        self.world.signal("postgres", signal.SIGSTOP)
        try:
            see("it fails", lambda: agent.metric("probe_success", 'job="postgres"') == 0)
            self.assertEqual(agent.metric("sluice_probe_failure_reason", 'reason="sql_timeout"'), 1)
            self.assertEqual(agent.metric("probe_success", self.auth1), 1)
            self.assertEqual(agent.metric("sluice_probe_missed_total"), missed)
        finally:
            self.world.signal("postgres", signal.SIGCONT)
        see("and is well again", lambda: agent.metric("pg_up") == 1)

    def test_every_family_has_help_and_type(self):
        agent = self.agent()
        self.healthy(agent)
        described, typed, bare = set(), set(), set()
        for line in agent.get("/metrics")[1].splitlines():
            words = line.split(" ")
            if line.startswith("# HELP "):
                described.add(words[2])
                self.assertGreater(len(words), 3, line)
            elif line.startswith("# TYPE "):
                typed.add(words[2])
            elif line:
                name = line.split("{")[0].split(" ")[0]
                if not {name, *(name.removesuffix(s) for s in ("_bucket", "_sum", "_count", "_total"))} & typed:
                    bare.add(name)
        self.assertEqual(bare, set())
        self.assertEqual(typed - described, set())

    # Redis fails ---------------------------------------------------------------------------------------------------

    def redis_away(self, agent, bring_back):
        before = agent.metric("sluice_probe_missed_total")
        runs = agent.metric("sluice_probe_runs_total", self.auth2, "success")
        see("the agent notices", lambda: agent.metric("sluice_redis_connected") == 0)
        self.world.kill("auth1")
        see("people are told all the same", lambda: self.told("slack", "firing", self.auth1))
        see("probes go on", lambda: agent.metric("sluice_probe_runs_total", self.auth2, "success") > runs + 5)
        self.assertEqual(agent.metric("sluice_probe_missed_total"), before)
        bring_back()
        see("the flag, as soon as Redis is back", lambda: self.flag(self.auth1) == "1")

    def test_redis_killed(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.kill("redis")
        self.redis_away(agent, lambda: self.world.revive("redis"))

    def test_redis_stopped_in_its_tracks(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.signal("redis", signal.SIGSTOP)
        self.addCleanup(lambda: self.world.signal("redis", signal.SIGCONT))
        self.redis_away(agent, lambda: self.world.signal("redis", signal.SIGCONT))

    # Receivers fail ------------------------------------------------------------------------------------------------

    def test_slack_that_is_busy_is_obeyed_and_told_in_the_end(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.behave(kind="slack", status=429, headers={"Retry-After": "4"}, times=1)
        killed = time.monotonic()
        self.world.kill("auth1")
        see("it was refused once", lambda: agent.metric("sluice_notify_failed_total", "slack") == 1)
        see("it was told", lambda: agent.metric("sluice_notify_notifications_total", "slack") == 1)
        self.assertGreaterEqual(time.monotonic() - killed, 4, "it waited as it was told")

    def test_slack_that_fails_or_hangs_delays_nobody_else(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.behave(kind="slack", status=500, times=2)
        self.world.kill("auth1")
        see("PagerDuty is told meanwhile", lambda: self.world.messages("pagerduty", self.auth1))
        see("Slack is told in the end", lambda: agent.metric("sluice_notify_notifications_total", "slack") == 1)
        self.assertEqual(agent.metric("sluice_probe_missed_total"), 0)

    def test_a_receiver_that_is_away_is_told_when_it_is_back(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.kill("receiver")
        self.world.kill("auth1")
        see("it was tried", lambda: agent.metric("sluice_notify_failed_total", "slack", "connection"))
        self.world.revive("receiver")
        see("Slack is told", lambda: self.told("slack", "firing", self.auth1))
        see("PagerDuty is told", lambda: self.world.messages("pagerduty", self.auth1))

    def test_what_was_told_is_resolved_after_kill_9_and_not_told_twice(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.kill("auth1")
        see("Slack and PagerDuty", lambda: self.told("slack", "firing", self.auth1) and self.world.messages("pagerduty", self.auth1))
        see("delivered", lambda: agent.metric("sluice_notify_notifications_total", "slack") == 1
            and agent.metric("sluice_notify_notifications_total", "pagerduty") == 1)
        see("and noted", lambda: agent.metric("sluice_notify_outbox") == 0)
        time_to_note = time.monotonic() + 1.5
        see("the outcome is on disk", lambda: time.monotonic() > time_to_note)
        agent.stop(signal.SIGKILL)
        agent.start()
        see("it still fires", lambda: agent.metric("ALERTS{", "firing", self.auth1) == 1)
        self.world.revive("auth1")
        see("Slack: resolved", lambda: self.told("slack", "resolved", self.auth1))
        see("PagerDuty: resolved", lambda: [m for m in self.world.messages("pagerduty") if m["event_action"] == "resolve"])
        self.assertEqual(len([m for m in self.world.messages("pagerduty") if m["event_action"] == "trigger"]), 1)
        self.assertEqual(len(self.told("slack", "firing", self.auth1)), 1)

    # The disk fails ------------------------------------------------------------------------------------------------

    @unittest.skipUnless(os.geteuid() == 0, "skipped: a small file system needs root")
    def test_a_full_disk_silences_nobody(self):
        state = os.path.join(self.world.dir, "small")
        os.makedirs(state, exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", state], capture_output=True, check=False).returncode != 0:
            self.skipTest("skipped: cannot mount here")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", state], check=True))
        agent = self.agent(state=state)
        ballast = os.open(os.path.join(state, "ballast"), os.O_WRONLY | os.O_CREAT)
        with self.assertRaises(OSError):
            while True:
                os.write(ballast, b"x" * 512)
        os.close(ballast)
        self.healthy(agent)
        self.world.kill("auth1")
        see("people are told", lambda: self.told("slack", "firing", self.auth1) and self.world.messages("pagerduty", self.auth1))
        see("the failure is counted", lambda: agent.metric("sluice_notify_state_write_failures_total") > 0)
        see("the flag", lambda: self.flag(self.auth1) == "1")

    # Configuration -------------------------------------------------------------------------------------------------

    def test_a_broken_file_leaves_the_old_configuration_running(self):
        agent = self.agent()
        self.healthy(agent)
        runs = agent.metric("sluice_probe_runs_total", self.auth1, "success")
        agent.write("sluice.yml", CONFIG.replace("job_name: auth", "job_nam: auth"))
        status, text = request(agent.url + "/-/reload", "POST", "")
        self.assertEqual(status, 400)
        self.assertIn('unknown key "job_nam" in probes[0], did you mean "job_name"?', text)
        self.assertEqual(agent.metric("sluice_config_last_reload_successful"), 0)
        see("probes go on", lambda: agent.metric("sluice_probe_runs_total", self.auth1, "success") > runs + 2)
        agent.write("sluice.yml", CONFIG)
        agent.process.send_signal(signal.SIGHUP)
        see("the next one is taken", lambda: agent.metric("sluice_config_last_reload_successful") == 1)
        self.assertGreater(agent.metric("sluice_probe_runs_total", self.auth1, "success"), runs, "what did not change keeps its state")

    def test_ten_thousand_wrong_lines_are_refused_at_once(self):
        agent = self.agent()
        wrong = CONFIG + "".join(f"wrong{i}: {i}\n" for i in range(10000))
        agent.write("wrong.yml", wrong)
        checked = agent.sluice("check", "config", "wrong.yml")
        self.assertEqual(checked.returncode, 1)
        first = CONFIG.count("\n") + 1
        self.assertTrue(checked.stderr.startswith(f"wrong.yml:{first}:1: unknown key \"wrong0\""), checked.stderr[:200])
        self.assertTrue(checked.stderr.endswith("and 9000 more mistakes\n"), checked.stderr[-200:])
        agent.write("sluice.yml", wrong)
        self.assertEqual(request(agent.url + "/-/reload", "POST", "", timeout=60)[0], 400)
        self.assertEqual(agent.get("/-/healthy")[0], 200)

    def test_a_removed_target_takes_its_series_with_it(self):
        agent = self.agent()
        self.healthy(agent)
        agent.write("sluice.yml", CONFIG.replace(', "${AUTH_SERVER_2}"', ""))
        self.assertEqual(request(agent.url + "/-/reload", "POST", "")[0], 200)
        self.assertFalse([name for name in agent.metrics() if self.auth2 in name and not name.startswith("sluice_upstream")])
        answer = json.loads(agent.get(f"/api/v1/query?query=probe_success")[1])
        self.assertEqual([r["metric"]["instance"] for r in answer["data"]["result"]], [self.auth1])

    def test_the_variables_of_a_service_are_enough(self):
        env_file = os.path.join(self.world.dir, ".env.production")
        with open(env_file, "w", encoding="utf-8") as file:
            for name in ("AUTH_SERVERS", "DATABASE_URL", "REDIS_URL", "API_HEALTH_URL", "SLACK_WEBHOOK_URL", "PAGERDUTY_INTEGRATION_KEY", "PAGERDUTY_URL"):
                file.write(f"{name}={self.world[name]}\n")
        agent = Agent("", env={}, arguments=["--env-file", env_file])
        self.addCleanup(agent.close)
        see("everything is probed", lambda: len([n for n, v in agent.metrics().items() if n.startswith("probe_success") and v == 1]) == 5, within=40)

    def test_the_effective_configuration_shows_no_secret(self):
        agent = self.agent(CONFIG.replace("timeout: 1s}", "timeout: 1s}\nmodules:\n  db: {prober: postgres, postgres: {password: hunter2}}", 1)
                           .replace("modules:\n  auth:", "  auth:"))
        status, text = agent.get("/api/v1/status/config")
        self.assertEqual(status, 200)
        self.assertIn("<secret>", text)
        self.assertNotIn("hunter2", text)

    # Ending --------------------------------------------------------------------------------------------------------

    def test_sigterm_ends_within_five_seconds_whatever_hangs(self):
        agent = self.agent()
        self.healthy(agent)
        self.world.signal("auth2", signal.SIGSTOP)
        self.world.signal("redis", signal.SIGSTOP)
        try:
            status, took = agent.stop()
        finally:
            self.world.signal("auth2", signal.SIGCONT)
            self.world.signal("redis", signal.SIGCONT)
        self.assertEqual(status, 0, agent.log())
        self.assertLess(took, 5)

    def test_nothing_is_logged_while_nothing_changes(self):
        agent = self.agent()
        self.healthy(agent)
        see("it has settled", lambda: "shared Redis answers" in agent.log())
        lines = len(agent.log().splitlines())
        runs = agent.metric("sluice_probe_runs_total", self.auth1, "success")
        see("ten more probes", lambda: agent.metric("sluice_probe_runs_total", self.auth1, "success") > runs + 10)
        self.assertEqual(len(agent.log().splitlines()), lines, agent.log())

    # Other programs ------------------------------------------------------------------------------------------------

    def test_prometheus_scrapes_it_and_every_dashboard_query_has_data(self):
        if not shutil.which("prometheus"):
            self.skipTest("skipped: no prometheus here")
        world = self.world
        with open(os.path.join(ROOT, "deploy/config/example.yml"), encoding="utf-8") as file:
            example = file.read()
        with open(os.path.join(ROOT, "deploy/config/alertmanager.yml"), encoding="utf-8") as file:
            alerting = file.read()
        with open(os.path.join(ROOT, "deploy/config/rules/service.yml"), encoding="utf-8") as file:
            rules = file.read()
        agent = Agent(example.replace("rules/*.yml", "service.yml"), {"alertmanager.yml": alerting, "service.yml": rules},
                      env=dict(world.env, SLUICE_DATA=""))
        self.addCleanup(agent.close)
        port = free_port()
        agent.write("prometheus.yml", "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: sluice\n    honor_labels: true\n"
                    f"    static_configs: [{{targets: ['127.0.0.1:{agent.port}']}}]\n")
        with open(agent.path("prometheus.log"), "wb") as log:
            prometheus = subprocess.Popen(["prometheus", f"--config.file={agent.path('prometheus.yml')}", f"--storage.tsdb.path={agent.path('tsdb')}",
                                           f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.kill)

        def query(expression):
            from urllib.parse import quote
            return json.loads(request(f"http://127.0.0.1:{port}/api/v1/query?query={quote(expression)}")[1])["data"]["result"]

        see("Prometheus has the probes under their own names", lambda: query(f'probe_success{{job="auth",instance="{self.auth1}"}} == 1'))
        self.assertEqual({series["metric"]["job"] for series in query("probe_success")}, {"auth", "postgres", "redis", "api"})
        self.assertFalse(query('{exported_job!=""}'), "honor_labels leaves the targets their names")
        kind, = json.loads(request(f"http://127.0.0.1:{port}/api/v1/metadata?metric=probe_success")[1])["data"]["probe_success"]
        self.assertEqual((kind["type"], bool(kind["help"])), ("gauge", True))
        with open(os.path.join(ROOT, "dashboards/grafana/overview.json"), encoding="utf-8") as file:
            board = json.load(file)
        for panel in board["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$job", ".*")
                see(f"data for {panel['title']}: {expression}", lambda: query(expression), within=30)

    def test_amtool_drives_silences(self):
        if not shutil.which("amtool"):
            self.skipTest("skipped: no amtool here")
        agent = self.agent()
        self.healthy(agent)

        def amtool(*arguments):
            done = subprocess.run(["amtool", f"--alertmanager.url={agent.url}", *arguments], capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout
        silence = amtool("silence", "add", "alertname=AuthServerDown", "--comment=known", "--duration=1h").strip()
        self.assertIn(silence, amtool("silence", "query"))
        self.world.kill("auth1")
        see("the alert is suppressed", lambda: "suppressed" in agent.get("/api/v2/alerts")[1])
        self.assertFalse(self.world.messages("slack", self.auth1))
        amtool("silence", "expire", silence)
        see("now it is told", lambda: self.told("slack", "firing", self.auth1))
        self.assertIn("AuthServerDown", amtool("alert", "query"))
        self.assertIn("known", agent.sluice("silence", "--url", agent.url, "--json", "list").stdout)

    def test_blackbox_s_probe_contract(self):
        agent = self.agent()
        status, text = agent.get(f"/probe?target={self.auth1}/health&module=http_2xx")
        self.assertEqual(status, 200)
        self.assertIn("probe_success 1", text)
        self.assertEqual(agent.get("/probe?target=x&module=nothing")[0], 400)
        self.assertEqual(agent.get("/probe?module=http_2xx")[0], 400)
        self.assertIn("Logs for the probe", agent.get(f"/probe?target={self.auth1}/health&module=http_2xx&debug=true")[1])

    def test_tls_and_basic_auth_guard_the_agent(self):
        agent = self.agent()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", agent.path("key.pem"), "-out", agent.path("cert.pem"),
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        hashed = subprocess.run(["openssl", "rand", "-hex", "8"], check=True, capture_output=True, text=True).stdout.strip()
        agent.write("password", hashed)
        crypted = subprocess.run(["/usr/bin/python3", "-W", "ignore", "-c",
                                  "import crypt, sys; print(crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))", hashed],
                                 check=True, capture_output=True, text=True).stdout.strip()
        agent.write("web.yml", "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n" + f"basic_auth_users: {{ann: '{crypted}'}}\n")
        agent.write("sluice.yml", CONFIG + "web: {config_file: web.yml}\n")
        self.assertEqual(request(agent.url + "/-/reload", "POST", "")[0], 200)
        url = agent.url.replace("http:", "https:")
        known = ["--url", url, "--ca-file", agent.path("cert.pem")]
        self.assertEqual(agent.sluice("upstreams", *known).returncode, 1, "401 without a password")
        listed = agent.sluice("upstreams", *known, "--user", "ann", "--password-file", agent.path("password"))
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn(self.auth1, listed.stdout)

    # The command line ----------------------------------------------------------------------------------------------

    def test_probe_explains_itself(self):
        agent = self.agent()
        fine = agent.sluice("probe", self.auth1, "--module", "auth", "--timeout", "5s")
        self.assertEqual(fine.returncode, 0, fine.stderr)
        self.assertIn("probe succeeded", fine.stdout)
        failed = agent.sluice("probe", f"http://127.0.0.1:{free_port()}", "--module", "http_2xx")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("connect_refused", failed.stdout)
        self.assertEqual(agent.sluice("probe", "x", "--module", "nothing").returncode, 2)

    def test_every_command_has_help_and_wrong_usage_exits_2(self):
        def commands(prefix):
            done = subprocess.run([SLUICE, *prefix, "--help"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, prefix)
            _, _, listing = done.stdout.partition("Subcommands:")
            for line in listing.splitlines():
                words = line.split()
                if line.startswith("  ") and words:
                    self.assertGreater(len(words), 1, f"{prefix}: {line}: no help")
                    commands(prefix + [words[0]])
        commands([])
        self.assertEqual(subprocess.run([SLUICE, "nonsense"], capture_output=True, check=False).returncode, 2)
        self.assertEqual(subprocess.run([SLUICE, "run", "--nonsense"], capture_output=True, check=False).returncode, 2)
        self.assertEqual(subprocess.run([SLUICE, "check", "config", "/nonexistent"], capture_output=True, check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
