// The set-up of a service that has no configuration file: its variables, turned into the YAML a person would
// write. One loader then reads it, so that both ways mean the same and `check config --env-file FILE --print`
// shows it all.

#include <fmt/format.h>
#include <unistd.h>

#include <sstream>

#include "agent/config/config.h"
#include "agent/config/parts.h"
#include "core/file/file.h"

extern char** environ;

namespace sluice::config {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// The value of one NAME=value line: quotes taken off, a comment after a plain value cut. Empty when a quote
// stays open.
std::optional<std::string> env_value(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && (text[0] == '"' || text[0] == '\'')) {
    const char mark = text[0];
    std::string value;
    for (size_t i = 1; i < text.size(); ++i) {
      if (text[i] == mark) return value;
      if (text[i] == '\\' && mark == '"' && i + 1 < text.size()) {
        ++i;
        value += text[i] == 'n' ? '\n' : text[i];
      } else {
        value += text[i];
      }
    }
    return std::nullopt;
  }
  const size_t comment = text.find(" #");
  return std::string(trimmed(text.substr(0, comment)));
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find_first_of(", "));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

// A YAML string that means exactly `text`, also where it holds "${".
std::string yaml_string(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '$' && i + 1 < text.size() && text[i + 1] == '{') out += '$';
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string yaml_list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + yaml_string(item);
  return "[" + out + "]";
}

std::string first_set(const Environment& environment, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return "";
}

bool is_set(const Environment& environment, std::string_view name) {
  return !first_set(environment, {name}).empty();
}

std::string auth_probe(const Environment& environment) {
  const std::vector<std::string> servers =
      split_list(first_set(environment, {"AUTH_SERVERS", "AUTH_SERVER_URL"}));
  if (servers.empty()) return "";
  return fmt::format(R"(  - job_name: auth
    module: auth
    static_configs: [{{targets: {}}}]
    health: {{rise: 2, fall: 3, fast_interval: 1s}}
    upstream:
      pool: auth
      flag: {{key: "auth_server:disabled:{{target}}", value: "1", ttl: 300s}}
)",
                     yaml_list(servers));
}

std::string probe(std::string_view job, std::string_view module, const std::string& target_list) {
  return fmt::format("  - job_name: {}\n    module: {}\n    static_configs: [{{targets: {}}}]\n", job, module,
                     target_list);
}

std::string auth_module(const Environment& environment) {
  std::string out = "modules:\n  auth:\n    prober: oidc\n    oidc:\n      min_rsa_bits: 2048\n";
  if (is_set(environment, "OAUTH_ISSUER")) out += "      issuer: \"${OAUTH_ISSUER}\"\n";
  if (is_set(environment, "JWKS_URL")) out += "      jwks_uri: \"${JWKS_URL}\"\n";
  return out;
}

}  // namespace

const Environment& environment() {
  static const Environment at_start = [] {
    Environment variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view pair(*entry);
      const size_t equals = pair.find('=');
      if (equals != std::string_view::npos)
        variables.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return variables;
  }();
  return at_start;
}

void read_env_file(const std::string& path, Environment& environment, Mistakes& mistakes) {
  const Result<std::string> text = file::read(path, 1 << 20);
  if (text.has_error()) {
    mistakes.push_back({path, 0, 0, text.error().message});
    return;
  }
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::string_view rest = trimmed(line);
    if (rest.empty() || rest[0] == '#') continue;
    if (rest.starts_with("export ")) rest = trimmed(rest.substr(7));
    const size_t equals = rest.find('=');
    const std::string_view name = trimmed(rest.substr(0, equals));
    if (equals == std::string_view::npos || !is_classic_label_name(name)) {
      mistakes.push_back({path, number, 1, "expected NAME=value"});
      continue;
    }
    const std::optional<std::string> value = env_value(rest.substr(equals + 1));
    if (!value) {
      mistakes.push_back({path, number, static_cast<int>(equals) + 2, "this quote is never closed"});
      continue;
    }
    environment[std::string(name)] = *value;
  }
}

std::string yaml_from_environment(const Environment& environment) {
  std::string out =
      "global: {interval: 15s, timeout: 5s}\nweb: {listen_address: \"${SLUICE_LISTEN_ADDRESS:-:9808}\"}\n";
  out += "store: {path: \"${SLUICE_STORE_PATH:-}\"}\n";
  if (is_set(environment, "REDIS_URL")) out += "redis: {url: \"${REDIS_URL}\"}\n";
  out += auth_module(environment);
  std::string probes = auth_probe(environment);
  if (is_set(environment, "DATABASE_URL")) probes += probe("postgres", "postgres", "[\"${DATABASE_URL}\"]");
  if (is_set(environment, "REDIS_URL")) probes += probe("redis", "redis", "[\"${REDIS_URL}\"]");
  const std::vector<std::string> apis = split_list(first_set(environment, {"API_HEALTH_URL"}));
  if (!apis.empty()) probes += probe("api", "http_2xx", yaml_list(apis));
  out += probes.empty() ? "probes: []\n" : "probes:\n" + probes;
  return out + "rule_packs: [sluice, upstreams, tls, postgres, redis]\n";
}

// Warnings go to Slack, what is critical also wakes somebody up.
std::string alerting_yaml_from_environment(const Environment& environment) {
  const bool slack = is_set(environment, "SLACK_WEBHOOK_URL");
  const bool pagerduty = is_set(environment, "PAGERDUTY_INTEGRATION_KEY");
  if (!slack && !pagerduty) return "";
  const std::string slack_receiver =
      "    slack_configs: [{api_url: \"${SLACK_WEBHOOK_URL}\", send_resolved: true}]\n";
  const std::string pager_receiver =
      "    pagerduty_configs: [{routing_key: \"${PAGERDUTY_INTEGRATION_KEY}\", url: "
      "\"${PAGERDUTY_URL:-https://events.pagerduty.com/v2/enqueue}\"}]\n";
  std::string out =
      "route:\n  receiver: team\n  group_by: [alertname, job]\n  group_wait: 5s\n  group_interval: 1m\n  "
      "repeat_interval: 4h\n";
  if (pagerduty) out += "  routes:\n    - {matchers: ['severity=\"critical\"'], receiver: on-call}\n";
  out += "receivers:\n  - name: team\n" + (slack ? slack_receiver : "");
  if (pagerduty) out += "  - name: on-call\n" + (slack ? slack_receiver : "") + pager_receiver;
  return out;
}

}  // namespace sluice::config
