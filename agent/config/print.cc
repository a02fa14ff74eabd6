// The effective configuration as YAML: what the file says with defaults filled in. Secrets are printed as
// <secret>, and so are passwords inside URLs. What is printed loads again, once the secrets are put back.

#include <fmt/format.h>

#include <algorithm>

#include "agent/config/config.h"
#include "agent/config/names.h"
#include "agent/config/parts.h"

namespace sluice::config {
namespace {

constexpr std::string_view kSecret = "<secret>";
constexpr std::string_view kUrlSecret = "xxxxx";  // a URL with angle brackets would be none

std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::vector<std::string> texts_of(const std::vector<net::HostPort>& addresses) {
  std::vector<std::string> texts;
  for (const net::HostPort& address : addresses) texts.push_back(address.to_string());
  return texts;
}

// "redis://user:xxxxx@host" for a URL that holds a password.
std::string without_password(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const size_t start = scheme + 3;
  const size_t end = std::min(url.find('/', start), url.size());
  const size_t at = url.substr(0, end).rfind('@');
  const size_t colon = url.find(':', start);
  if (at == std::string_view::npos || colon == std::string_view::npos || colon > at) return std::string(url);
  return fmt::format("{}{}{}", url.substr(0, colon + 1), kUrlSecret, url.substr(at));
}

// Writes block-style YAML. Empty strings and lists are left out: they mean "not set" everywhere here.
class Printer {
 public:
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) line(key, yaml_text(value));
  }
  void secret(std::string_view key, std::string_view value) {
    if (!value.empty()) line(key, kSecret);
  }
  void word(std::string_view key, std::string_view value) { line(key, value); }
  void flag(std::string_view key, bool value) { line(key, value ? "true" : "false"); }
  void number(std::string_view key, double value) { line(key, fmt::format("{}", value)); }
  void duration(std::string_view key, Duration value) { line(key, format_duration(value)); }
  void texts(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ", ") + yaml_text(value);
    line(key, "[" + list + "]");
  }
  void labels(std::string_view key, const Labels& labels) {
    if (labels.empty()) return;
    open(key);
    for (const auto& label : labels) line(yaml_text(label.name), yaml_text(label.value));
    close();
  }
  void open(std::string_view key) {
    pending_.emplace_back(fmt::format("{}{}:\n", prefix(), key));
    indent_ += 2;
  }
  // A section without lines is not printed.
  void close() {
    indent_ -= 2;
    if (!pending_.empty()) pending_.pop_back();
  }
  // The next line begins a list item; item_end() closes it.
  void item() {
    flush();
    item_ = true;
    indent_ += 2;
  }
  void item_end() {
    item_ = false;
    indent_ -= 2;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string prefix() {
    std::string spaces(static_cast<size_t>(indent_), ' ');
    if (item_) spaces[spaces.size() - 2] = '-';
    item_ = false;
    return spaces;
  }
  void flush() {
    for (const std::string& section : pending_) out_ += section;
    pending_.clear();
  }
  void line(std::string_view key, std::string_view value) {
    flush();
    out_ += fmt::format("{}{}: {}\n", prefix(), key, value);
  }

  std::string out_;
  std::vector<std::string> pending_;  // headings of open sections that have no line yet
  int indent_ = 0;
  bool item_ = false;
};

void print_tls(Printer& p, std::string_view key, const net::TlsConfig& tls) {
  p.open(key);
  p.text("ca_file", tls.ca_file);
  p.text("cert_file", tls.cert_file);
  p.text("key_file", tls.key_file);
  p.text("ca", tls.ca);
  p.text("cert", tls.cert);
  p.secret("key", tls.key);
  p.text("server_name", tls.server_name);
  if (tls.insecure_skip_verify) p.flag("insecure_skip_verify", true);
  p.text("min_version", tls_versions().to_word(tls.min_version));
  p.text("max_version", tls_versions().to_word(tls.max_version));
  p.close();
}

void print_header_matches(Printer& p, std::string_view key,
                          const std::vector<exporters::http::HeaderMatch>& matches) {
  if (matches.empty()) return;
  p.open(key);
  for (const auto& match : matches) {
    p.item();
    p.text("header", match.header);
    p.text("regexp", match.regexp);
    p.flag("allow_missing", match.allow_missing);
    p.item_end();
  }
  p.close();
}

template <typename T>
void print_ip_protocol(Printer& p, const T& module) {
  p.word("preferred_ip_protocol", module.preferred_ip_protocol == net::IpFamily::kIp4 ? "ip4" : "ip6");
  p.flag("ip_protocol_fallback", module.ip_protocol_fallback);
}

