// sluice upstreams [disable|drain|enable|auto|freeze|unfreeze|log]

#include <fmt/format.h>

#include <boost/json.hpp>

#include "agent/cli/commands.h"
#include "agent/cli/print.h"
#include "agent/cli/remote.h"
#include "core/time.h"

namespace sluice::cli {

namespace json = boost::json;

namespace {

// Fetches a path of the agent; prints what went wrong and returns the exit code instead.
int fetch(const RemoteOptions& options, std::string_view path, json::value& data) {
  const Result<HttpResponse> response = call(options, "GET", path);
  if (response.has_error()) {
    print_error(response.error().message);
    return kUsage;
  }
  if (response->status != 200) {
    print_error(error_of(*response));
    return kFailed;
  }
  if (options.json) print_line(response->body);
  boost::system::error_code error;
  data = json::parse(response->body, error);
  if (error || !data.is_object() || !data.get_object().contains("data")) {
    print_error("the answer is not one of a Sluice agent");
    return kUsage;
  }
  return kFine;
}

std::string text(const json::value& object, const char* key) {
  const json::value* value = object.is_object() ? object.get_object().if_contains(key) : nullptr;
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

int speak(const UpstreamOptions& options, std::string_view action) {
  const json::object body = {
      {"action", std::string(action)}, {"pool", options.pool},
      {"target", options.target},      {"duration", options.duration},
      {"reason", options.reason},      {"author", options.author.empty() ? login_name() : options.author}};
  const Result<HttpResponse> response = call(options, "POST", "/api/v1/upstreams", json::serialize(body));
  if (response.has_error()) {
    print_error(response.error().message);
    return kUsage;
  }
  if (response->status != 200) {
    print_error(error_of(*response));
    return kFailed;
  }
  if (options.json) {
    print_line(response->body);
  } else if (options.target == "*" && action == "auto") {
    print_line(fmt::format("pool {}: no longer frozen", options.pool));
  } else if (options.target == "*") {
    print_line(
        fmt::format("pool {}: frozen for {}, nothing new is disabled", options.pool, options.duration));
  } else if (action == "auto") {
    print_line(fmt::format("{}: the probes decide again", options.target));
  } else {
    const std::string_view done = action == "drain"     ? "drained"
                                  : action == "disable" ? "disabled"
                                                        : "enabled";
    print_line(fmt::format("{}: {} for {}", options.target, done, options.duration));
  }
  return kFine;
}

}  // namespace

int upstreams_list(const UpstreamOptions& options) {
  json::value answer;
  if (const int code = fetch(options, "/api/v1/upstreams", answer); code != kFine) return code;
  if (options.json) return kFine;
  std::vector<std::vector<std::string>> frozen = {{"FROZEN POOL", "WHY"}};
  std::vector<std::vector<std::string>> rows = {
      {"POOL", "TARGET", "VERDICT", "STATE", "SINCE", "LEASE", "WHY"}};
  for (const json::value& pool : answer.at("data").at("pools").as_array()) {
    const bool shadow = text(pool, "mode") == "shadow";
    for (const json::value& target : pool.at("targets").as_array()) {
      std::string state = text(target, "state");
      if (shadow && state == "disabled") state = "would be disabled";
      if (text(target, "drain") == "true") state = "drained";
      std::string why = text(target, "by_operator") == "true" ? "operator: " + text(target, "reason")
                                                              : text(target, "evidence");
      if (const std::string hold = text(target, "hold"); why.empty() && hold != "none") why = "held: " + hold;
      rows.push_back({text(pool, "pool"), text(target, "target"), text(target, "fleet_verdict"), state,
                      text(target, "since"), text(target, "lease"), why});
    }
  }
  for (const json::value& pool : answer.at("data").at("pools").as_array()) {
    if (const std::string why = text(pool, "freeze"); !why.empty())
      frozen.push_back({text(pool, "pool"), why});
  }
  if (rows.size() == 1) {
    print_line("no pools are configured");
  } else {
    fmt::print("{}", format_table(rows));
    if (frozen.size() > 1) fmt::print("\n{}", format_table(frozen));
  }
  return kFine;
}

int upstreams_disable(const UpstreamOptions& options) {
  return speak(options, "disable");
}
int upstreams_enable(const UpstreamOptions& options) {
  return speak(options, "enable");
}
int upstreams_auto(const UpstreamOptions& options) {
  return speak(options, "auto");
}

// Freezing is a word about the pool, not about one of its members.
UpstreamOptions about_pool(UpstreamOptions options) {
  options.pool = std::exchange(options.target, "*");
  return options;
}

int upstreams_drain(const UpstreamOptions& options) {
  return speak(options, "drain");
}
int upstreams_freeze(const UpstreamOptions& options) {
  return speak(about_pool(options), "freeze");
}
int upstreams_unfreeze(const UpstreamOptions& options) {
  return speak(about_pool(options), "auto");
}

int upstreams_log(const UpstreamOptions& options) {
  json::value answer;
  const std::string path = options.pool.empty()
                               ? "/api/v1/upstreams/log"
                               : "/api/v1/upstreams/log?" + query_parameter("pool", options.pool);
  if (const int code = fetch(options, path, answer); code != kFine) return code;
  if (options.json) return kFine;
  std::vector<std::vector<std::string>> rows = {
      {"AT", "POOL", "TARGET", "ACTION", "MODE", "EPOCH", "BY", "REASON", "EVIDENCE"}};
  for (const json::value& event : answer.at("data").as_array()) {
    const json::value* at = event.as_object().if_contains("at");
    const double seconds = at != nullptr && at->is_number() ? at->to_number<double>() : 0;
    rows.push_back({format_rfc3339(from_unix_ms(static_cast<int64_t>(seconds * 1000))), text(event, "pool"),
                    text(event, "target"), text(event, "action"), text(event, "mode"), text(event, "epoch"),
                    text(event, "by"), text(event, "reason"), text(event, "evidence")});
  }
  fmt::print("{}", format_table(rows));
  return kFine;
}

}  // namespace sluice::cli
