"""Messages on their way: mail through a real server, receivers behind TLS and logins, alerts forwarded to Debian's Alertmanager."""
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from alerts_world import QUICK, Notifying, alert, told, webhook  # noqa: E402
from harness import Agent, free_port, request, see  # noqa: E402
from receivers import Hooks, MailServer, certificate  # noqa: E402

try:
    import aiosmtpd
except ImportError:
    aiosmtpd = None


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="sluice-delivery-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.tls, cls.ca_file = certificate(cls.folder)

    def start(self, text, **how):
        agent = Notifying(text, **how)
        self.addCleanup(agent.close)
        return agent


@unittest.skipUnless(aiosmtpd, "python3-aiosmtpd is not installed")
class MailTest(Case):
    def config(self, server, to="Ops <ops@example.com>", settings="", more="", rest=""):
        return f"""global:
  smtp_smarthost: 127.0.0.1:{server.port}
  smtp_from: Sluice <sluice@example.com>
{settings}
route:
  receiver: ops
  group_by: [alertname]
  {QUICK}
receivers:
  - name: ops
    email_configs: [{{to: '{to}', send_resolved: true{more}}}]
{rest}"""

    def tls_settings(self, *lines):
        return "\n".join("  " + line for line in (f"smtp_tls_config: {{ca_file: {self.ca_file}}}", *lines))

    def test_starttls_login_two_parts_and_a_thread(self):
        password = Path(self.folder) / "password"
        password.write_text("wrong\n")
        with MailServer(self.tls, users={"sluice": "s3cret"}) as server:
            settings = self.tls_settings("smtp_auth_username: sluice", f"smtp_auth_password_file: {password}")
            agent = self.start(self.config(server, "Ops <ops@example.com>, boss@example.com", settings, ", threading: {enabled: true}"))
            password.write_text("s3cret\n")  # read again when it is used
            agent.post(alert("Ärger", annotations={"summary": "<b>hot</b>"}))
            see("a mail", lambda: server.mails)
            agent.post(alert("Ärger", annotations={"summary": "<b>hot</b>"}, ends_in=-0.001))
            see("the second mail", lambda: len(server.mails) == 2)
        first, second = server.mails
        self.assertEqual((first["from"], first["to"]), ("sluice@example.com", ["ops@example.com", "boss@example.com"]))
        self.assertTrue(first["tls"])
        self.assertIn(first["login"], [("LOGIN", "sluice"), ("PLAIN", "sluice")])
        message = first["message"]
        self.assertEqual(message["Subject"], "[FIRING:1] Ärger ")
        self.assertEqual((message["To"], message["From"]), ("Ops <ops@example.com>, boss@example.com", "Sluice <sluice@example.com>"))
        self.assertEqual([p.get_content_type() for p in message.iter_parts()], ["text/plain", "text/html"])
        text, html = (p.get_content() for p in message.iter_parts())
        self.assertIn("<b>hot</b>", text)
        self.assertIn("&lt;b&gt;hot&lt;/b&gt;", html)
        self.assertIn("over after", second["message"].get_body(("plain",)).get_content())
        self.assertNotEqual(message["Message-Id"], second["message"]["Message-Id"])
        self.assertEqual(message["References"], second["message"]["In-Reply-To"])
        self.assertEqual([p["defects"] if isinstance(p, dict) else p.defects for p in (message, second["message"])], [[], []])

    def test_each_mechanism_and_implicit_tls(self):
        for mechanism, other in (("PLAIN", "LOGIN"), ("LOGIN", "PLAIN")):
            with self.subTest(mechanism), MailServer(self.tls, implicit=True, users={"u": "p"}, without=[other]) as server:
                settings = self.tls_settings("smtp_auth_username: u", "smtp_auth_password: p", "smtp_force_implicit_tls: true")
                agent = self.start(self.config(server, settings=settings))
                agent.post(alert("A"))
                see("a mail", lambda: server.mails)
                self.assertEqual((server.mails[0]["tls"], server.mails[0]["login"]), (True, (mechanism, "u")))

    def test_no_tls_no_mail_unless_told(self):
        with MailServer() as server:
            agent = self.start(self.config(server))
            agent.post(alert("A"))
            see("it waits", lambda: "require_tls is on, but the server does not offer STARTTLS" in agent.log())
            self.assertEqual(server.mails, [])
            agent.reload(self.config(server, more=", require_tls: false"))
            see("a mail", lambda: server.mails)

    def test_4xx_is_tried_again_and_5xx_is_not(self):
        with MailServer() as server, Hooks() as hooks:
            server.refuse_message = "451 try later"
            rest = f"  - name: pager\n    webhook_configs: [{webhook(hooks, '/pager')}]\n"
            agent = self.start(self.config(server, more=", require_tls: false", rest=rest))
            agent.post(alert("A"))
            see("it was tried", lambda: (agent.metric("sluice_notify_failed_total", "ops/email/0", "server_error") or 0) >= 2)
            server.refuse_message = None
            see("a mail", lambda: server.mails)
            server.refuse = {"ops@example.com": "550 no such user"}
            agent.post(alert("B"))
            see("somebody else is told", lambda: (["SluiceNotificationRefused"], []) in told(hooks, "/pager"))
            self.assertIn("550 no such user", hooks.delivered("/pager")[0]["body"]["alerts"][0]["annotations"]["description"])
            self.assertEqual(len(server.mails), 1)

    def test_one_recipient_that_is_refused_does_not_keep_it_from_the_others(self):
        with MailServer() as server:
            server.refuse = {"gone@example.com": "550 no such user"}
            agent = self.start(self.config(server, "gone@example.com, ops@example.com", more=", require_tls: false"))
            agent.post(alert("A"))
            see("a mail", lambda: server.mails)
            self.assertEqual(server.mails[0]["to"], ["ops@example.com"])
            see("the log says who was refused", lambda: "gone@example.com" in agent.log())