void print_http_auth(Printer& p, const exporters::http::HttpModule& http) {
  if (http.basic_auth) {
    p.open("basic_auth");
    p.text("username", http.basic_auth->username);
    p.text("username_file", http.basic_auth->username_file);
    p.secret("password", http.basic_auth->password);
    p.text("password_file", http.basic_auth->password_file);
    p.close();
  }
  if (http.authorization) {
    p.open("authorization");
    p.text("type", http.authorization->type);
    p.secret("credentials", http.authorization->credentials);
    p.text("credentials_file", http.authorization->credentials_file);
    p.close();
  }
  if (http.http_headers.empty()) return;
  p.open("http_headers");
  for (const auto& header : http.http_headers) {
    p.open(yaml_text(header.name));
    p.texts("values", header.values);
    p.texts("secrets", std::vector<std::string>(header.secrets.size(), std::string(kSecret)));
    p.texts("files", header.files);
    p.close();
  }
  p.close();
}

// Headers may carry credentials in any of these.
bool is_secret_header(std::string_view name) {
  for (const std::string_view word : {"authorization", "cookie", "token", "key", "secret"}) {
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? char(a + 32) : a) == b; };
    if (std::search(name.begin(), name.end(), word.begin(), word.end(), same) != name.end()) return true;
  }
  return false;
}

void print_http(Printer& p, const exporters::http::HttpModule& http) {
  p.open("http");
  if (!http.valid_status_codes.empty())
    p.word("valid_status_codes", fmt::format("[{}]", fmt::join(http.valid_status_codes, ", ")));
  p.texts("valid_http_versions", http.valid_http_versions);
  print_ip_protocol(p, http);
  p.text("method", http.method);
  if (!http.headers.empty()) {
    p.open("headers");
    for (const HttpHeader& header : http.headers)
      p.text(yaml_text(header.name), is_secret_header(header.name) ? kSecret : header.value);
    p.close();
  }
  p.text("body", http.body);
  p.text("body_file", http.body_file);
  p.text("compression", http.compression);
  p.flag("follow_redirects", http.follow_redirects);
  p.flag("fail_if_ssl", http.fail_if_ssl);
  p.flag("fail_if_not_ssl", http.fail_if_not_ssl);
  p.texts("fail_if_body_matches_regexp", http.fail_if_body_matches_regexp);
  p.texts("fail_if_body_not_matches_regexp", http.fail_if_body_not_matches_regexp);
  print_header_matches(p, "fail_if_header_matches", http.fail_if_header_matches);
  print_header_matches(p, "fail_if_header_not_matches", http.fail_if_header_not_matches);
  if (http.body_size_limit > 0) p.word("body_size_limit", fmt::format("{}B", http.body_size_limit));
  print_tls(p, "tls_config", http.tls_config);
  print_http_auth(p, http);
  p.close();
}

void print_tcp(Printer& p, const exporters::tcp::TcpModule& tcp) {
  p.open("tcp");
  print_ip_protocol(p, tcp);
  p.text("source_ip_address", tcp.source_ip_address);
  p.flag("tls", tcp.tls);
  print_tls(p, "tls_config", tcp.tls_config);
  if (!tcp.query_response.empty()) {
    p.open("query_response");
    for (const auto& step : tcp.query_response) {
      p.item();
      p.flag("starttls", step.starttls);
      p.text("expect", step.expect);
      p.text("send", step.send);
      if (!step.labels.empty()) {
        p.open("labels");
        for (const auto& label : step.labels) {
          p.item();
          p.text("name", label.name);
          p.text("value", label.value);
          p.item_end();
        }
        p.close();
      }
      p.item_end();
    }
    p.close();
  }
  p.close();
}

void print_oidc(Printer& p, const exporters::oidc::OidcModule& oidc) {
  print_http(p, oidc.http);
  p.open("oidc");
  p.text("issuer", oidc.issuer);
  p.text("health_path", oidc.health_path);
  p.text("jwks_uri", oidc.jwks_uri);
  p.texts("algorithms", oidc.algorithms);
  p.texts("allowed_hosts", oidc.allowed_hosts);
  p.number("min_rsa_bits", oidc.min_rsa_bits);
  p.close();
}

void print_postgres(Printer& p, const exporters::postgres::PostgresModule& postgres) {
  p.open("postgres");
  p.text("user", postgres.user);
  p.secret("password", postgres.password);
  p.text("password_file", postgres.password_file);
  p.text("database", postgres.database);
  p.text("application_name", postgres.application_name);
  p.word("sslmode", ssl_modes().to_word(postgres.ssl_mode));
  p.text("sslrootcert", postgres.ca_file);
  p.text("sslcert", postgres.cert_file);
  p.text("sslkey", postgres.key_file);
  p.duration("connect_timeout", postgres.connect_timeout);
  p.flag("fail_if_read_only", postgres.fail_if_read_only);
  p.flag("reuse_connection", postgres.reuse_connection);
  p.flag("statistics", postgres.statistics);
  p.text("queries_file", postgres.queries_file);
  p.close();
}

