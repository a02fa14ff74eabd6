#include "agent/config/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/suites.h"

namespace sluice::config {
namespace {

std::string listed(const Mistakes& mistakes) {
  std::string out;
  for (const Mistake& mistake : mistakes) out += mistake.to_string() + "\n";
  return out;
}

Loaded load(std::string_view text, const Environment& environment = {}) {
  return parse_config(text, "sluice.yml", "", environment);
}

std::string mistakes_of(std::string_view text, const Environment& environment = {}) {
  return listed(load(text, environment).mistakes);
}

std::shared_ptr<const Config> good(std::string_view text, const Environment& environment = {}) {
  Loaded loaded = load(text, environment);
  EXPECT_EQ(listed(loaded.mistakes), "");
  return loaded.config;
}

constexpr std::string_view kAuth = R"(
global: {interval: 15s, timeout: 5s, external_labels: {cluster: prod}}
redis: {url: "rediss://:s3cret@redis:6379/0"}
modules:
  login: {prober: oidc, timeout: 3s, oidc: {health_path: /health}}
probes:
  - job_name: auth
    module: login
    static_configs: [{targets: ["https://auth1.example.com", "https://auth2.example.com"], labels: {tier: a}}]
    health: {rise: 2, fall: 3, fast_interval: 1s}
    upstream:
      pool: auth
      flag: {key: "auth_server:disabled:{target}", value: "1", ttl: 300s}
      max_disabled_percent: 50
      min_available: 1
)";

TEST(ConfigTest, reads_what_a_person_wrote_and_fills_in_the_rest) {
  const auto config = good(kAuth, {{"NODE_NAME", "node-7"}, {"ZONE", "b"}});
  ASSERT_EQ(config->jobs.size(), 1u);
  const Job& job = config->jobs[0];
  EXPECT_EQ(job.interval, 15s) << "the global one";
  EXPECT_EQ(job.timeout, 3s) << "the module's";
  ASSERT_EQ(job.targets.size(), 2u);
  EXPECT_EQ(job.targets[1].instance, "https://auth2.example.com");
  EXPECT_EQ(job.targets[1].labels, (Labels{{"tier", "a"}}));
  EXPECT_EQ(job.health.fast_interval, 1s);
  ASSERT_TRUE(job.upstream.has_value());
  EXPECT_EQ(job.upstream->flag.key, "auth_server:disabled:{target}");
  EXPECT_EQ(job.upstream->mode, gate::Mode::kEnforce);
  EXPECT_EQ(config->module_of(job).oidc.health_path, "/health");
  EXPECT_EQ(config->agent.name, "node-7");
  EXPECT_EQ(config->agent.zone, "b");
  EXPECT_EQ(config->people_url(), "http://node-7:9808");
  EXPECT_EQ(config->global.external_labels, (Labels{{"cluster", "prod"}}));
}

TEST(ConfigTest, no_probes_is_a_valid_configuration) {
  EXPECT_NE(good("probes: []\n"), nullptr);
}

TEST(ConfigTest, an_empty_file_is_a_mistake) {
  EXPECT_EQ(mistakes_of("# nothing\n"), "sluice.yml: the file is empty\n");
}

TEST(ConfigTest, all_mistakes_come_at_once_with_their_places) {
  EXPECT_EQ(
      mistakes_of("global:\n"
                  "  intervall: 5s\n"
                  "redis: {url: \"http://x\"}\n"
                  "probes:\n"
                  "  - job_name: a\n"
                  "    module: http_2x\n"
                  "    timeout: 1h\n"
                  "    static_configs: [{targets: [x, x]}]\n"
                  "  - job_name: a\n"
                  "    module: postgres\n"
                  "    static_configs: [{targets: [\"postgres://u:p@h:1/d\"]}]\n"
                  "rule_packs: [slice]\n"),
      "sluice.yml:2:3: unknown key \"intervall\" in global, did you mean \"interval\"?\n"
      "sluice.yml:3:14: redis.url: must begin with redis:// or rediss://\n"
      "sluice.yml:6:13: probes[0].module: there is no module \"http_2x\", did you mean \"http_2xx\"?\n"
      "sluice.yml:7:14: probes[0].timeout: must not be longer than the interval\n"
      "sluice.yml:8:36: probes[0].static_configs[0].targets[1]: the job already has a target \"x\"\n"
      "sluice.yml:9:15: probes[1].job_name: another job is named \"a\"\n"
      "sluice.yml:12:13: rule_packs: there is no rule pack \"slice\"; there are postgres, redis, sluice, "
      "tls, upstreams\n");
}

TEST(ConfigTest, a_module_for_another_prober_is_a_mistake) {
  EXPECT_EQ(mistakes_of("modules:\n  m: {prober: tcp, http: {method: GET}}\nprobes: []\n"),
            "sluice.yml:2:26: modules.m.http: the module's prober is tcp\n");
}

TEST(ConfigTest, what_we_do_not_do_is_refused_by_name) {
  const std::string mistakes = mistakes_of(
      "modules:\n  m: {prober: http, http: {proxy_url: \"http://p\", oauth2: {a: b}}}\nprobes: []\n");
  EXPECT_NE(mistakes.find("proxies are not supported"), std::string::npos) << mistakes;
  EXPECT_NE(mistakes.find("oauth2"), std::string::npos) << mistakes;
}

TEST(ConfigTest, instances_never_show_a_password) {
  const auto modules = built_in_modules();
  EXPECT_EQ(instance_of(modules.at("postgres"), "postgres://u:secret@db1/app"), "db1:5432");
  EXPECT_EQ(instance_of(modules.at("postgres"), "db1:6000"), "db1:6000");
  EXPECT_EQ(instance_of(modules.at("redis"), "rediss://:secret@[::1]:7000/0"), "[::1]:7000");
  EXPECT_EQ(instance_of(modules.at("redis"), "redis://cache"), "cache:6379");
  EXPECT_EQ(instance_of(modules.at("http_2xx"), "https://u:secret@api/health?a=b@c"),
            "https://api/health?a=b@c");
}

TEST(ConfigTest, printing_masks_every_secret_and_loads_again) {
  const std::string printed = print_config(*good(R"(
redis: {url: "redis://u:hunter2@r:1/0"}
modules:
  m: {prober: http, http: {basic_auth: {username: u, password: hunter2}, headers: {X-Api-Key: hunter2}}}
  n: {prober: http, http: {authorization: {credentials: hunter2}, http_headers: {A: {secrets: [hunter2]}}}}
  p: {prober: postgres, postgres: {user: u, password: hunter2}}
  q: {prober: redis, redis: {password: hunter2}}
probes:
  - {job_name: p, module: p, static_configs: [{targets: ["postgres://u:hunter2@db/x"]}]}
)"));
  EXPECT_EQ(printed.find("hunter2"), std::string::npos) << printed;
  EXPECT_NE(printed.find("<secret>"), std::string::npos);
  const auto again = load(printed);
  EXPECT_EQ(listed(again.mistakes), "") << printed;
}

TEST(ConfigTest, what_is_printed_means_what_was_written) {
  const auto config = good(kAuth);
  std::string printed = print_config(*config);
  const size_t secret = printed.find("xxxxx");
  ASSERT_NE(secret, std::string::npos);
  printed.replace(secret, 5, "s3cret");
  const auto again = good(printed);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->jobs, config->jobs);
  EXPECT_EQ(again->modules, config->modules);
  EXPECT_EQ(again->redis, config->redis);
  EXPECT_EQ(again->global, config->global);
}

TEST(ConfigTest, redis_is_one_server_or_what_sentinels_name_or_a_cluster) {
  const auto watched = good(R"(
redis: {sentinels: [s1, "[::1]:26380"], master_name: flags, sentinel_password: hunter2, tls: true, database: 2}
)");
  ASSERT_TRUE(watched->redis);
  EXPECT_EQ(watched->redis->sentinels, (std::vector<net::HostPort>{{"s1", 26379}, {"::1", 26380}}));
  const std::string printed = print_config(*watched);
  EXPECT_EQ(printed.find("hunter2"), std::string::npos) << printed;
  EXPECT_EQ(good(printed)->redis->sentinels, watched->redis->sentinels) << printed;
  EXPECT_EQ(good("redis: {cluster_nodes: [n1, n2:7000]}\n")->redis->cluster_nodes[1].port, 7000);

  struct Case {
    std::string redis;
    std::string mistake;
  };
  const Case kCases[] = {
      {"{}", "redis.url is missing"},
      {"{url: \"redis://a\", sentinels: [s1], master_name: m}",
       "only one of url, sentinels and cluster_nodes"},
      {"{sentinels: [s1]}", "redis.master_name is missing"},
      {"{sentinels: [], master_name: m}", "must name at least one"},
      {"{cluster_nodes: [\"a:b\"]}", "is not host:port"},
      {"{cluster_nodes: [a], database: 1}", "a cluster has only database 0"},
      {"{url: \"redis://a\", tls: true}", "rediss:// for TLS"},
  };
  for (const Case& c : kCases) {
    const std::string said = mistakes_of("redis: " + c.redis + "\n");
    EXPECT_NE(said.find(c.mistake), std::string::npos) << c.redis << "\n" << said;
  }
}

TEST(ConfigTest, on_a_cluster_a_flag_s_key_must_hold_the_pool_s_hash_tag) {
  std::string text(kAuth);
  const std::string_view url = R"(url: "rediss://:s3cret@redis:6379/0")";
  text.replace(text.find(url), url.size(), "cluster_nodes: [n1]");
  EXPECT_NE(mistakes_of(text).find("{{auth}}:disabled:{target}"), std::string::npos) << mistakes_of(text);
  text.replace(text.find("auth_server:disabled"), 11, "{{auth}}");
  EXPECT_EQ(mistakes_of(text), "");
}

TEST(ConfigTest, haproxy_s_checks_are_answered_where_the_file_says) {
  EXPECT_EQ(good("probes: []\n")->web.agent_check_address, "") << "nowhere";
  EXPECT_EQ(good("web: {agent_check_address: \":9809\"}\nprobes: []\n")->web.agent_check_address, ":9809");
  EXPECT_EQ(mistakes_of("web: {agent_check_address: \"9809\"}\nprobes: []\n"),
            "sluice.yml:1:28: web.agent_check_address: must be HOST:PORT or :PORT\n");
}

TEST(ConfigTest, the_journal_of_probes_takes_the_room_it_is_given) {
  EXPECT_EQ(good("store: {journal_size: 32MiB}\nprobes: []\n")->store.journal_bytes, size_t{32} << 20);
  EXPECT_EQ(good("store: {journal_size: 0}\nprobes: []\n")->store.journal_bytes, 0u) << "none is kept";
  EXPECT_NE(
      mistakes_of("store: {journal_size: much}\nprobes: []\n").find("sluice.yml:1:23: store.journal_size"),
      std::string::npos);
}

TEST(ConfigTest, whether_disabling_helps_is_judged_by_another_job) {
  const auto with = [](std::string_view efficacy, std::string_view interval = "15s") {
    return fmt::format(
        "probes:\n"
        "  - job_name: auth\n"
        "    module: http_2xx\n"
        "    static_configs: [{{targets: [\"http://auth1\", \"http://auth2\"]}}]\n"
        "    upstream:\n"
        "      efficacy: {}\n"
        "  - job_name: api\n"
        "    module: http_2xx\n"
        "    interval: {}\n"
        "    static_configs: [{{targets: [\"http://api\"]}}]\n",
        efficacy, interval);
  };
  const auto config = good(with("{job: api, window: 90s, hold: 5m}"));
  const gate::EfficacyPolicy& efficacy = config->jobs.at(0).upstream->efficacy;
  EXPECT_EQ(efficacy.job, "api") << "it may be named before it is written down";
  EXPECT_EQ(efficacy.window, 90s);
  EXPECT_EQ(efficacy.hold, 5min);
  EXPECT_EQ(good(with("{job: api}"))->jobs.at(0).upstream->efficacy.window, 60s);
  EXPECT_NE(mistakes_of(with("{window: 90s}")).find("job"), std::string::npos);
  EXPECT_EQ(mistakes_of(with("{job: app}")), "sluice.yml:6:17: efficacy.job: there is no job \"app\"\n");
  EXPECT_EQ(mistakes_of(with("{job: api, window: 30s}", "20s")),
            "sluice.yml:6:17: efficacy.window must be at least two intervals of the job \"api\": 40s\n");
}

TEST(ConfigTest, a_vote_s_hash_changes_with_what_decides_and_with_nothing_else) {
  const auto one = good(kAuth);
  std::string other(kAuth);
  other.replace(other.find("fall: 3"), 7, "fall: 4");
  const auto two = good(other);
  EXPECT_NE(one->hash_of(one->jobs[0]), two->hash_of(two->jobs[0]));
  std::string third(kAuth);
  third.replace(third.find("ttl: 300s"), 9, "ttl: 200s");
  const auto three = good(third);
  EXPECT_EQ(one->hash_of(one->jobs[0]), three->hash_of(three->jobs[0]));
}

TEST(ConfigTest, the_variables_of_a_service_make_the_whole_set_up) {
  const Environment environment = {{"AUTH_SERVERS", "https://a1.example.com, https://a2.example.com"},
                                   {"OAUTH_ISSUER", "https://login.example.com/"},
                                   {"DATABASE_URL", "postgres://app:hunter2@db1:5432/app"},
                                   {"REDIS_URL", "redis://:hunter2@cache:6379/0"},
                                   {"API_HEALTH_URL", "https://api.example.com/health"},
                                   {"SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/x"},
                                   {"PAGERDUTY_INTEGRATION_KEY", "0123456789abcdef0123456789abcdef"}};
  const Loaded loaded = config_from_environment(".env", environment);
  ASSERT_EQ(listed(loaded.mistakes), "");
  const Config& config = *loaded.config;
  ASSERT_EQ(config.jobs.size(), 4u);
  EXPECT_EQ(config.jobs[0].targets.size(), 2u);
  EXPECT_TRUE(config.jobs[0].upstream.has_value());
  EXPECT_EQ(config.module_of(config.jobs[0]).oidc.issuer, "https://login.example.com/");
  EXPECT_EQ(config.jobs[1].targets[0].instance, "db1:5432");
  EXPECT_EQ(config.jobs[2].targets[0].instance, "cache:6379");
  EXPECT_FALSE(config.rule_groups.empty());
  ASSERT_NE(config.alerting, nullptr);
  ASSERT_NE(config.alerting->find_receiver("on-call"), nullptr);
  EXPECT_EQ(config.alerting->find_receiver("on-call")->integrations.size(), 2u);
  EXPECT_EQ(print_config(config).find("hunter2"), std::string::npos);
}

TEST(ConfigTest, without_any_variable_there_is_nothing_to_watch_and_nobody_to_tell) {
  const Loaded loaded = config_from_environment(".env", {});
  ASSERT_EQ(listed(loaded.mistakes), "");
  EXPECT_TRUE(loaded.config->jobs.empty());
  EXPECT_EQ(loaded.config->alerting, nullptr);
}

TEST(ConfigTest, env_files_are_read_as_shells_write_them) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("sluice-env-" + std::to_string(::getpid()))).string();
  std::ofstream(path)
      << "# comment\nexport A=1\nB=\"two words\" \nC='$x' # why\nD=plain # comment\n\nnot a line\nE=\"open\n";
  Environment environment;
  Mistakes mistakes;
  read_env_file(path, environment, mistakes);
  std::filesystem::remove(path);
  EXPECT_EQ(environment, (Environment{{"A", "1"}, {"B", "two words"}, {"C", "$x"}, {"D", "plain"}}));
  EXPECT_EQ(listed(mistakes),
            path + ":7:1: expected NAME=value\n" + path + ":8:3: this quote is never closed\n");
}