class HttpConfigTest(Case):
    def told_with(self, http_config, tls=True):
        with Hooks(tls=self.tls if tls else None) as hooks:
            agent = self.start(f"""route: {{receiver: r, group_wait: 100ms}}
receivers: [{{name: r, webhook_configs: [{webhook(hooks, http_config=http_config)}]}}]
""")
            agent.post(alert("A"))
            see("told, or not", lambda: hooks.delivered() or "will be tried again" in agent.log())
            return (hooks.delivered() or [None])[0], agent.log()

    def test_basic_and_bearer_from_files_over_tls(self):
        secret = Path(self.folder) / "secret"
        secret.write_text("s3cret\n")
        trust = {"ca_file": self.ca_file}
        for http_config, expected in (({"basic_auth": {"username": "u", "password_file": str(secret)}}, "Basic dTpzM2NyZXQ="),
                                      ({"authorization": {"credentials_file": str(secret)}}, "Bearer s3cret"),
                                      ({"bearer_token": "t0ken"}, "Bearer t0ken")):
            with self.subTest(expected):
                message, _ = self.told_with({**http_config, "tls_config": trust})
                self.assertEqual(message["headers"]["Authorization"], expected)

    def test_who_is_not_trusted_is_told_nothing(self):
        message, log = self.told_with({})
        self.assertIsNone(message)
        self.assertIn("reason=connection", log)
        message, _ = self.told_with({"tls_config": {"insecure_skip_verify": True}})
        self.assertIsNotNone(message)

    def test_the_versions_of_tls_are_those_of_the_configuration(self):
        import ssl
        self.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        self.addCleanup(setattr, self.tls, "maximum_version", ssl.TLSVersion.MAXIMUM_SUPPORTED)
        message, _ = self.told_with({"tls_config": {"ca_file": self.ca_file, "min_version": "TLS13"}})
        self.assertIsNone(message)
        message, _ = self.told_with({"tls_config": {"ca_file": self.ca_file, "min_version": "TLS12", "max_version": "TLS12"}})
        self.assertIsNotNone(message)


