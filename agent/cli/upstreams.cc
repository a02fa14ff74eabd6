// sluice upstreams [disable|enable|auto|log]

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
  } else if (action == "auto") {
    print_line(fmt::format("{}: the probes decide again", options.target));
  } else {
    print_line(fmt::format("{}: {}d for {}", options.target, action, options.duration));
  }
  return kFine;
}

}  // namespace

int upstreams_list(const UpstreamOptions& options) {
  json::value answer;
  if (const int code = fetch(options, "/api/v1/upstreams", answer); code != kFine) return code;
  if (options.json) return kFine;
  std::vector<std::vector<std::string>> rows = {
      {"POOL", "TARGET", "VERDICT", "STATE", "SINCE", "LEASE", "WHY"}};
  for (const json::value& pool : answer.at("data").at("pools").as_array()) {
    const bool shadow = text(pool, "mode") == "shadow";
    for (const json::value& target : pool.at("targets").as_array()) {
      std::string state = text(target, "state");
      if (shadow && state == "disabled") state = "would be disabled";
      std::string why = text(target, "by_operator") == "true" ? "operator: " + text(target, "reason")
                                                              : text(target, "evidence");
      if (const std::string hold = text(target, "hold"); why.empty() && hold != "none") why = "held: " + hold;
      rows.push_back({text(pool, "pool"), text(target, "target"), text(target, "fleet_verdict"), state,
                      text(target, "since"), text(target, "lease"), why});
    }
  }
  if (rows.size() == 1) {
    print_line("no pools are configured");
  } else {
    fmt::print("{}", format_table(rows));
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

int upstreams_log(const UpstreamOptions& options) {
  json::value answer;
  if (const int code = fetch(options, "/api/v1/upstreams/log", answer); code != kFine) return code;
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
