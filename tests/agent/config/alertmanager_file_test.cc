#include "agent/config/alertmanager_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice::config {
namespace {

std::string mistakes_of(const std::string& text) {
  Mistakes mistakes;
  const auto config = parse_alertmanager_file("am.yml", text, "/nowhere", mistakes);
  EXPECT_EQ(config == nullptr, !mistakes.empty());
  std::string out;
  for (const Mistake& mistake : mistakes) out += mistake.to_string() + "\n";
  return out;
}

std::shared_ptr<const alerts::Config> load(const std::string& text) {
  Mistakes mistakes;
  auto config = parse_alertmanager_file("am.yml", text, "/etc/am", mistakes);
  for (const Mistake& mistake : mistakes) ADD_FAILURE() << mistake.to_string();
  return config;
}

constexpr const char* kFull = R"(
global:
  resolve_timeout: 6m
  slack_api_url: https://hooks.slack.com/services/T/B/secret
  smtp_smarthost: mail.example.com:587
  smtp_from: sluice@example.com
  opsgenie_api_url: https://api.opsgenie.com/
  http_config:
    authorization: {credentials_file: token}
route:
  receiver: team
  group_by: [alertname, job]
  group_wait: 10s
  routes:
    - match: {severity: page}
      match_re: {team: a|b}
      matchers: ['zone="x"', '{env!="dev", dc=~"fra.*"}']
      receiver: pager
      continue: true
      group_by: ['...']
      repeat_interval: 1h
      mute_time_intervals: [nights]
      routes:
        - receiver: hook
inhibit_rules:
  - source_matchers: [alertname=NodeDown]
    target_match: {severity: warning}
    equal: [instance]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: '22:00', end_time: '24:00'}]
        weekdays: ['monday:friday', sunday]
        location: UTC
receivers:
  - name: team
    slack_configs: [{channel: '#ops', title: 'x {{ .Status }}', fields: [{title: a, value: b, short: true}]}]
  - name: pager
    pagerduty_configs: [{routing_key_file: /run/pd, severity: '{{ .CommonLabels.severity }}', details: {a: b}}]
  - name: hook
    webhook_configs: [{url: 'http://example.com/hook?token=1', max_alerts: 5, http_config: {bearer_token: t}}]
    email_configs: [{to: ops@example.com, headers: {subject: hi}}]
)";

TEST(AlertmanagerFileTest, reads_everything_and_fills_in_what_is_inherited) {
  const auto config = load(kFull);
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->resolve_timeout, Duration(6min));
  const alerts::Route& page = config->route.routes.at(0);
  EXPECT_EQ(page.group_wait, Duration(10s));
  EXPECT_EQ(page.repeat_interval, Duration(1h));
  EXPECT_TRUE(page.group_by_all && page.continue_matching && page.group_by.empty());
  ASSERT_EQ(page.matchers.size(), 5u);
  EXPECT_EQ(page.matchers[0].to_string(), "dc=~\"fra.*\"");
  EXPECT_EQ(page.mute_time_intervals, std::vector<std::string>{"nights"});
  EXPECT_TRUE(page.routes[0].group_by_all) << "grouping is inherited";
  EXPECT_TRUE(page.routes[0].mute_time_intervals.empty()) << "mute times are not";
  EXPECT_EQ(page.routes[0].repeat_interval, Duration(1h));

  const auto& slack = std::get<alerts::SlackConfig>(config->receivers[0].integrations.at(0)->config);
  EXPECT_EQ(slack.api_url.value, "https://hooks.slack.com/services/T/B/secret");
  EXPECT_EQ(slack.http.authorization->credentials.file, "/etc/am/token");
  EXPECT_FALSE(config->receivers[0].integrations[0]->send_resolved);
  const auto& pager = config->receivers[1].integrations.at(0);
  EXPECT_TRUE(pager->send_resolved);
  EXPECT_EQ(std::get<alerts::PagerdutyConfig>(pager->config).routing_key.file, "/run/pd");
  ASSERT_EQ(config->receivers[2].integrations.size(), 2u);
  const auto& hook = std::get<alerts::WebhookConfig>(config->receivers[2].integrations[0]->config);
  EXPECT_EQ(hook.http.authorization->credentials.value, "t");
  const auto& email = std::get<alerts::EmailConfig>(config->receivers[2].integrations[1]->config);
  EXPECT_EQ(email.smarthost_host + "|" + email.smarthost_port, "mail.example.com|587");
  EXPECT_EQ(email.headers.at(0).first, "Subject");
}

TEST(AlertmanagerFileTest, the_shown_text_has_no_secrets_and_reads_again) {
  const auto config = load(kFull);
  ASSERT_NE(config, nullptr);
  for (const char* secret : {"T/B/secret", "token=1", "bearer_token: t\n"}) {
    EXPECT_EQ(config->original.find(secret), std::string::npos) << secret << "\n" << config->original;
  }
  EXPECT_NE(config->original.find("http://example.com/<secret>"), std::string::npos) << config->original;
  std::string again = config->original;
  for (size_t at; (at = again.find(": <secret>")) != std::string::npos;)
    again.replace(at, 10, ": http://secret/");
  const auto second = load(again);
  ASSERT_NE(second, nullptr) << again;
  EXPECT_EQ(second->route.routes.size(), 1u);
  EXPECT_EQ(second->receivers.size(), 3u);
}