class Alertmanager:
    """Debian's, in a folder of its own."""

    def __init__(self, folder, text, path_prefix=""):
        self.folder, self.port = Path(folder), free_port()
        self.url = f"http://127.0.0.1:{self.port}{path_prefix}"
        (self.folder / "am.yml").write_text(text)
        self.arguments = ["prometheus-alertmanager", f"--config.file={self.folder}/am.yml", f"--storage.path={self.folder}/am",
                          f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address=", f"--web.route-prefix={path_prefix or '/'}"]
        self.process = None

    def __enter__(self):
        with open(self.folder / "am.log", "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log)
        see("the Alertmanager is ready", lambda: request(self.url + "/-/ready")[0] == 200)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def alerts(self):
        return json.loads(request(self.url + "/api/v2/alerts")[1])


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
class PrometheusTest(Case):
    def test_what_a_prometheus_that_is_pointed_at_us_sends_is_told_and_told_to_be_over(self):
        with Hooks() as hooks, tempfile.TemporaryDirectory() as folder:
            agent = self.start(f"route:\n  receiver: r\n  group_by: [alertname]\n  {QUICK}\n"
                               f"receivers: [{{name: r, webhook_configs: [{webhook(hooks)}]}}]\n")
            rules, config = Path(folder, "rules.yml"), Path(folder, "prometheus.yml")
            rule = "groups: [{name: g, interval: 200ms, rules: [{alert: Hot, expr: 'vector(1) < %d', annotations: {summary: '{{ $value }}'}}]}]\n"
            rules.write_text(rule % 2)
            config.write_text("global: {external_labels: {dc: a}}\nrule_files: [rules.yml]\n"
                              f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{agent.url.removeprefix('http://')}']}}]}}]}}\n")
            with open(Path(folder, "log"), "wb") as log:
                prometheus = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                                               f"--web.listen-address=127.0.0.1:{free_port()}", "--rules.alert.resend-delay=1s"],
                                              stdout=log, stderr=log)
            self.addCleanup(prometheus.wait)
            self.addCleanup(prometheus.kill)
            see("it fires", lambda: told(hooks) == [(["Hot"], [])], 60)
            (got,) = agent.alerts()
            self.assertEqual((got["labels"], got["annotations"]), ({"alertname": "Hot", "dc": "a"}, {"summary": "1"}))
            self.assertIn("/graph?g0.expr=", got["generatorURL"])
            rules.write_text(rule % 0)
            prometheus.send_signal(signal.SIGHUP)
            see("it is over", lambda: told(hooks) == [(["Hot"], []), ([], ["Hot"])], 60)


@unittest.skipUnless(shutil.which("prometheus-alertmanager"), "prometheus-alertmanager is not installed")
class ForwardTest(Case):
    RULES = """groups:
  - name: g
    interval: 200ms
    rules: [{alert: Always, expr: vector(1), labels: {n: a}, annotations: {summary: hot}}]
"""

    def agent(self, alertmanager, prefix="", rules=RULES, more=""):
        config = f"""probes: []
rule_files: [rules.yml]
alerting:
  alertmanagers: [{{path_prefix: '{prefix}', static_configs: [{{targets: ["127.0.0.1:{alertmanager.port}"]}}]{more}}}]
"""
        agent = Agent(config, files={"rules.yml": rules})
        self.addCleanup(agent.close)
        return agent

    def test_alerts_of_rules_reach_a_real_alertmanager_and_end_there(self):
        with Hooks() as hooks, tempfile.TemporaryDirectory() as folder:
            text = f"route: {{receiver: r, group_wait: 100ms, group_interval: 300ms}}\nreceivers: [{{name: r, webhook_configs: [{webhook(hooks)}]}}]\n"
            alertmanager = Alertmanager(folder, text, "/am")
            agent = self.agent(alertmanager, "/am/")  # it is not there yet
            see("alerts wait", lambda: agent.metric("sluice_forward_errors_total"))
            with alertmanager:
                see("it fires", lambda: [a["labels"] for a in alertmanager.alerts()] == [{"alertname": "Always", "n": "a"}])
                (got,) = alertmanager.alerts()
                self.assertEqual(got["annotations"], {"summary": "hot"})
                self.assertIn("vector%281%29", got["generatorURL"])
                see("told by it", lambda: told(hooks) == [(["Alwaysa"], [])])
                agent.write("rules.yml", "groups: []\n")
                self.assertEqual(request(agent.url + "/-/reload", "POST")[0], 200)
                see("it is over", lambda: told(hooks) == [(["Alwaysa"], []), ([], ["Alwaysa"])])
                see("nothing waits", lambda: agent.metric("sluice_forward_queue_length") == 0)
                self.assertEqual(agent.metric("sluice_forward_dropped_total"), 0)

    def test_posts_carry_the_login_and_the_times_of_prometheus(self):
        with Hooks() as hooks:
            agent = self.agent(hooks, more=", basic_auth: {username: u, password: p}, timeout: 2s")
            see("a post", lambda: hooks.delivered("/api/v2/alerts"))
            message = hooks.delivered("/api/v2/alerts")[0]
            self.assertEqual(message["headers"]["Authorization"], "Basic dTpw")
            (got,) = message["body"]
            self.assertEqual(set(got), {"labels", "annotations", "startsAt", "endsAt", "generatorURL"})
            printed = agent.sluice("check", "config", "--print", agent.path("sluice.yml"))
            self.assertIn("alertmanagers", printed.stdout)
            self.assertNotIn("password: p\n", printed.stdout)


if __name__ == "__main__":
    unittest.main()
