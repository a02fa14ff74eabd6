#include "alerts/notify/notifier.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>

#include "alerts/notify/render.h"
#include "tests/support/suites.h"

namespace sluice::alerts::notify {
namespace {

namespace json = boost::json;

Alert golden_alert(int i) {
  Alert alert;
  const std::string web = "web" + std::to_string(i);
  alert.labels = Labels{{"alertname", "ProbeFailed"},
                        {"instance", "http://" + web + ".example/health"},
                        {"job", "probe"},
                        {"severity", "page"}};
  alert.annotations = Labels{{"description", "probe_success is 0"}, {"summary", web + " is down"}};
  alert.starts_at = parse_rfc3339("2026-11-23T00:11:04.886Z").value();
  alert.ends_at = parse_rfc3339("2026-11-23T00:11:06.895Z").value();
  alert.generator_url = "http://prom.example/graph?g0.expr=probe_success+%3D%3D+0";
  return alert;
}

Notification golden_notification(bool resolved) {
  Notification n;
  n.group_key = "{}/{}:{alertname=\"ProbeFailed\"}";
  n.group_labels = Labels{{"alertname", "ProbeFailed"}};
  for (const int i : {0, 1}) n.alerts.push_back({std::make_shared<const Alert>(golden_alert(i)), resolved});
  n.now = parse_rfc3339("2026-11-23T00:15:00Z").value();
  return n;
}

template <typename T>
std::shared_ptr<const Integration> integration_of(const std::string& receiver, T config) {
  auto out = std::make_shared<Integration>();
  out->receiver = receiver;
  out->send_resolved = true;
  out->config = std::move(config);
  return out;
}

Result<std::string> no_file(const std::string& path) {
  return unavailable("no file " + path);
}

// The request of one integration, through a configuration that holds just that one.
Result<OutgoingRequest> request_of(std::shared_ptr<const Integration> to,
                                   std::vector<Notification> notifications, Look look,
                                   std::vector<TemplateFile> templates = {}) {
  auto config = std::make_shared<Config>();
  config->receivers = {{to->receiver, {to}}};
  config->route.receiver = to->receiver;
  config->templates = std::move(templates);
  Mistakes mistakes;
  NotifierOptions options;
  options.external_url = "http://vm:19104";
  options.look = look;
  const auto notifier = Notifier::make(config, options, mistakes);
  if (notifier == nullptr) return invalid(mistakes.front().to_string());
  Delivery delivery;
  delivery.to = std::move(to);
  delivery.notifications = std::move(notifications);
  return notifier->to_request(delivery, no_file);
}

json::object body_of(const Result<OutgoingRequest>& request) {
  EXPECT_TRUE(request) << (request ? "" : request.error().message);
  return request ? json::parse(request->request.body).as_object() : json::object();
}

struct Golden {
  const char* file;
  bool resolved;
  std::shared_ptr<const Integration> to;
};

std::vector<Golden> goldens() {
  SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  slack.channel = "#ops";
  PagerdutyConfig pagerduty;
  pagerduty.routing_key.value = "0123456789abcdef0123456789abcdef";
  WebhookConfig webhook;
  webhook.url.value = "http://127.0.0.1:1/hook";
  return {{"alertmanager.slack.firing.json", false, integration_of("slack", slack)},
          {"alertmanager.slack.resolved.json", true, integration_of("slack", slack)},
          {"alertmanager.pagerduty.firing.json", false, integration_of("pagerduty", pagerduty)},
          {"alertmanager.pagerduty.resolved.json", true, integration_of("pagerduty", pagerduty)},
          {"alertmanager.webhook.firing.json", false, integration_of("webhook", webhook)},
          {"alertmanager.webhook.resolved.json", true, integration_of("webhook", webhook)}};
}

TEST(NotifierTest, says_exactly_what_alertmanager_says_in_its_look) {
  SLUICE_REQUIRE_SUITE(folder, "golden");
  for (const Golden& golden : goldens()) {
    const auto request = request_of(golden.to, {golden_notification(golden.resolved)}, Look::kAlertmanager);
    const json::value expected = json::parse(support::read_file(folder + golden.file));
    EXPECT_EQ(json::value(body_of(request)), expected) << golden.file;
  }
}

TEST(NotifierTest, our_slack_message_says_what_since_when_why_and_where_to_look) {
  Notification n = golden_notification(false);
  Alert alert = golden_alert(0);
  alert.annotations = Labels{{"summary", "web0 <is> down"},
                             {"reason", "connect_refused"},
                             {"value", "0"},
                             {"threshold", "1"},
                             {"seen_from", "3 of 3 agents"},
                             {"runbook_url", "https://runbooks/x"}};
  n.alerts = {{std::make_shared<const Alert>(alert), false}};
  SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  const json::object body = body_of(request_of(integration_of("slack", slack), {n}, Look::kSluice));
  const std::string text(body.at("attachments").at(0).at("text").as_string());
  for (const char* part :
       {"*web0 &lt;is&gt; down* for 3m55s, since 2026-11-23 00:11:04 UTC", "reason: `connect_refused`",
        "value: 0 (threshold 1)", "seen from: 3 of 3 agents", "<https://runbooks/x|Runbook>", "|Silence>",
        "silences/new?filter=%7Balertname%3D%22ProbeFailed%22%2C%20instance"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  const json::object resolved =
      body_of(request_of(integration_of("slack", slack), {golden_notification(true)}, Look::kSluice));
  const std::string over(resolved.at("attachments").at(0).at("text").as_string());
  EXPECT_NE(over.find("is over after 2s (00:11:04 to 00:11:06 UTC)"), std::string::npos) << over;
}

TEST(NotifierTest, many_alerts_are_counted_not_listed) {
  Notification n = golden_notification(false);
  for (int i = 2; i < 60; ++i) n.alerts.push_back({std::make_shared<const Alert>(golden_alert(i)), false});
  SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  const json::object body = body_of(request_of(integration_of("slack", slack), {n}, Look::kSluice));
  const std::string text(body.at("attachments").at(0).at("text").as_string());
  EXPECT_NE(text.find("_52 more firing_"), std::string::npos) << text;
  EXPECT_LT(text.size(), 8200u);
}

TEST(NotifierTest, merged_groups_become_attachments_of_one_slack_message) {
  SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  const json::object body =
      body_of(request_of(integration_of("slack", slack),
                         {golden_notification(false), golden_notification(true)}, Look::kSluice));
  ASSERT_EQ(body.at("attachments").as_array().size(), 2u);
  EXPECT_EQ(body.at("attachments").at(0).at("color").as_string(), "danger");
  EXPECT_EQ(body.at("attachments").at(1).at("color").as_string(), "good");
}

TEST(NotifierTest, user_templates_replace_the_default_texts) {
  SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  slack.text =
      R"({{ range .Alerts.Firing }}{{ .Labels.instance | reReplaceAll "http://(.*)/.*" "<$1>" }} {{ end }})";
  slack.username = "robot";
  const TemplateFile file{
      "own.tmpl", R"({{ define "slack.default.title" }}{{ .Status | title }}: {{ .Alerts | len }}{{ end }})"};
  const json::object body = body_of(
      request_of(integration_of("slack", slack), {golden_notification(false)}, Look::kAlertmanager, {file}));
  EXPECT_EQ(body.at("attachments").at(0).at("title").as_string(), "Firing: 2");
  EXPECT_EQ(body.at("attachments").at(0).at("text").as_string(), "<web0.example> <web1.example> ");
  EXPECT_EQ(body.at("username").as_string(), "robot");
}

TEST(NotifierTest, a_template_that_does_not_parse_is_a_mistake_that_names_the_place) {
  SlackConfig slack;
  slack.text = "{{ .Alerts";
  const auto request = request_of(integration_of("chat", slack), {golden_notification(false)}, Look::kSluice);
  ASSERT_FALSE(request);
  EXPECT_NE(request.error().message.find("chat/slack/0.text: template: chat/slack/0.text:1:"),
            std::string::npos)
      << request.error().message;
}

TEST(NotifierTest, a_template_that_fails_gives_up) {
  SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  slack.text = "{{ index .Alerts 7 }}";
  const auto request = request_of(integration_of("chat", slack), {golden_notification(false)}, Look::kSluice);
  ASSERT_FALSE(request);
  const DeliveryOutcome outcome = outcome_of(request.error());
  EXPECT_EQ(outcome.kind, DeliveryOutcome::Kind::kGiveUp);
  EXPECT_EQ(outcome.reason, DeliveryOutcome::Reason::kTemplate);
}

TEST(NotifierTest, secrets_in_files_are_read_at_each_use) {
  std::map<std::string, std::string> disk = {{"/s/url", "http://a/x\n"}, {"/s/token", "one"}};
  WebhookConfig webhook;
  webhook.url.file = "/s/url";
  webhook.http.authorization = Authorization{"Bearer", {"", "/s/token"}};
  auto config = std::make_shared<Config>();
  const auto to = integration_of("hook", webhook);
  config->receivers = {{"hook", {to}}};
  Mistakes mistakes;
  const auto notifier = Notifier::make(config, {}, mistakes);
  const Delivery delivery{1, to, {golden_notification(false)}, 1};
  const auto read = [&](const std::string& path) -> Result<std::string> {
    const auto at = disk.find(path);
    if (at == disk.end()) return unavailable("cannot read " + path);
    return at->second;
  };
  auto request = notifier->to_request(delivery, read);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->request.url, "http://a/x");
  EXPECT_EQ(find_header(request->request.headers, "Authorization"), "Bearer one");
  disk["/s/token"] = "two";
  EXPECT_EQ(find_header(notifier->to_request(delivery, read)->request.headers, "Authorization"),
            "Bearer two");
  disk.erase("/s/token");
  request = notifier->to_request(delivery, read);
  ASSERT_FALSE(request);
  EXPECT_EQ(outcome_of(request.error()).kind, DeliveryOutcome::Kind::kRetry);
}

TEST(NotifierTest, the_headers_and_the_timeout_of_the_configuration_are_those_of_the_request) {
  WebhookConfig webhook;
  webhook.url.value = "http://127.0.0.1:1/hook";
  webhook.http.headers = {{"X-Scope", {"a", ""}}, {"X-Scope", {"b", ""}}};
  webhook.http.timeout = 3s;
  const auto request =
      request_of(integration_of("hook", webhook), {golden_notification(false)}, Look::kSluice);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->timeout, 3s);
  std::vector<std::string> values;
  for (const HttpHeader& header : request->request.headers) {
    if (header.name == "X-Scope") values.push_back(header.value);
  }
  EXPECT_EQ(values, (std::vector<std::string>{"a", "b"}));
}

TEST(NotifierTest, basic_auth_is_encoded) {
  WebhookConfig webhook;
  webhook.url.value = "http://a/";
  webhook.http.basic_auth = BasicAuth{"Aladdin", {"open sesame", ""}};
  const auto request =
      request_of(integration_of("hook", webhook), {golden_notification(false)}, Look::kSluice);
  EXPECT_EQ(find_header(request->request.headers, "Authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(NotifierTest, what_is_no_utf8_is_replaced_in_every_body) {
  WebhookConfig webhook;
  webhook.url.value = "http://a/";
  Notification n = golden_notification(false);
  Alert alert = golden_alert(0);
  alert.annotations = Labels{{"summary", "cut \xef here"}};
  n.alerts = {{std::make_shared<const Alert>(alert), false}};
  const auto body = body_of(request_of(integration_of("hook", webhook), {n}, Look::kSluice));
  EXPECT_EQ(body.at("alerts").at(0).at("annotations").at("summary").as_string(), "cut \xEF\xBF\xBD here");
}

TEST(NotifierTest, a_webhook_shows_at_most_max_alerts_and_counts_the_rest) {
  WebhookConfig webhook;
  webhook.url.value = "http://a/";
  webhook.alerts_max = 1;
  const json::object body =
      body_of(request_of(integration_of("hook", webhook), {golden_notification(false)}, Look::kSluice));
  EXPECT_EQ(body.at("alerts").as_array().size(), 1u);
  EXPECT_EQ(body.at("truncatedAlerts").to_number<int>(), 1);
}

TEST(PagerdutyTest, severity_comes_from_the_label) {
  const std::pair<const char*, const char*> cases[] = {{"page", "critical"}, {"Critical", "critical"},
                                                       {"high", "error"},    {"warn", "warning"},
                                                       {"none", "info"},     {"odd", "error"}};
  for (const auto& [label, expected] : cases) {
    Notification n = golden_notification(false);
    Alert alert = golden_alert(0);
    alert.labels.set("severity", label);
    n.alerts = {{std::make_shared<const Alert>(alert), false}};
    PagerdutyConfig pagerduty;
    pagerduty.routing_key.value = "key";
    const json::object body = body_of(request_of(integration_of("pd", pagerduty), {n}, Look::kSluice));
    EXPECT_EQ(body.at("payload").at("severity").as_string(), expected) << label;
  }
}

TEST(PagerdutyTest, details_are_structured_and_cut_when_the_event_is_too_large) {
  PagerdutyConfig pagerduty;
  pagerduty.routing_key.value = "key";
  pagerduty.details.emplace();
  pagerduty.details->emplace_back("team", "{{ .CommonLabels.job }}");
  Notification n = golden_notification(false);
  json::object body = body_of(request_of(integration_of("pd", pagerduty), {n}, Look::kSluice));
  const json::value& details = body.at("payload").at("custom_details");
  EXPECT_EQ(details.at("num_firing").to_number<int>(), 2);
  EXPECT_EQ(details.at("firing").at(0).at("labels").at("job").as_string(), "probe");
  EXPECT_EQ(details.at("team").as_string(), "probe");

  Alert huge = golden_alert(0);
  huge.annotations.set("description", std::string(600'000, 'x'));
  n.alerts = {{std::make_shared<const Alert>(huge), false}};
  const auto request = request_of(integration_of("pd", pagerduty), {n}, Look::kSluice);
  EXPECT_LT(request->request.body.size(), 512'000u);
  body = body_of(request);
  EXPECT_NE(body.at("payload").at("custom_details").at("error").as_string().find("Details were left out"),
            std::string::npos);
  EXPECT_EQ(body.at("event_action").as_string(), "trigger");
}

TEST(PagerdutyTest, a_service_key_speaks_the_first_version_of_the_api) {
  PagerdutyConfig pagerduty;
  pagerduty.service_key.value = "old";
  const auto request =
      request_of(integration_of("pd", pagerduty), {golden_notification(true)}, Look::kSluice);
  const json::object body = body_of(request);
  EXPECT_EQ(request->request.url, "https://events.pagerduty.com/generic/2010-04-15/create_event.json");
  EXPECT_EQ(body.at("event_type").as_string(), "resolve");
  EXPECT_EQ(body.at("service_key").as_string(), "old");
}

// --- answers ---

struct AnswerCase {
  const char* kind;
  int status;
  HttpHeaders headers;
  std::string body;
  DeliveryOutcome::Kind expected;
  std::optional<Duration> retry_after = std::nullopt;
};

TEST(ClassifyTest, an_answer_is_delivered_retried_or_given_up) {
  using Kind = DeliveryOutcome::Kind;
  const AnswerCase cases[] = {
      {"slack", 200, {}, "ok", Kind::kDelivered},
      {"slack", 200, {}, R"({"ok":false,"error":"channel_not_found"})", Kind::kGiveUp},
      {"slack", 429, {{"retry-after", "30"}}, "", Kind::kRetry, 30s},
      {"slack", 429, {}, R"({"retry_after":2,"ok":false,"error":"rate_limited"})", Kind::kRetry, 2s},
      {"slack", 404, {}, "no_service", Kind::kGiveUp},
      {"slack", 500, {}, "", Kind::kRetry},
      {"pagerduty", 202, {}, R"({"status":"success"})", Kind::kDelivered},
      {"pagerduty", 400, {}, R"({"status":"invalid event","errors":["x"]})", Kind::kGiveUp},
      {"pagerduty", 403, {}, "", Kind::kGiveUp},
      {"pagerduty1", 403, {}, "", Kind::kRetry},
      {"pagerduty", 429, {{"Retry-After", "Mon, 23 Nov 2026 00:16:30 GMT"}}, "", Kind::kRetry, 90s},
      {"webhook", 204, {}, "", Kind::kDelivered},
      {"webhook", 301, {}, "", Kind::kGiveUp},
      {"webhook", 408, {}, "", Kind::kRetry},
      {"webhook", 503, {{"Retry-After", "abc"}}, "", Kind::kRetry},
  };
  const Timestamp now = parse_rfc3339("2026-11-23T00:15:00Z").value();
  for (const AnswerCase& c : cases) {
    PagerdutyConfig v1, v2;
    v1.service_key.value = "k";
    v2.routing_key.value = "k";
    const std::map<std::string, std::shared_ptr<const Integration>> kinds = {
        {"slack", integration_of("r", SlackConfig{})},
        {"pagerduty", integration_of("r", v2)},
        {"pagerduty1", integration_of("r", v1)},
        {"webhook", integration_of("r", WebhookConfig{})}};
    const DeliveryOutcome outcome = classify(*kinds.at(c.kind), {c.status, c.headers, c.body}, now);
    EXPECT_EQ(outcome.kind, c.expected) << c.kind << " " << c.status;
    EXPECT_EQ(outcome.retry_after, c.retry_after) << c.kind << " " << c.status;
  }
}

TEST(ClassifyTest, details_are_one_short_line) {
  const auto outcome =
      classify(*integration_of("r", WebhookConfig{}), {400, {}, "a\nb" + std::string(5000, 'x')}, {});
  EXPECT_LT(outcome.detail.size(), 300u);
  EXPECT_EQ(outcome.detail.find('\n'), std::string::npos);
}

Result<OutgoingMail> mail_of(EmailConfig email, const Notification& notification, Look look = Look::kSluice) {
  email.smarthost_host = "mail.example.com";
  if (email.smarthost_port.empty()) email.smarthost_port = "587";
  if (email.from.empty()) email.from = "Sluice <sluice@example.com>";
  auto config = std::make_shared<Config>();
  config->receivers = {{"ops", {integration_of("ops", email)}}};
  config->route.receiver = "ops";
  Mistakes mistakes;
  NotifierOptions options;
  options.external_url = "http://sluice";
  options.look = look;
  const auto notifier = Notifier::make(config, options, mistakes);
  if (notifier == nullptr) return invalid(mistakes.front().to_string());
  Delivery delivery;
  delivery.to = config->receivers[0].integrations[0];
  delivery.notifications = {notification};
  return notifier->to_mail(delivery, no_file);
}

TEST(NotifierTest, a_mail_has_the_headers_and_parts_of_one) {
  EmailConfig email;
  email.to = "Ops <ops@example.com>, {{ .CommonLabels.job }}@example.com";
  const auto mail = mail_of(email, golden_notification(false));
  ASSERT_TRUE(mail) << mail.error().message;
  EXPECT_EQ(mail->from, "sluice@example.com");
  EXPECT_EQ(mail->to, (std::vector<std::string>{"ops@example.com", "probe@example.com"}));
  EXPECT_EQ(mail->port, 587);
  EXPECT_TRUE(mail->require_tls);
  EXPECT_FALSE(mail->implicit_tls);
  for (const char* part :
       {"Subject: [FIRING:2] ProbeFailed (probe page)\r\n",
        "To: Ops <ops@example.com>, probe@example.com\r\n", "From: Sluice <sluice@example.com>\r\n",
        "Date: Mon, 23 Nov 2026 00:15:00 +0000\r\n", "@example.com>\r\n",
        "Content-Type: multipart/alternative; boundary=", "MIME-Version: 1.0\r\n\r\n",
        "Content-Type: text/plain; charset=UTF-8", "Content-Type: text/html; charset=UTF-8",
        "web0 is down"}) {
    EXPECT_NE(mail->message.find(part), std::string::npos) << part << "\n" << mail->message;
  }
  EXPECT_TRUE(mail->message.ends_with("--\r\n"));
  // Alertmanager's mails have no text part unless one is configured.
  EXPECT_EQ(mail_of(email, golden_notification(false), Look::kAlertmanager)->message.find("text/plain"),
            std::string::npos);
}

TEST(NotifierTest, headers_of_the_configuration_win_and_threads_have_a_root) {
  EmailConfig email;
  email.to = "ops@example.com";
  email.headers = {{"Subject", "{{ .Status }}: Ärger"}, {"Message-Id", "<1@x>"}, {"X-Team", "ops"}};
  email.threading = true;
  email.smarthost_port = "465";
  const auto mail = mail_of(email, golden_notification(true));
  ASSERT_TRUE(mail) << mail.error().message;
  EXPECT_TRUE(mail->implicit_tls);
  EXPECT_NE(mail->message.find("Subject: =?utf-8?q?resolved:_=C3=84rger?=\r\n"), std::string::npos);
  EXPECT_NE(mail->message.find("X-Team: ops\r\n"), std::string::npos);
  EXPECT_EQ(mail->message.find("Message-Id: <1@x>"), mail->message.rfind("Message-Id:"));
  const std::string root = "<alert-" +
                           pagerduty_dedup_key(golden_notification(true).group_key).substr(0, 16) +
                           "-2026-11-23@alertmanager>";
  EXPECT_NE(mail->message.find("In-Reply-To: " + root + "\r\n"), std::string::npos) << mail->message;
}

TEST(NotifierTest, the_html_of_a_mail_is_escaped_and_links_lead_to_the_web) {
  Notification n = golden_notification(false);
  Alert alert = golden_alert(0);
  alert.annotations =
      Labels{{"summary", "<script>alert(1)</script>"}, {"runbook_url", "javascript:alert(1)"}};
  n.alerts = {{std::make_shared<const Alert>(alert), false}};
  EmailConfig email;
  email.to = "ops@example.com";
  email.text = "";
  const auto mail = mail_of(email, n);
  ASSERT_TRUE(mail) << mail.error().message;
  EXPECT_EQ(mail->message.find("<script>"), std::string::npos);
  EXPECT_NE(mail->message.find("&lt;script&gt;"), std::string::npos);
  EXPECT_EQ(mail->message.find("href=3D\"javascript"), std::string::npos);
  email.html = "<b>{{ .CommonAnnotations.summary }}</b>{{ .CommonAnnotations.summary | safeHtml }}";
  EXPECT_NE(mail_of(email, n)->message.find("<b>&lt;script&gt;alert(1)&lt;/script&gt;</b><script>"),
            std::string::npos);
}

TEST(NotifierTest, bytes_that_are_no_text_do_not_cost_the_message) {
  SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  slack.text = "{{ \"a\\xffb\" }}";
  slack.title = "c\xff";
  const json::object body =
      body_of(request_of(integration_of("slack", slack), {golden_notification(false)}, Look::kSluice));
  EXPECT_EQ(body.at("attachments").at(0).at("text").as_string(), "a\uFFFDb");
  EXPECT_EQ(body.at("attachments").at(0).at("title").as_string(), "c\uFFFD");
}

TEST(NotifierTest, what_is_no_address_will_never_be_sent) {
  EmailConfig email;
  for (const char* to : {"", "ops", "{{ .CommonAnnotations.nothing }}", "a@b\r\nc@d"}) {
    email.to = to;
    const auto mail = mail_of(email, golden_notification(false));
    ASSERT_FALSE(mail) << to;
    EXPECT_EQ(outcome_of(mail.error()).kind, DeliveryOutcome::Kind::kGiveUp);
  }
  email.to = "a@b";
  email.auth_password.file = "/gone";
  EXPECT_EQ(outcome_of(mail_of(email, golden_notification(false)).error()).kind,
            DeliveryOutcome::Kind::kRetry);
  EXPECT_EQ(outcome_of_mail_refusal(451, "451 later").kind, DeliveryOutcome::Kind::kRetry);
  EXPECT_EQ(outcome_of_mail_refusal(550, "550 no").kind, DeliveryOutcome::Kind::kGiveUp);
}

}  // namespace
}  // namespace sluice::alerts::notify