void print_redis_module(Printer& p, const exporters::redis::RedisModule& redis) {
  p.open("redis");
  p.text("username", redis.username);
  p.secret("password", redis.password);
  p.text("password_file", redis.password_file);
  p.flag("tls", redis.tls);
  print_tls(p, "tls_config", redis.tls_config);
  p.open("write_canary");
  p.flag("enabled", redis.write_canary.enabled);
  p.text("key", redis.write_canary.key);
  p.duration("ttl", redis.write_canary.ttl);
  p.close();
  p.word("expect_role", redis_roles().to_word(redis.expect_role));
  p.flag("fail_if_read_only", redis.fail_if_read_only);
  p.flag("statistics", redis.statistics);
  p.close();
}

void print_module(Printer& p, const exporters::Module& module) {
  p.word("prober", module.prober);
  if (module.timeout > Duration::zero()) p.duration("timeout", module.timeout);
  if (module.prober == "http") print_http(p, module.http);
  if (module.prober == "tcp") print_tcp(p, module.tcp);
  if (module.prober == "oidc") print_oidc(p, module.oidc);
  if (module.prober == "postgres") print_postgres(p, module.postgres);
  if (module.prober == "redis") print_redis_module(p, module.redis);
}

void print_health(Printer& p, const gate::HealthPolicy& health) {
  p.open("health");
  p.number("rise", health.rise);
  p.number("fall", health.fall);
  if (health.fast_interval > Duration::zero()) p.duration("fast_interval", health.fast_interval);
  if (health.down_interval > Duration::zero()) p.duration("down_interval", health.down_interval);
  p.close();
}

void print_upstream(Printer& p, const gate::PoolPolicy& pool) {
  p.open("upstream");
  p.text("pool", pool.pool);
  p.open("flag");
  p.text("key", pool.flag.key);
  p.text("value", pool.flag.value);
  p.duration("ttl", pool.flag.ttl);
  p.word("encoding", flag_encodings().to_word(pool.flag.encoding));
  p.close();
  p.word("mode", gate_modes().to_word(pool.mode));
  p.number("max_disabled_percent", pool.max_disabled_percent);
  p.number("min_available", pool.min_available);
  p.open("disable_time");
  p.duration("base", pool.disable_time.base);
  p.duration("max", pool.disable_time.max);
  p.duration("decay", pool.disable_time.decay);
  p.number("jitter_percent", pool.disable_time.jitter_percent);
  p.close();
  if (!pool.efficacy.job.empty()) {
    p.open("efficacy");
    p.text("job", pool.efficacy.job);
    p.duration("window", pool.efficacy.window);
    p.duration("hold", pool.efficacy.hold);
    p.close();
  }
  p.number("eject_ratio", pool.eject_ratio);
  p.number("release_ratio", pool.release_ratio);
  p.duration("eject_for", pool.eject_for);
  p.duration("release_for", pool.release_for);
  p.number("min_votes", pool.min_votes);
  p.number("min_zones", pool.min_zones);
  p.number("vantages", pool.vantages);
  p.number("max_probes_per_second", pool.max_probes_per_second);
  p.duration("agent_memory", pool.agent_memory);
  p.number("freeze_percent", pool.freeze_percent);
  p.duration("freeze_window", pool.freeze_window);
  p.number("freeze_pools", pool.freeze_pools);
  p.duration("slow_start", pool.slow_start);
  p.close();
}

void print_job(Printer& p, const Job& job) {
  p.item();
  p.text("job_name", job.name);
  p.text("module", job.module);
  p.duration("interval", job.interval);
  p.duration("timeout", job.timeout);
  p.number("vantages", job.vantages);
  p.number("max_probes_per_second", job.max_probes_per_second);
  p.open("static_configs");
  for (const Target& target : job.targets) {
    p.item();
    p.texts("targets", {without_password(target.address)});
    p.labels("labels", target.labels);
    p.item_end();
  }
  p.close();
  print_health(p, job.health);
  if (job.upstream) print_upstream(p, *job.upstream);
  p.item_end();
}

