// sluice alerts, sluice silence add|list|expire: Alertmanager's API v2, of this agent or of an Alertmanager.

#include <fmt/format.h>

#include <boost/json.hpp>

#include "agent/cli/commands.h"
#include "agent/cli/print.h"
#include "agent/cli/remote.h"
#include "core/net/clock.h"
#include "core/time.h"
#include "rules/promql/parser.h"

namespace sluice::cli {

namespace json = boost::json;

namespace {

// The matchers of the command line: each argument is one, as inside the braces of a selector; a lone word is
// an alert's name.
Result<std::vector<Matcher>> parse_matchers(const std::vector<std::string>& arguments) {
  std::vector<Matcher> all;
  for (const std::string& argument : arguments) {
    std::string text = argument;
    const size_t op = text.find_first_of("=!");
    if (op == std::string::npos) {
      text = "alertname=" + quote(text);
    } else {
      const size_t value = text.find_first_not_of("=!~", op);
      if (value == std::string::npos) {
        text += "\"\"";
      } else if (text[value] != '"') {
        text = text.substr(0, value) + quote(text.substr(value));
      }
    }
    auto parsed = promql::parse_selector("{" + text + "}");
    // A selector must not match everything; {a=""} does and is fine here.
    if (parsed.has_error())
      return invalid(fmt::format("bad matcher {}: {}", quote(argument), parsed.error().message));
    for (Matcher& matcher : *parsed) all.push_back(std::move(matcher));
  }
  return all;
}

std::string filter_query(const std::vector<Matcher>& matchers) {
  std::string query;
  for (const Matcher& matcher : matchers)
    query += (query.empty() ? "?" : "&") + query_parameter("filter", matcher.to_string());
  return query;
}

struct Answer {
  int code = kFine;
  json::value body;
};

// Sends, prints errors, parses; `code` is the exit code when it is not kFine.
Answer ask(const RemoteOptions& options, const std::string& method, const std::string& path,
           std::string body = {}) {
  Answer answer;
  const Result<HttpResponse> response = call(options, method, path, std::move(body));
  if (response.has_error()) {
    print_error(response.error().message);
    answer.code = kUsage;
  } else if (response->status != 200) {
    print_error(error_of(*response));
    answer.code = kFailed;
  } else {
    if (options.json && !response->body.empty()) print_line(response->body);
    boost::system::error_code error;
    answer.body = json::parse(response->body, error);
  }
  return answer;
}

std::string text(const json::value& object, const char* key) {
  const json::value* value = object.is_object() ? object.get_object().if_contains(key) : nullptr;
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

std::string matcher_text(const json::value& matcher) {
  const bool equal = text(matcher, "isEqual") != "false", regex = text(matcher, "isRegex") == "true";
  return text(matcher, "name") + (equal ? (regex ? "=~" : "=") : (regex ? "!~" : "!=")) +
         quote(text(matcher, "value"));
}

// Parses or prints why not.
bool matchers_or_error(const std::vector<std::string>& arguments, std::vector<Matcher>& out) {
  auto matchers = parse_matchers(arguments);
  if (matchers.has_error()) {
    print_error(matchers.error().message);
    return false;
  }
  out = std::move(*matchers);
  return true;
}

json::object silence_body(const SilenceOptions& options, const std::vector<Matcher>& matchers, Timestamp now,
                          Duration duration) {
  json::array list;
  for (const Matcher& matcher : matchers) {
    const bool regex = matcher.op() == MatchOp::kRegex || matcher.op() == MatchOp::kNotRegex;
    const bool equal = matcher.op() == MatchOp::kEqual || matcher.op() == MatchOp::kRegex;
    list.push_back(json::object{
        {"name", matcher.name()}, {"value", matcher.value()}, {"isRegex", regex}, {"isEqual", equal}});
  }
  return {{"matchers", std::move(list)},
          {"startsAt", format_rfc3339(now)},
          {"endsAt", format_rfc3339(now + to_ms(duration))},
          {"createdBy", options.author.empty() ? login_name() : options.author},
          {"comment", options.comment}};
}

}  // namespace

int alerts_list(const AlertsOptions& options) {
  std::vector<Matcher> matchers;
  if (!matchers_or_error(options.matchers, matchers)) return kUsage;
  const Answer answer = ask(options, "GET", "/api/v2/alerts" + filter_query(matchers));
  if (answer.code != kFine || options.json) return answer.code;
  std::vector<std::vector<std::string>> rows = {{"ALERT", "STATE", "SINCE", "LABELS", "SUMMARY"}};
  for (const json::value& alert : answer.body.as_array()) {
    Labels labels;
    for (const auto& [name, value] : alert.at("labels").as_object()) {
      if (name != "alertname") labels.set(std::string_view(name), std::string_view(value.as_string()));
    }
    rows.push_back({text(alert.at("labels"), "alertname"), text(alert.at("status"), "state"),
                    text(alert, "startsAt"), labels.to_string(), text(alert.at("annotations"), "summary")});
  }
  if (rows.size() == 1) {
    print_line("no active alerts");
  } else {
    fmt::print("{}", format_table(rows));
  }
  return kFine;
}

int silence_add(const SilenceOptions& options) {
  std::vector<Matcher> matchers;
  if (!matchers_or_error(options.matchers, matchers)) return kUsage;
  const Result<Duration> duration = parse_duration(options.duration);
  if (duration.has_error() || *duration <= Duration::zero()) {
    print_error(fmt::format("--duration {}: {}", options.duration,
                            duration.has_error() ? duration.error().message : "must be more than zero"));
    return kUsage;
  }
  net::RealClock clock;
  const json::object body = silence_body(options, matchers, clock.unix_now(), *duration);
  const Answer answer = ask(options, "POST", "/api/v2/silences", json::serialize(body));
  if (answer.code == kFine && !options.json) print_line(text(answer.body, "silenceID"));
  return answer.code;
}

int silence_list(const SilenceOptions& options) {
  std::vector<Matcher> matchers;
  if (!matchers_or_error(options.matchers, matchers)) return kUsage;
  const Answer answer = ask(options, "GET", "/api/v2/silences" + filter_query(matchers));
  if (answer.code != kFine || options.json) return answer.code;
  std::vector<std::vector<std::string>> rows = {{"ID", "STATE", "MATCHERS", "ENDS", "BY", "COMMENT"}};
  for (const json::value& silence : answer.body.as_array()) {
    if (text(silence.at("status"), "state") == "expired") continue;
    std::string list;
    for (const json::value& matcher : silence.at("matchers").as_array())
      list += (list.empty() ? "" : " ") + matcher_text(matcher);
    rows.push_back({text(silence, "id"), text(silence.at("status"), "state"), list, text(silence, "endsAt"),
                    text(silence, "createdBy"), text(silence, "comment")});
  }
  if (rows.size() == 1) {
    print_line("no silences");
  } else {
    fmt::print("{}", format_table(rows));
  }
  return kFine;
}

int silence_expire(const SilenceOptions& options) {
  int worst = kFine;
  for (const std::string& id : options.matchers)
    worst = std::max(worst, ask(options, "DELETE", "/api/v2/silence/" + id).code);
  return worst;
}

}  // namespace sluice::cli