struct BadCase {
  const char* text;
  const char* expected;
};

TEST(AlertmanagerFileTest, every_mistake_is_told_in_its_place) {
  const BadCase cases[] = {
      {"", "no route provided in config"},
      {"route: {receiver: a}\nreceivers: [{name: b}]\n",
       "am.yml:1:19: route.receiver: undefined receiver \"a\" used in route"},
      {"route: {group_by: [x]}\nreceivers: [{name: b}]\n", "root route must specify a default receiver"},
      {"route: {receiver: a, match: {x: y}}\nreceivers: [{name: a}]\n",
       "am.yml:1:29: route.match: root route must not have any matchers"},
      {"route: {receiver: a, mute_time_intervals: [n]}\nreceivers: [{name: a}]\ntime_intervals: [{name: "
       "n}]\n",
       "root route must not have any mute time intervals"},
      {"route: {receiver: a}\nreceivers:\n  - name: a\n  - name: a\n",
       "am.yml:4:11: notification config name \"a\" is not unique"},
      {"route: {receiver: a}\nreceivers: [{webhook_configs: []}]\n", "missing name in receiver"},
      {"route: {receiver: a, group_by: ['...', x]}\nreceivers: [{name: a}]\n",
       "cannot have wildcard group_by (`...`)"},
      {"route: {receiver: a, group_by: [x, x]}\nreceivers: [{name: a}]\n",
       "am.yml:1:36: duplicated label \"x\" in group_by"},
      {"route: {receiver: a, group_by: ['']}\nreceivers: [{name: a}]\n",
       "invalid label name \"\" in group_by list"},
      {"route: {receiver: a, routes: [{match: {x-y: z}}]}\nreceivers: [{name: a}]\n",
       "invalid label name \"x-y\""},
      {"route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]\n", "group_interval cannot be zero"},
      {"route: {receiver: a, repeat_interval: 0s}\nreceivers: [{name: a}]\n",
       "repeat_interval cannot be zero"},
      {"route: {receiver: a, routes: [{matchers: ['x']}]}\nreceivers: [{name: a}]\n",
       "am.yml:1:43: bad matcher format: x"},
      {"route: {receiver: a, routes: [{mute_time_intervals: [n]}]}\nreceivers: [{name: a}]\n",
       "undefined time interval \"n\" used in route"},
      {"route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{channel: x}]}]\n",
       "no global Slack API URL set either inline or in a file"},
      {"route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{api_url: 'http://x', api_url_file: "
       "y}]}]\n",
       "at most one of api_url & api_url_file must be configured"},
      {"route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{api_url: 'ftp://x'}]}]\n",
       "unsupported scheme \"ftp\" for URL"},
      {"route: {receiver: a}\nreceivers: [{name: a, pagerduty_configs: [{}]}]\n",
       "missing service or routing key in PagerDuty config"},
      {"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{}]}]\n",
       "one of url or url_file must be configured"},
      {"route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: x}]}]\n",
       "no global SMTP smarthost set"},
      {"route: {receiver: a}\nreceivers:\n  - name: a\n    opsgenie_configs: [{}]\n",
       "am.yml:4:23: receivers[0].opsgenie_configs: not supported"},
      {"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', http_config: "
       "{proxy_url: 'http://p'}}]}]\n",
       "http_config.proxy_url: not supported"},
      {"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', htp_config: {}}]}]\n",
       "am.yml:2:59: unknown key \"htp_config\" in receivers[0].webhook_configs[0], did you mean "
       "\"http_config\"?"},
      {"route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: n, time_intervals: [{times: "
       "[{start_time: '9'}]}]}]\n",
       "both start and end times must be provided"},
      {"route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: n, time_intervals: [{location: "
       "Mars/Base}]}]\n",
       "unknown time zone Mars/Base"},
      {"route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: n, time_intervals: [{location: "
       "../../etc/passwd}]}]\n",
       "unknown time zone ../../etc/passwd"},
      {"route: {receiver: a}\nreceivers:\n  - name: a\n    slack_configs: [{api_url: 'http://x', text: '{{ "
       "nope }}'}]\n",
       "am.yml:4:49: template: a/slack/0.text:1: function \"nope\" not defined"},
      {"route: {receiver: a}\nreceivers:\n  - name: a\n    slack_configs:\n      - api_url: 'http://x'\n     "
       "   fields:\n"
       "          - {title: t, value: '{{ if }}'}\n",
       "am.yml:7:31: template: a/slack/0.fields[0].value:1: missing value for if"},
      {"route: {receiver: a}\nreceivers:\n  - name: a\n    pagerduty_configs:\n      - routing_key: k\n      "
       "  details:\n"
       "          a.b: '{{ end }}'\n",
       "am.yml:7:16: template: a/pagerduty/0.details.a.b:1: unexpected {{end}}"},
      {"global: {smtp_smarthost: 'm:25', smtp_from: '{{'}\nroute: {receiver: a}\nreceivers:\n  - name: a\n   "
       " email_configs:\n"
       "      - to: a@b\n",
       "am.yml:6:9: template: a/email/0.from:1: unclosed action"},
      {"route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: a@b, from: a@b, smarthost: 'm:25', "
       "hello: \"a\\nb\"}]}]\n",
       "hello: must be one word"},
      {"route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: a@b, from: a@b, smarthost: 'm:25', "
       "headers: {References: x}, "
       "threading: {enabled: true}}]}]\n",
       "threading.enabled conflicts with custom References header"},
      {"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', http_config: "
       "{tls_config: {min_version: TLS13, "
       "max_version: TLS12}}}]}]\n",
       "must not be above max_version"},
      {"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', http_config: "
       "{http_headers: {Content-Type: {values: [x]}}}}]}]\n",
       "setting header \"Content-Type\" is not allowed"},
      {"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', http_config: "
       "{http_headers: {'a b': {values: [x]}}}}]}]\n",
       "\"a b\" is no name of a header"},
  };
  for (const BadCase& c : cases) {
    const std::string got = mistakes_of(c.text);
    EXPECT_NE(got.find(c.expected), std::string::npos) << c.text << "got:\n" << got;
  }
}