TEST(ConfigTest, alertmanagers_are_those_of_prometheus) {
  const auto config = good(R"(
alerting:
  alertmanagers:
    - scheme: https
      path_prefix: am/
      timeout: 3s
      basic_auth: {username: u, password: s3cret}
      tls_config: {ca_file: ca.pem, min_version: TLS12}
      static_configs: [{targets: ["am-0:9093", "am-1:9093"]}]
    - static_configs: [{targets: ["10.0.0.1:9093"]}]
)");
  ASSERT_EQ(config->alertmanagers.size(), 3u);
  EXPECT_EQ(config->alertmanagers[1].url, "https://am-1:9093/am/api/v2/alerts");
  EXPECT_EQ(config->alertmanagers[1].name, "am-1:9093");
  EXPECT_EQ(config->alertmanagers[1].timeout, 3s);
  EXPECT_EQ(config->alertmanagers[1].http.basic_auth->username, "u");
  EXPECT_EQ(config->alertmanagers[2].url, "http://10.0.0.1:9093/api/v2/alerts");
  EXPECT_EQ(config->alertmanagers[2].timeout, 10s);
  const std::string printed = print_config(*config);
  EXPECT_EQ(printed.find("s3cret"), std::string::npos);
  EXPECT_EQ(good(printed)->alertmanagers[1].url, config->alertmanagers[1].url) << printed;
}