void print_sections(Printer& p, const Config& config) {
  p.open("global");
  p.duration("interval", config.global.interval);
  p.duration("timeout", config.global.timeout);
  p.duration("evaluation_interval", config.global.evaluation_interval);
  p.labels("external_labels", config.global.external_labels);
  p.close();
  p.open("agent");
  p.text("name", config.agent.name);
  p.text("zone", config.agent.zone);
  p.close();
  p.open("web");
  p.text("listen_address", config.web.listen_address);
  p.text("config_file", config.web.config_file);
  p.text("external_url", config.web.external_url);
  p.text("agent_check_address", config.web.agent_check_address);
  p.close();
  p.open("store");
  p.duration("retention", config.store.retention);
  p.number("series_max", static_cast<double>(config.store.series_max));
  p.text("path", config.store.path);
  p.number("journal_size", static_cast<double>(config.store.journal_bytes));
  p.close();
  if (config.redis) {
    p.open("redis");
    const Redis& redis = *config.redis;
    p.text("url", without_password(redis.url));
    p.texts("sentinels", texts_of(redis.sentinels));
    p.text("master_name", redis.master_name);
    p.text("sentinel_username", redis.sentinel_username);
    p.secret("sentinel_password", redis.sentinel_password);
    p.text("sentinel_password_file", redis.sentinel_password_file);
    p.texts("cluster_nodes", texts_of(redis.cluster_nodes));
    if (redis.url.empty()) p.flag("tls", redis.use_tls);
    if (redis.url.empty()) p.number("database", redis.database);
    p.text("username", redis.username);
    p.secret("password", redis.password);
    p.text("password_file", redis.password_file);
    print_tls(p, "tls_config", config.redis->tls);
    p.duration("timeout", config.redis->timeout);
    p.text("prefix", config.redis->prefix);
    p.close();
  }
}

}  // namespace

std::string print_module(const exporters::Module& module) {
  Printer p;
  print_module(p, module);
  return p.take();
}

std::string print_health(const gate::HealthPolicy& health) {
  Printer p;
  print_health(p, health);
  return p.take();
}

void print_http(Printer& p, const alerts::HttpClientConfig& http) {
  if (http.basic_auth) {
    p.open("basic_auth");
    p.text("username", http.basic_auth->username);
    p.secret("password", http.basic_auth->password.value);
    p.text("password_file", http.basic_auth->password.file);
    p.close();
  }
  if (http.authorization) {
    p.open("authorization");
    p.text("type", http.authorization->type);
    p.secret("credentials", http.authorization->credentials.value);
    p.text("credentials_file", http.authorization->credentials.file);
    p.close();
  }
  const alerts::TlsConfig& tls = http.tls;
  if (tls != alerts::TlsConfig{}) {
    p.open("tls_config");
    p.text("ca_file", tls.ca_file);
    p.text("cert_file", tls.cert_file);
    p.text("key_file", tls.key_file);
    p.text("server_name", tls.server_name);
    if (tls.insecure_skip_verify) p.flag("insecure_skip_verify", true);
    p.text("min_version", tls.min_version);
    p.text("max_version", tls.max_version);
    p.close();
  }
  if (!http.follow_redirects) p.flag("follow_redirects", false);
}

void print_alerting(Printer& p, const Config& config) {
  p.open("alerting");
  if (!config.alerting_file.empty()) {
    p.text("config_file", config.alerting_file);
    p.flag("expand_environment", config.alerting_environment);
    p.text("message_look", config.message_look);
  }
  if (!config.alertmanagers.empty()) {
    p.open("alertmanagers");
    for (const alerts::ForwardTarget& target : config.alertmanagers) {
      constexpr std::string_view kPath = "/api/v2/alerts";
      const std::string_view base = std::string_view(target.url).substr(0, target.url.size() - kPath.size());
      const size_t host = base.find("://") + 3;
      const size_t path = std::min(base.find('/', host), base.size());
      p.item();
      p.word("scheme", base.substr(0, host - 3));
      p.text("path_prefix", base.substr(path));
      p.duration("timeout", target.timeout);
      print_http(p, target.http);
      p.word("static_configs", fmt::format("[{{targets: [{}]}}]", yaml_text(base.substr(host, path - host))));
      p.item_end();
    }
    p.close();
  }
  p.close();
}

std::string print_config(const Config& config) {
  Printer p;
  print_sections(p, config);
  p.open("modules");
  for (const auto& [name, module] : config.modules) {
    p.open(yaml_text(name));
    print_module(p, module);
    p.close();
  }
  p.close();
  if (config.jobs.empty()) {
    p.word("probes", "[]");
  } else {
    p.open("probes");
    for (const Job& job : config.jobs) print_job(p, job);
    p.close();
  }
  p.texts("rule_files", config.rule_patterns);
  p.texts("rule_packs", config.rule_packs);
  if (!config.alerting_file.empty() || !config.alertmanagers.empty()) print_alerting(p, config);
  return p.take();
}

}  // namespace sluice::config
