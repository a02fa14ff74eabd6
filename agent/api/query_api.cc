#include "agent/api/query_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <set>

#include "core/number.h"
#include "core/whole_number.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"
#include "rules/promql/text.h"

namespace sluice::api {

namespace json = boost::json;

namespace {

constexpr size_t kPointsMax = 11'000;  // per series, as in Prometheus
constexpr std::string_view kTruncated = "results truncated due to limit";

json::value to_json(const Labels& labels) {
  json::object out;
  for (const auto& label : labels)
    out.emplace(json::string_view(label.name.data(), label.name.size()), std::string(label.value));
  return out;
}

template <typename Strings>
json::array to_array(const Strings& strings) {
  json::array out;
  for (const auto& text : strings) out.emplace_back(std::string(text));
  return out;
}

HttpResponse json_response(const json::value& body) {
  return {200, {{"Content-Type", "application/json"}}, json::serialize(body)};
}

HttpResponse success(const json::value& data) {
  return sluice::api::success(json::serialize(data));
}

HttpResponse bad_parameter(std::string_view name, std::string_view message) {
  return failure(400, "bad_data", fmt::format("invalid parameter \"{}\": {}", name, message));
}

// Unix seconds with fraction, or RFC 3339.
Result<Timestamp> parse_time(std::string_view text) {
  if (const auto seconds = parse_float(text)) {
    if (!(std::abs(*seconds) < 9e12))
      return invalid(fmt::format("cannot parse \"{}\" to a valid timestamp", text));
    return from_unix_ms(static_cast<int64_t>(std::llround(*seconds * 1000)));
  }
  const Result<Timestamp> at = parse_rfc3339(text);
  if (at.has_value()) return at;
  return invalid(fmt::format("cannot parse \"{}\" to a valid timestamp", text));
}

Result<Duration> parse_step(std::string_view text) {
  if (const auto seconds = parse_float(text)) {
    if (!(std::abs(*seconds) < 9e9))
      return invalid(fmt::format("cannot parse \"{}\" to a valid duration", text));
    return from_seconds(*seconds);
  }
  const Result<Duration> step = parse_duration(text);
  if (step.has_value()) return step;
  return invalid(fmt::format("cannot parse \"{}\" to a valid duration", text));
}

// The parameter `limit`, of series or strings; 0 is none.
Result<size_t> limit_of(const HttpTarget& target) {
  const std::string_view text = target.param("limit");
  if (text.empty()) return size_t{0};
  if (const auto limit = parse_whole<size_t>(text)) return *limit;
  return invalid(fmt::format("\"{}\" is no number of results", text));
}

// Cuts to the limit; true when something went.
template <typename List>
bool truncate(List& list, size_t limit) {
  if (limit == 0 || list.size() <= limit) return false;
  list.erase(list.begin() + static_cast<ptrdiff_t>(limit), list.end());
  return true;
}

bool truncate(promql::Value& value, size_t limit) {
  if (auto* vector = std::get_if<promql::Vector>(&value)) return truncate(*vector, limit);
  if (auto* matrix = std::get_if<promql::Matrix>(&value)) return truncate(*matrix, limit);
  return false;
}

// A list, cut to the parameter `limit`.
HttpResponse limited(const HttpTarget& target, json::array list) {
  const Result<size_t> limit = limit_of(target);
  if (limit.has_error()) return bad_parameter("limit", limit.error().message);
  if (!truncate(list, *limit)) return success(list);
  return json_response(json::object{
      {"status", "success"}, {"data", std::move(list)}, {"warnings", json::array{std::string(kTruncated)}}});
}

HttpResponse of_evaluation(Result<promql::Evaluation> result, std::string_view query,
                           const HttpTarget& target) {
  if (result.has_error()) {
    const bool timeout = result.error().kind == ErrorKind::kTimeout;
    return failure(timeout ? 503 : 422, timeout ? "timeout" : "execution", result.error().message);
  }
  const Result<size_t> limit = limit_of(target);
  if (limit.has_error()) return bad_parameter("limit", limit.error().message);
  json::array warnings, infos;
  if (truncate(result->value, *limit)) warnings.emplace_back(std::string(kTruncated));
  for (const promql::Annotation& note : result->annotations) {
    (note.severity == promql::Severity::kWarning ? warnings : infos)
        .emplace_back(promql::valid_utf8(note.to_string(query)));
  }
  std::string body = fmt::format(R"({{"status":"success","data":{})", promql::to_json(result->value));
  if (!warnings.empty()) body += ",\"warnings\":" + json::serialize(warnings);
  if (!infos.empty()) body += ",\"infos\":" + json::serialize(infos);
  return {200, {{"Content-Type", "application/json"}}, body + "}"};
}

Result<promql::QueryOptions> query_options(const Views& views, const HttpTarget& target) {
  promql::QueryOptions options;
  options.samples_max = 10'000'000;
  options.interrupted = views.interrupted;
  if (const std::string_view text = target.param("lookback_delta"); !text.empty()) {
    const Result<Duration> lookback = parse_step(text);
    if (lookback.has_error()) return lookback.error();
    if (*lookback <= Duration::zero()) return invalid("a lookback must be positive");
    options.lookback = *lookback;
  }
  return options;
}

HttpResponse query(const Views& views, const HttpTarget& target) {
  Timestamp at = views.now;
  if (const std::string_view text = target.param("time"); !text.empty()) {
    const Result<Timestamp> parsed = parse_time(text);
    if (parsed.has_error()) return bad_parameter("time", parsed.error().message);
    at = *parsed;
  }
  const std::string_view text = target.param("query");
  const auto expr = promql::parse(text);
  if (expr.has_error()) return bad_parameter("query", expr.error().message);
  const auto options = query_options(views, target);
  if (options.has_error()) return bad_parameter("lookback_delta", options.error().message);
  return of_evaluation(promql::evaluate(**expr, *views.store, at, *options), text, target);
}

HttpResponse query_range(const Views& views, const HttpTarget& target) {
  const Result<Timestamp> start = parse_time(target.param("start"));
  if (start.has_error()) return bad_parameter("start", start.error().message);
  const Result<Timestamp> end = parse_time(target.param("end"));
  if (end.has_error()) return bad_parameter("end", end.error().message);
  if (*end < *start) return bad_parameter("end", "end timestamp must not be before start time");
  const Result<Duration> step = parse_step(target.param("step"));
  if (step.has_error()) return bad_parameter("step", step.error().message);
  if (*step < Duration(1ms)) {
    return bad_parameter(
        "step", "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if (static_cast<size_t>((*end - *start) / *step) > kPointsMax) {
    return failure(400, "bad_data",
                   "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                   "resolution (?step=XX)");
  }
  const std::string_view text = target.param("query");
  const auto expr = promql::parse(text);
  if (expr.has_error()) return bad_parameter("query", expr.error().message);
  if (const promql::ValueType type = (*expr)->type;
      type != promql::ValueType::kScalar && type != promql::ValueType::kVector) {
    return bad_parameter(
        "query",
        fmt::format("invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    promql::documented(type)));
  }
  const auto options = query_options(views, target);
  if (options.has_error()) return bad_parameter("lookback_delta", options.error().message);
  return of_evaluation(promql::evaluate_range(**expr, *views.store, *start, *end, *step, *options), text,
                       target);
}

// The series that any of the match[] selectors selects; every series without one.
Result<std::vector<store::SeriesId>> matched(const Views& views, const HttpTarget& target) {
  const std::vector<std::string_view> selectors = target.params("match[]");
  if (selectors.empty()) return views.store->select({});
  std::set<store::SeriesId> ids;
  for (const std::string_view selector : selectors) {
    const auto matchers = promql::parse_selector(selector);
    if (matchers.has_error()) return matchers.error();
    for (const store::SeriesId id : views.store->select(*matchers)) ids.insert(id);
  }
  return std::vector<store::SeriesId>(ids.begin(), ids.end());
}

HttpResponse series(const Views& views, const HttpTarget& target) {
  if (target.params("match[]").empty()) return failure(400, "bad_data", "no match[] parameter provided");
  const auto ids = matched(views, target);
  if (ids.has_error()) return bad_parameter("match[]", ids.error().message);
  json::array out;
  for (const store::SeriesId id : *ids) out.push_back(to_json(views.store->labels(id)));
  return limited(target, std::move(out));
}

HttpResponse labels(const Views& views, const HttpTarget& target) {
  const auto ids = matched(views, target);
  if (ids.has_error()) return bad_parameter("match[]", ids.error().message);
  std::set<std::string> names;
  for (const store::SeriesId id : *ids) {
    for (const auto& label : views.store->labels(id)) names.emplace(label.name);
  }
  return limited(target, to_array(names));
}

HttpResponse label_values(const Views& views, const HttpTarget& target) {
  constexpr std::string_view kPrefix = "/api/v1/label/";
  std::string_view name(target.path);
  name.remove_prefix(kPrefix.size());
  name = name.substr(0, name.find('/'));
  const auto ids = matched(views, target);
  if (ids.has_error()) return bad_parameter("match[]", ids.error().message);
  std::set<std::string> values;
  for (const store::SeriesId id : *ids) {
    if (const std::string_view value = views.store->labels(id).get(name); !value.empty())
      values.emplace(value);
  }
  return limited(target, to_array(values));
}

std::string time_or_zero(const std::optional<Timestamp>& at) {
  return at ? format_rfc3339(*at) : "0001-01-01T00:00:00Z";
}

// As Go's %e with the shortest digits: "1e+00", "5e-01".
std::string scientific(double value) {
  if (!std::isfinite(value)) return format_float(value);
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr);
}

json::object alert_json(const rules::ActiveAlert& alert) {
  json::object out = {{"labels", to_json(alert.labels)},
                      {"annotations", to_json(alert.annotations)},
                      {"state", to_string(alert.status)},
                      {"activeAt", format_rfc3339(alert.active_at)},
                      {"value", scientific(alert.value)}};
  if (alert.keep_firing_since) out["keepFiringSince"] = format_rfc3339(*alert.keep_firing_since);
  if (alert.held != rules::Held::kNo) out["held"] = to_string(alert.held);
  return out;
}

json::array alerts_of(const rules::AlertState& state) {
  json::array out;
  for (const rules::ActiveAlert* alert : state.alerts()) {
    if (alert->status != rules::AlertStatus::kResolved) out.push_back(alert_json(*alert));
  }
  return out;
}

json::object rule_json(const rules::Group& group, size_t index) {
  const rules::Rule& rule = group.rule(index);
  const rules::RuleStatus& status = group.status(index);
  json::object out;
  if (const rules::AlertState* state = group.alerts(index)) {
    out["state"] = to_string(state->status());
    out["name"] = rule.alert;
    out["query"] = rule.expr;
    out["duration"] = to_seconds(rule.hold);
    out["keepFiringFor"] = to_seconds(rule.keep_firing_for);
    out["labels"] = to_json(group.labels(index));
    out["annotations"] = to_json(rule.annotations);
    out["alerts"] = alerts_of(*state);
  } else {
    out["name"] = rule.record;
    out["query"] = rule.expr;
    if (!group.labels(index).empty()) out["labels"] = to_json(group.labels(index));
  }
  out["health"] = to_string(status.health);
  if (!status.last_error.empty()) out["lastError"] = status.last_error;
  if (status.no_data) out["noData"] = true;
  out["evaluationTime"] =
      to_seconds(group.stats().last_duration) / static_cast<double>(std::max<size_t>(1, group.size()));
  out["lastEvaluation"] = time_or_zero(status.last_evaluated_at);
  out["type"] = rule.is_alert() ? "alerting" : "recording";
  return out;
}

bool wanted(const std::vector<std::string_view>& filter, std::string_view text) {
  return filter.empty() || std::find(filter.begin(), filter.end(), text) != filter.end();
}

HttpResponse rules_(const Views& views, const HttpTarget& target) {
  const std::string_view type = target.param("type");
  if (!type.empty() && type != "alert" && type != "record") {
    return bad_parameter("type", fmt::format("not supported value \"{}\"", type));
  }
  const auto names = target.params("rule_name[]"), group_names = target.params("rule_group[]"),
             files = target.params("file[]");
  json::array groups;
  for (const auto& group : *views.groups) {
    if (!wanted(group_names, group->config().name) || !wanted(files, group->config().file)) continue;
    json::array rules;
    for (size_t i = 0; i < group->size(); ++i) {
      if (!type.empty() && (type == "alert") != group->rule(i).is_alert()) continue;
      if (wanted(names, group->rule(i).name())) rules.push_back(rule_json(*group, i));
    }
    if (rules.empty() && (!names.empty() || !type.empty())) continue;
    groups.push_back(json::object{{"name", group->config().name},
                                  {"file", group->config().file},
                                  {"rules", std::move(rules)},
                                  {"interval", to_seconds(group->interval())},
                                  {"limit", group->config().limit},
                                  {"evaluationTime", to_seconds(group->stats().last_duration)},
                                  {"lastEvaluation", time_or_zero(group->stats().last_evaluated_at)}});
  }
  return success(json::object{{"groups", std::move(groups)}});
}

HttpResponse alerts_(const Views& views, const HttpTarget&) {
  json::array all;
  for (const auto& group : *views.groups) {
    for (size_t i = 0; i < group->size(); ++i) {
      if (const rules::AlertState* state = group->alerts(i)) {
        for (json::value& alert : alerts_of(*state)) all.push_back(std::move(alert));
      }
    }
  }
  return success(json::object{{"alerts", std::move(all)}});
}

HttpResponse targets(const Views& views, const HttpTarget&) {
  json::array active;
  for (const TargetView& target : views.targets()) {
    const bool failed = target.probed() && target.reason != "ok";
    active.push_back(json::object{
        {"discoveredLabels",
         json::object{
             {"__address__", target.instance}, {"__param_module", target.module}, {"job", target.job}}},
        {"labels", to_json(target.labels)},
        {"scrapePool", target.job},
        {"scrapeUrl", ""},
        {"globalUrl", ""},
        {"lastError", failed ? fmt::format("{}: {}", target.reason, target.detail) : ""},
        {"lastScrape", target.probed() ? format_rfc3339(target.last_run) : "0001-01-01T00:00:00Z"},
        {"lastScrapeDuration", to_seconds(target.last_duration)},
        {"health", !target.probed() ? "unknown"
                   : failed         ? "down"
                                    : "up"},
        {"verdict", gate::to_string(target.health)},
        {"scrapeInterval", format_duration(target.interval)},
        {"scrapeTimeout", format_duration(target.timeout)}});
  }
  return success(json::object{{"activeTargets", std::move(active)}, {"droppedTargets", json::array()}});
}

HttpResponse status_config(const Views& views, const HttpTarget&) {
  return success(json::object{{"yaml", views.config_yaml()}});
}

HttpResponse status_buildinfo(const Views& views, const HttpTarget&) {
  return success(json::object{{"version", views.version}, {"application", "sluice"}});
}

HttpResponse status_runtimeinfo(const Views& views, const HttpTarget&) {
  return success(json::object{{"startTime", format_rfc3339(views.started)},
                              {"timeSeriesCount", views.store->stats().series}});
}

json::object entry_json(const gate::TargetView& target) {
  json::object out = {{"target", target.target},
                      {"instance", target.instance},
                      {"verdict", gate::to_string(target.own)},
                      {"fleet_verdict", gate::to_string(target.fleet)},
                      {"state", gate::to_string(target.entry.state)},
                      {"disabled", target.entry.state == gate::Entry::State::kDisabled},
                      {"by_operator", target.entry.by_operator},
                      {"drain", target.entry.drain},
                      {"reason", target.entry.reason},
                      {"evidence", target.entry.evidence.empty() ? target.evidence : target.entry.evidence},
                      {"streak", target.entry.streak},
                      {"hold", gate::to_string(target.hold)},
                      {"votes", json::object{{"expected", target.votes.expected},
                                             {"up", target.votes.up},
                                             {"down", target.votes.down}}}};
  if (target.entry.state != gate::Entry::State::kEnabled) {
    out["key"] = target.entry.key;
    out["since"] = format_rfc3339(target.entry.since);
    out["until"] = format_rfc3339(target.entry.until);
    out["lease"] = format_rfc3339(target.entry.lease);
  }
  return out;
}

HttpResponse upstreams(const Views& views, const HttpTarget&) {
  json::array pools;
  for (const std::string& name : views.gate->pools()) {
    const auto view = views.gate->view(name);
    if (!view) continue;
    json::array targets;
    for (const gate::TargetView& target : view->targets) targets.push_back(entry_json(target));
    pools.push_back(
        json::object{{"pool", view->pool},
                     {"mode", gate::to_string(view->mode)},
                     {"shared", view->shared},
                     {"epoch", view->epoch},
                     {"disabled", view->disabled},
                     {"disabled_max", view->allowed},
                     {"expected_agents", view->expected_agents},
                     {"live_agents", view->live_agents},
                     {"freeze", view->freeze_why},
                     {"api_failing_percent",
                      view->api_failing < 0 ? json::value(nullptr) : json::value(view->api_failing)},
                     {"targets", std::move(targets)}});
  }
  return success(json::object{{"pools", std::move(pools)}});
}

}  // namespace

std::span<const QueryRoute> query_routes() {
  static constexpr QueryRoute kRoutes[] = {
      {"/api/v1/query", "Evaluates an expression at one time", query},
      {"/api/v1/query_range", "Evaluates an expression over a range of time", query_range},
      {"/api/v1/series", "Series by selector", series},
      {"/api/v1/labels", "Label names", labels},
      {"/api/v1/label/<name>/values", "Values of a label", label_values},
      {"/api/v1/rules", "Rule groups and their alerts", rules_},
      {"/api/v1/alerts", "Pending and firing alerts", alerts_},
      {"/api/v1/targets", "Probed targets", targets},
      {"/api/v1/upstreams", "Pools, their members and what the gate decided", upstreams},
      {"/api/v1/status/config", "The effective configuration, secrets masked", status_config},
      {"/api/v1/status/buildinfo", "Version", status_buildinfo},
      {"/api/v1/status/runtimeinfo", "Start time and size", status_runtimeinfo},
  };
  return kRoutes;
}

std::optional<HttpResponse> handle_query_api(const Views& views, const HttpRequest& request) {
  HttpTarget target = parse_target(request.url);
  for (const QueryRoute& route : query_routes()) {
    const size_t hole = route.path.find("<name>");
    const bool matches =
        hole == std::string_view::npos
            ? target.path == route.path
            : target.path.starts_with(route.path.substr(0, hole)) && target.path.ends_with("/values");
    if (!matches) continue;
    if (request.method == "POST") {
      for (auto& pair : parse_form(request.body)) target.query.push_back(std::move(pair));
    } else if (request.method != "GET" && request.method != "HEAD") {
      return failure(405, "bad_data", "use GET or POST");
    }
    return route.handle(views, target);
  }
  return std::nullopt;
}

HttpResponse success(std::string data) {
  return {
      200, {{"Content-Type", "application/json"}}, fmt::format(R"({{"status":"success","data":{}}})", data)};
}

HttpResponse failure(int status, std::string_view type, std::string_view message) {
  const json::object body = {{"status", "error"},
                             {"errorType", json::string_view(type.data(), type.size())},
                             {"error", promql::valid_utf8(message)}};
  return {status, {{"Content-Type", "application/json"}}, json::serialize(body)};
}

}  // namespace sluice::api