TEST(ConfigTest, what_alertmanagers_cannot_have_is_refused_by_name) {
  const std::string got = mistakes_of(R"(
alerting:
  alert_relabel_configs: [{action: labeldrop}]
  alertmanagers:
    - api_version: v1
      dns_sd_configs: [{names: [am]}]
      static_configs: [{targets: ["http://am:9093", "am:9093", "am:9093"]}]
    - {proxy_url: "http://proxy"}
)");
  for (const char* part :
       {"alert_relabel_configs: not supported", "api_version", "dns_sd_configs: not supported",
        "targets[0] must be HOST:PORT", "am:9093 is in the list already", "proxy_url: not supported",
        "static_configs is missing"}) {
    EXPECT_NE(got.find(part), std::string::npos) << part << "\n" << got;
  }
}

// The shipped example names every key, and is what the quickstart runs.
TEST(ConfigTest, the_example_configuration_loads) {
  const std::string folder = std::string(SLUICE_SOURCE_DIR) + "/deploy/config";
  Environment environment = {{"REDIS_URL", "redis://127.0.0.1:1/0"},
                             {"AUTH_SERVER_1", "http://127.0.0.1:2"},
                             {"AUTH_SERVER_2", "http://127.0.0.1:3"},
                             {"API_SERVER_1", "http://127.0.0.1:4"},
                             {"API_SERVER_2", "http://127.0.0.1:5"},
                             {"POSTGRES_ADDRESS", "127.0.0.1:6"},
                             {"REDIS_ADDRESS", "127.0.0.1:1"},
                             {"SLACK_WEBHOOK_URL", "http://127.0.0.1:7/slack"},
                             {"PAGERDUTY_INTEGRATION_KEY", "0123456789abcdef0123456789abcdef"}};
  const Loaded loaded = load_config(folder + "/example.yml", environment);
  EXPECT_EQ(listed(loaded.mistakes), "");
}

}  // namespace
}  // namespace sluice::config