TEST(AlertmanagerFileTest, what_came_with_0_27_and_later_is_read) {
  const auto config = load(R"(
route:
  receiver: a
  group_by: [service.name]
  routes: [{matchers: ['"service.name"="x y"']}]
inhibit_rules: [{source_matchers: [a-b=c], equal: [service.name]}]
receivers:
  - name: a
    slack_configs: [{api_url: 'http://x', timeout: 3s}]
    pagerduty_configs: [{routing_key: k, timeout: 4s}]
    webhook_configs:
      - url: http://x
        timeout: 5s
        http_config:
          http_headers:
            X-Scope: {values: [a, b], secrets: [hush], files: [scope]}
)");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->route.group_by, std::vector<std::string>{"service.name"});
  EXPECT_EQ(config->route.routes.at(0).matchers.at(0).to_string(), "\"service.name\"=\"x y\"");
  EXPECT_EQ(config->inhibit_rules.at(0).equal, std::vector<std::string>{"service.name"});
  const auto& integrations = config->receivers.at(0).integrations;
  const auto& webhook = std::get<alerts::WebhookConfig>(integrations.at(0)->config);
  EXPECT_EQ(webhook.http.timeout, 5s);
  const std::vector<alerts::ExtraHeader> expected = {{"X-Scope", {"a", ""}},
                                                     {"X-Scope", {"b", ""}},
                                                     {"X-Scope", {"hush", ""}},
                                                     {"X-Scope", {"", "/etc/am/scope"}}};
  EXPECT_EQ(webhook.http.headers, expected);
  EXPECT_EQ(std::get<alerts::PagerdutyConfig>(integrations.at(1)->config).http.timeout, 4s);
  EXPECT_EQ(std::get<alerts::SlackConfig>(integrations.at(2)->config).http.timeout, 3s);
  EXPECT_EQ(config->original.find("hush"), std::string::npos);
}

TEST(AlertmanagerFileTest, mistakes_are_told_all_at_once) {
  const std::string got = mistakes_of(
      "route: {receiver: a, group_by: [''], repeat_interval: nope}\nreceivers: [{name: b, sns_configs: "
      "[]}]\n");
  EXPECT_EQ(std::count(got.begin(), got.end(), '\n'), 4) << got;
}

TEST(AlertmanagerFileTest, template_files_are_found_below_the_folder_and_checked) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "sluice_alertmanager_file_test";
  std::filesystem::create_directories(folder / "t");
  std::ofstream(folder / "t" / "a.tmpl") << "{{ define \"own\" }}hello{{ end }}";
  const std::string text =
      "route: {receiver: a}\ntemplates: ['t/*.tmpl', 'none/*.tmpl']\nreceivers: [{name: a, webhook_configs: "
      "[{url: 'http://x'}]}]\n";
  Mistakes mistakes;
  const auto config = parse_alertmanager_file("am.yml", text, folder.string(), mistakes);
  ASSERT_NE(config, nullptr);
  ASSERT_EQ(config->templates.size(), 1u);
  EXPECT_EQ(config->templates[0].path, (folder / "t" / "a.tmpl").string());
  std::ofstream(folder / "t" / "b.tmpl") << "{{ define \"own\" }}";
  EXPECT_EQ(parse_alertmanager_file("am.yml", text, folder.string(), mistakes), nullptr);
  ASSERT_EQ(mistakes.size(), 1u);
  EXPECT_NE(mistakes[0].message.find("b.tmpl:1: unexpected EOF"), std::string::npos) << mistakes[0].message;
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sluice::config
