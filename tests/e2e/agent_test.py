"""The daemon as a whole: what people do with it, and what must hold when things break."""
import json
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from world import ROOT, World, eventually, fetch  # noqa: E402

CONFIG = """
global: {{interval: 500ms, timeout: 400ms}}
store: {{retention: 10m, path: {data}}}
redis: {{url: "{redis}"}}
modules:
  auth: {{prober: oidc, oidc: {{health_path: /health}}}}
  database: {{prober: postgres, postgres: {{user: demo, password: demo-secret}}}}
probes:
  - job_name: auth
    module: auth
    static_configs: [{{targets: [{targets}]}}]
    health: {{rise: 2, fall: 2, fast_interval: 200ms}}
    upstream:
      pool: auth
      flag: {{key: "auth_server:disabled:{{target}}", value: "1", ttl: 3s}}
      disable_time: {{base: 1s, max: 10s}}
      max_disabled_percent: 50
      min_available: 1
  - job_name: postgres
    module: database
    static_configs: [{{targets: ["{postgres}"]}}]
  - job_name: redis
    module: redis
    static_configs: [{{targets: ["{redis_address}"]}}]
"""


def config(world, targets=None):
    env = world.env
    targets = targets or [env["AUTH_SERVER_1"], env["AUTH_SERVER_2"]]
    return CONFIG.format(data=world.dir / "data", redis=env["REDIS_URL"], postgres=env["POSTGRES_ADDRESS"],
                         redis_address=env["REDIS_ADDRESS"], targets=", ".join(f'"{t}"' for t in targets))


class AgentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = cls.enterClassContext(World())

    def setUp(self):
        self.addCleanup(self.world.heal)
        self.auth1 = self.world.env["AUTH_SERVER_1"]
        self.flag = f"auth_server:disabled:{self.auth1}"

    def start(self, text=None):
        return self.enterContext(self.world.agent(text or config(self.world)))

    def test_a_prometheus_that_honors_labels_sees_what_it_would_have_scraped_itself(self):
        agent = self.start()
        agent.see(1, "probe_success", job="auth", instance=self.auth1)
        scrape = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
        scrape = scrape.replace("127.0.0.1:9808", self.world.env["SLUICE_LISTEN_ADDRESS"]).replace("15s", "1s")
        file = self.world.write("prometheus.yml", scrape)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with open(self.world.dir / "prometheus.log", "wb") as log:
            prometheus = subprocess.Popen(
                ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={self.world.dir}/tsdb",
                 f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.kill)

        def query(expression):
            body = json.loads(fetch(f"{url}/api/v1/query?query={expression}")[1])
            return [(r["metric"], r["value"][1]) for r in body["data"]["result"]]

        found = eventually(lambda: query("probe_success"), "Prometheus has probe_success")
        expected = {("auth", self.auth1), ("auth", self.world.env["AUTH_SERVER_2"]),
                    ("postgres", self.world.env["POSTGRES_ADDRESS"]), ("redis", self.world.env["REDIS_ADDRESS"])}
        self.assertEqual({(m["job"], m["instance"]) for m, _ in found}, expected)
        self.assertEqual({value for _, value in found}, {"1"})
        self.assertFalse(any("exported_job" in m for m, _ in found))
        for up in ("pg_up", "redis_up"):
            self.assertEqual([value for _, value in query(up)], ["1"], up)
        kinds = json.loads(fetch(f"{url}/api/v1/metadata?metric=probe_success")[1])["data"]["probe_success"]
        self.assertEqual((kinds[0]["type"], bool(kinds[0]["help"])), ("gauge", True))

    def test_every_family_has_help_and_type(self):
        agent = self.start()
        agent.see(1, "probe_success", job="auth", instance=self.auth1)
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
                families = {name, *(name.removesuffix(s) for s in ("_bucket", "_sum", "_count", "_total"))}
                if not families & typed:
                    bare.add(name)
        self.assertEqual(bare, set())
        self.assertEqual(typed - described, set())

    def test_the_keys_of_a_real_provider_are_watched(self):
        agent = self.start()
        agent.see(1, "probe_oidc_jwks_signing_keys", instance=self.auth1)
        served = json.loads(fetch(f"{self.auth1}/jwks")[1])["keys"][0]
        self.assertEqual(agent.value("probe_oidc_jwks_newest_key_info", instance=self.auth1, kid=served["kid"]), 1)
        for name, value in (("discovery_success", 1), ("jwks_success", 1), ("health_success", 1), ("issuer_matches", 1),
                            ("jwks_cache_max_age_seconds", 300), ("jwks_changes_total", 0)):
            self.assertEqual(agent.value(f"probe_oidc_{name}", instance=self.auth1), value, name)
        self.assertEqual(agent.series("probe_oidc_warnings", instance=self.auth1), {})

    def test_a_dead_agent_leaves_no_flag_behind(self):
        agent = self.start()
        self.world.kill("auth1")
        eventually(lambda: self.world.redis.get(self.flag) == "1", "the flag is set")
        self.assertGreater(self.world.redis.pttl(self.flag), 0)
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
        eventually(lambda: not self.world.redis.exists(self.flag), "the flag lapsed", patience_s=10)

    def test_the_budget_keeps_the_last_server_in(self):
        agent = self.start()
        self.world.kill("auth1")
        self.world.kill("auth2")
        both = [self.flag, f"auth_server:disabled:{self.world.env['AUTH_SERVER_2']}"]
        # Both stay dead for longer than it takes to disable one; at no time may both flags be set.
        until = time.monotonic() + 10
        while time.monotonic() < until:
            self.assertLessEqual(self.world.redis.exists(*both), 1)
            time.sleep(0.05)
        self.assertEqual(set(agent.series("probe_success", job="auth").values()), {0.0}, "the agent knows")

    def test_sigterm_ends_it_within_five_seconds(self):
        agent = self.start()
        self.world.freeze("postgres")  # a probe is always under way
        started = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        self.assertEqual(agent.process.wait(30), 0)
        self.assertLess(time.monotonic() - started, 5)

    def test_a_frozen_server_fails_and_delays_nobody(self):
        agent = self.start()
        agent.see(1, "probe_success", job="postgres")
        self.world.freeze("postgres")
        agent.see(0, "probe_success", job="postgres")
        self.assertEqual(agent.value("probe_success", job="auth", instance=self.auth1), 1)
        self.world.thaw("postgres")
        agent.see(1, "probe_success", job="postgres")

    def test_a_reload_swaps_what_changed_and_a_broken_file_changes_nothing(self):
        agent = self.start()
        agent.see(1, "probe_success", job="auth", instance=self.auth1)
        self.world.write("sluice.yml", config(self.world) + "\nprobez: []\n")
        status, text = agent.post("/-/reload")
        self.assertGreaterEqual(status, 400)
        self.assertIn("did you mean", text)
        self.assertEqual(agent.value("sluice_config_last_reload_successful"), 0)
        self.assertEqual(agent.value("probe_success", job="auth", instance=self.auth1), 1)

        self.world.write("sluice.yml", config(self.world, [self.world.env["AUTH_SERVER_2"]]))
        self.assertEqual(agent.post("/-/reload")[0], 200)
        agent.see(1, "sluice_config_last_reload_successful")
        eventually(lambda: not agent.series("probe_success", instance=self.auth1), "its series are gone")
        agent.see(1, "probe_success", job="auth")

        self.world.write("sluice.yml", config(self.world))
        agent.process.send_signal(signal.SIGHUP)
        agent.see(1, "probe_success", job="auth", instance=self.auth1)

    def test_environment_variables_are_a_whole_configuration(self):
        names = ["AUTH_SERVERS", "DATABASE_URL", "REDIS_URL", "API_HEALTH_URL", "SLACK_WEBHOOK_URL",
                 "PAGERDUTY_INTEGRATION_KEY"]
        file = self.world.write(".env.production", "".join(f"{n}={self.world.env[n]}\n" for n in names))
        agent = self.enterContext(self.world.agent(arguments=[f"--env-file={file}"]))

        def all_succeed():
            found = agent.series("probe_success")
            return len(found) == 5 and set(found.values()) == {1.0}

        eventually(all_succeed, "two auth servers, PostgreSQL, Redis and the API are probed")


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    unittest.main()
