#include "agent/api/alerts_api.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <boost/json.hpp>
#include <span>

#include "alerts/matcher_text.h"

namespace sluice::api {
namespace {

namespace json = boost::json;
using alerts::Silence;
using alerts::SilenceState;

constexpr size_t kBodyBytesMax = 16 << 20;
constexpr size_t kAlertsMax = 100'000;  // in one request
constexpr size_t kMatchersMax = 1'000;  // in one silence
constexpr int64_t kRegexBytesMax = 1 << 20;

// --- answers, shaped as Alertmanager's ---

HttpResponse answer(int status, const json::value& body) {
  return {status, {{"Content-Type", "application/json"}}, json::serialize(body) + "\n"};
}

// Messages quote what was asked, which may be bytes that no JSON text may hold.
std::string readable(std::string_view text) {
  std::string out(text);
  if (is_valid_utf8(text)) return out;
  for (char& c : out) c = (c & 0x80) != 0 ? '?' : c;
  return out;
}

// The handlers' own errors are a bare string; those of the layer before them carry a code.
HttpResponse refused(int status, std::string_view message) {
  return answer(status, json::value(readable(message)));
}

HttpResponse malformed(int status, int code, const std::string& message) {
  return answer(status, json::object{{"code", code}, {"message", readable(message)}});
}

HttpResponse empty_answer(int status) {
  return {status, {}, ""};
}

// "2026-01-31T12:00:00.000Z": always three digits of a second's fraction.
std::string format_time(Timestamp at) {
  std::string text = format_rfc3339(at);
  const size_t dot = text.find('.');
  if (dot == std::string::npos) return text.substr(0, text.size() - 1) + ".000Z";
  text.pop_back();
  text.resize(dot + 4, '0');
  return text + "Z";
}

json::object to_json(const Labels& labels) {
  json::object out;
  for (const auto& label : labels) out[label.name] = label.value;
  return out;
}

// --- reading bodies ---

// A member that must be text; `missing` is filled with a sentence when it is absent or of another type.
std::string text_member(const json::object& from, std::string_view name) {
  const json::value* value = from.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool is_wrong_type(const json::object& from, std::string_view name) {
  const json::value* value = from.if_contains(name);
  return value != nullptr && !value->is_string() && !value->is_null();
}

Result<std::vector<Label>> read_pairs(const json::object& from, std::string_view name) {
  const json::value* value = from.if_contains(name);
  if (value == nullptr || value->is_null()) return std::vector<Label>();
  if (!value->is_object()) return invalid(fmt::format("{} is no object", name));
  std::vector<Label> labels;
  for (const auto& [key, item] : value->get_object()) {
    if (!item.is_string())
      return invalid(fmt::format("{}: the value of {} is no string", name, quote(std::string_view(key))));
    labels.push_back({std::string(key), std::string(item.get_string())});
  }
  return labels;
}

Result<Timestamp> read_time(const json::object& from, std::string_view name) {
  const std::string text = text_member(from, name);
  if (is_wrong_type(from, name)) return invalid(fmt::format("{} is no time", name));
  // Go's zero time is how its senders say "not set".
  if (text.empty() || text.starts_with("0001-01-01T00:00:00")) return Timestamp{};
  return parse_rfc3339(text);
}

// The pairs of that member, with names that Alertmanager takes.
Result<std::vector<Label>> read_named(const json::object& from, std::string_view name,
                                      std::string_view what) {
  auto pairs = read_pairs(from, name);
  if (!pairs) return pairs;
  for (const Label& label : *pairs) {
    if (!alerts::is_label_name(label.name))
      return invalid(fmt::format("invalid {}: invalid name {}", what, quote(label.name)));
    if (!is_valid_utf8(label.value))
      return invalid(fmt::format("invalid {}: invalid value {}", what, quote(label.value)));
  }
  return pairs;
}

// The alert, or what is wrong with it in Alertmanager's words. An empty label is a label that is not there.
Result<Alert> read_alert(const json::object& from) {
  Alert alert;
  auto labels = read_named(from, "labels", "label set");
  if (!labels) return labels.error();
  alert.labels = Labels::from(std::move(*labels));
  if (alert.labels.empty()) return invalid("at least one label pair required");
  auto annotations = read_named(from, "annotations", "annotations");
  if (!annotations) return annotations.error();
  alert.annotations = Labels::keeping_empty(std::move(*annotations));
  const auto starts_at = read_time(from, "startsAt");
  if (!starts_at) return starts_at.error();
  const auto ends_at = read_time(from, "endsAt");
  if (!ends_at) return ends_at.error();
  if (*starts_at != Timestamp{} && *ends_at != Timestamp{} && *ends_at < *starts_at) {
    return invalid("start time must be before end time");
  }
  alert.starts_at = *starts_at;
  alert.ends_at = *ends_at;
  alert.generator_url = text_member(from, "generatorURL");
  return alert;
}

// --- filters of the query string ---

bool flag(const HttpTarget& target, std::string_view name) {
  const std::string_view text = target.param(name);
  // What is no word for false counts as the default, as in Alertmanager.
  return text != "false" && text != "0" && text != "f" && text != "False" && text != "FALSE" && text != "F";
}

Result<std::vector<Matcher>> read_filter(const HttpTarget& target) {
  std::vector<Matcher> out;
  for (const std::string_view text : target.params("filter")) {
    auto matchers = alerts::parse_matchers(text);
    if (!matchers) return matchers.error();
    for (Matcher& matcher : *matchers) out.push_back(std::move(matcher));
  }
  return out;
}

struct AlertFilter {
  std::vector<Matcher> matchers;
  std::shared_ptr<const re2::RE2> receiver;  // null: any
  bool active = true, silenced = true, inhibited = true;

  bool accepts(const Labels& labels, const alerts::AlertStatus& status) const {
    if (!active && !status.suppressed()) return false;
    if (!silenced && !status.silenced_by.empty()) return false;
    if (!inhibited && !status.inhibited_by.empty()) return false;
    return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(labels); });
  }
  bool accepts_receiver(const std::string& name) const {
    return receiver == nullptr || re2::RE2::FullMatch(name, *receiver);
  }
};

Result<AlertFilter> read_alert_filter(const HttpTarget& target) {
  AlertFilter filter;
  auto matchers = read_filter(target);
  if (!matchers) return matchers.error();
  filter.matchers = std::move(*matchers);
  if (const std::string_view text = target.param("receiver"); !text.empty()) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kRegexBytesMax);
    filter.receiver = std::make_shared<const re2::RE2>(std::string(text), options);
    if (!filter.receiver->ok()) return invalid("failed to parse receiver param: " + filter.receiver->error());
  }
  filter.active = flag(target, "active");
  filter.silenced = flag(target, "silenced");
  filter.inhibited = flag(target, "inhibited");
  return filter;
}

// --- alerts ---

json::object alert_json(const AlertsApi& api, const Alert& alert, const alerts::AlertStatus& status,
                        const std::vector<std::string>& receivers) {
  json::array names, silenced_by, inhibited_by;
  for (const std::string& name : receivers) names.push_back(json::object{{"name", name}});
  for (const std::string& id : status.silenced_by) silenced_by.emplace_back(id);
  for (const Fingerprint fingerprint : status.inhibited_by)
    inhibited_by.emplace_back(format_fingerprint(fingerprint));
  json::object out{{"annotations", to_json(alert.annotations)},
                   {"endsAt", format_time(alert.ends_at)},
                   {"fingerprint", format_fingerprint(alert.fingerprint())},
                   {"receivers", std::move(names)},
                   {"startsAt", format_time(alert.starts_at)},
                   {"status", json::object{{"inhibitedBy", std::move(inhibited_by)},
                                           {"silencedBy", std::move(silenced_by)},
                                           {"state", status.suppressed() ? "suppressed" : "active"}}},
                   {"updatedAt", format_time(alert.updated_at == Timestamp{} ? api.now : alert.updated_at)}};
  if (!alert.generator_url.empty()) out["generatorURL"] = alert.generator_url;
  out["labels"] = to_json(alert.labels);
  return out;
}

HttpResponse get_alerts(const AlertsApi& api, const HttpRequest&, const HttpTarget& target,
                        std::string_view) {
  const auto filter = read_alert_filter(target);
  if (!filter) return refused(400, filter.error().message);
  json::array out;
  for (const auto& alert : api.pipeline->alerts(api.now)) {
    const alerts::AlertStatus status = api.pipeline->status(api.now, alert->labels);
    if (!filter->accepts(alert->labels, status)) continue;
    const std::vector<std::string> receivers = api.pipeline->receivers_of(alert->labels);
    const bool wanted = std::any_of(receivers.begin(), receivers.end(),
                                    [&](const std::string& name) { return filter->accepts_receiver(name); });
    if (wanted) out.push_back(alert_json(api, *alert, status, receivers));
  }
  return answer(200, out);
}

HttpResponse post_alerts(const AlertsApi& api, const HttpRequest& request, const HttpTarget&,
                         std::string_view) {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_array()) {
    return malformed(400, 400,
                     fmt::format("parsing alerts body from \"\" failed, because {}",
                                 error ? error.message() : "it is no list of alerts"));
  }
  const json::array& list = body.get_array();
  if (list.size() > kAlertsMax)
    return malformed(413, 413, fmt::format("more than {} alerts in one request", kAlertsMax));
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_object()) return malformed(400, 400, fmt::format("{} in body is no alert", i));
    if (list[i].get_object().if_contains("labels") == nullptr) {
      return malformed(422, 602, fmt::format("{}.labels in body is required", i));
    }
  }
  // The valid ones are taken although others are not, as in Alertmanager.
  std::vector<Alert> taken;
  std::string mistakes;
  for (const json::value& item : list) {
    auto alert = read_alert(item.get_object());
    if (alert) {
      taken.push_back(std::move(*alert));
    } else if (mistakes.size() < 4096) {
      mistakes += (mistakes.empty() ? "" : "; ") + alert.error().message;
    }
  }
  if (!taken.empty()) api.take_alerts(std::move(taken));
  return mistakes.empty() ? empty_answer(200) : refused(400, mistakes);
}

HttpResponse get_groups(const AlertsApi& api, const HttpRequest&, const HttpTarget& target,
                        std::string_view) {
  const auto filter = read_alert_filter(target);
  if (!filter) return refused(400, filter.error().message);
  json::array out;
  for (const alerts::GroupView& group : api.pipeline->groups(api.now)) {
    if (!filter->accepts_receiver(group.receiver)) continue;
    json::array members;
    for (const auto& alert : group.alerts) {
      const alerts::AlertStatus status = api.pipeline->status(api.now, alert->labels);
      if (!filter->accepts(alert->labels, status)) continue;
      std::vector<std::string> receivers = api.pipeline->receivers_of(alert->labels);
      std::sort(receivers.begin(), receivers.end());
      members.push_back(alert_json(api, *alert, status, receivers));
    }
    if (members.empty()) continue;
    out.push_back(json::object{{"alerts", std::move(members)},
                               {"labels", to_json(group.labels)},
                               {"receiver", json::object{{"name", group.receiver}}}});
  }
  return answer(200, out);
}

HttpResponse get_receivers(const AlertsApi& api, const HttpRequest&, const HttpTarget&, std::string_view) {
  json::array out;
  for (const alerts::Receiver& receiver : api.pipeline->config().receivers) {
    out.push_back(json::object{{"name", receiver.name}});
  }
  return answer(200, out);
}

HttpResponse get_status(const AlertsApi& api, const HttpRequest&, const HttpTarget&, std::string_view) {
  return answer(200, json::object{{"cluster", json::object{{"peers", json::array()}, {"status", "disabled"}}},
                                  {"config", json::object{{"original", api.pipeline->config().original}}},
                                  {"uptime", format_time(api.started)},
                                  {"versionInfo", json::object{{"branch", ""},
                                                               {"buildDate", ""},
                                                               {"buildUser", ""},
                                                               {"goVersion", ""},
                                                               {"revision", ""},
                                                               {"version", api.version}}}});
}

// --- silences ---

json::object silence_json(const Silence& silence, Timestamp now) {
  json::array matchers;
  for (const Matcher& matcher : silence.matchers) {
    const MatchOp op = matcher.op();
    matchers.push_back(json::object{{"isEqual", op == MatchOp::kEqual || op == MatchOp::kRegex},
                                    {"isRegex", op == MatchOp::kRegex || op == MatchOp::kNotRegex},
                                    {"name", matcher.name()},
                                    {"value", matcher.value()}});
  }
  return {{"id", silence.id},
          {"status", json::object{{"state", alerts::to_string(silence.state(now))}}},
          {"updatedAt", format_time(silence.updated_at)},
          {"comment", silence.comment},
          {"createdBy", silence.created_by},
          {"endsAt", format_time(silence.ends_at)},
          {"matchers", std::move(matchers)},
          {"startsAt", format_time(silence.starts_at)}};
}

// Active ones by their end, then pending ones by their beginning, then expired ones, the latest first.
bool listed_before(const Silence* a, const Silence* b, Timestamp now) {
  const auto rank = [now](const Silence* s) {
    constexpr int kRanks[] = {1, 0, 2};  // pending, active, expired
    return kRanks[static_cast<int>(s->state(now))];
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  switch (a->state(now)) {
    case SilenceState::kPending:
      return std::tie(a->starts_at, a->id) < std::tie(b->starts_at, b->id);
    case SilenceState::kActive:
      return std::tie(a->ends_at, a->id) < std::tie(b->ends_at, b->id);
    case SilenceState::kExpired:
      return std::tie(b->ends_at, b->id) < std::tie(a->ends_at, a->id);
  }
  return false;
}

// A filter's matchers look at the silence's own matchers as if they were labels.
bool accepts(const std::vector<Matcher>& filter, const Silence& silence) {
  std::vector<Label> labels;
  labels.reserve(silence.matchers.size());
  for (const Matcher& matcher : silence.matchers) labels.push_back({matcher.name(), matcher.value()});
  const Labels as_labels = Labels::from(std::move(labels));
  return std::all_of(filter.begin(), filter.end(), [&](const Matcher& m) { return m.matches(as_labels); });
}

HttpResponse get_silences(const AlertsApi& api, const HttpRequest&, const HttpTarget& target,
                          std::string_view) {
  const auto filter = read_filter(target);
  if (!filter) return refused(400, filter.error().message);
  std::vector<const Silence*> found;
  for (const auto& [id, silence] : api.pipeline->silences().all()) {
    if (accepts(*filter, silence)) found.push_back(&silence);
  }
  std::sort(found.begin(), found.end(),
            [&](const Silence* a, const Silence* b) { return listed_before(a, b, api.now); });
  json::array out;
  for (const Silence* silence : found) out.push_back(silence_json(*silence, api.now));
  return answer(200, out);
}

Result<std::vector<Matcher>> read_matchers(const json::array& list) {
  std::vector<Matcher> out;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_object()) return invalid(fmt::format("invalid label matcher {}: it is no object", i));
    const json::object& from = list[i].get_object();
    const auto truth = [&](std::string_view name, bool absent) {
      const json::value* value = from.if_contains(name);
      return value != nullptr && value->is_bool() ? value->get_bool() : absent;
    };
    const std::string name = text_member(from, "name");
    if (!alerts::is_label_name(name)) {
      return invalid(
          fmt::format("silence invalid: invalid label matcher {}: invalid label name {}", i, quote(name)));
    }
    const bool regex = truth("isRegex", false), equal = truth("isEqual", true);
    const MatchOp op = regex ? (equal ? MatchOp::kRegex : MatchOp::kNotRegex)
                             : (equal ? MatchOp::kEqual : MatchOp::kNotEqual);
    auto matcher = Matcher::make(op, name, text_member(from, "value"));
    if (!matcher) {
      return invalid(
          fmt::format("silence invalid: invalid label matcher {}: {}", i, matcher.error().message));
    }
    out.push_back(std::move(*matcher));
  }
  return out;
}

HttpResponse post_silence(const AlertsApi& api, const HttpRequest& request, const HttpTarget&,
                          std::string_view) {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_object()) {
    return malformed(400, 400,
                     fmt::format("parsing silence body from \"\" failed, because {}",
                                 error ? error.message() : "it is no silence"));
  }
  const json::object& from = body.get_object();
  for (const std::string_view required : {"comment", "createdBy", "endsAt", "matchers", "startsAt"}) {
    const json::value* value = from.if_contains(required);
    if (value == nullptr || value->is_null())
      return malformed(422, 602, fmt::format("{} in body is required", required));
  }
  const json::value& matchers = from.at("matchers");
  if (!matchers.is_array()) return malformed(400, 400, "matchers in body must be a list");
  if (matchers.get_array().empty())
    return malformed(422, 612, "matchers in body should have at least 1 items");
  if (matchers.get_array().size() > kMatchersMax) {
    return malformed(422, 612, fmt::format("matchers in body should have at most {} items", kMatchersMax));
  }
  Silence silence;
  silence.id = text_member(from, "id");
  silence.comment = text_member(from, "comment");
  silence.created_by = text_member(from, "createdBy");
  const auto starts_at = read_time(from, "startsAt"), ends_at = read_time(from, "endsAt");
  if (!starts_at || !ends_at) return malformed(400, 400, (starts_at ? ends_at : starts_at).error().message);
  silence.starts_at = *starts_at;
  silence.ends_at = *ends_at;
  if (silence.starts_at >= silence.ends_at) {
    return refused(400, "Failed to create silence: start time must be before end time");
  }
  if (silence.ends_at < api.now)
    return refused(400, "Failed to create silence: end time can't be in the past");
  auto read = read_matchers(matchers.get_array());
  if (!read) return refused(400, read.error().message);
  silence.matchers = std::move(*read);
  const auto id = api.set_silence(std::move(silence));
  if (id) return answer(200, json::object{{"silenceID", *id}});
  if (id.error().kind == ErrorKind::kUnavailable) return refused(404, "silence not found");
  return refused(400, id.error().message);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

HttpResponse not_uuid(std::string_view id) {
  return malformed(422, 601, fmt::format("silenceID in path must be of type uuid: {}", quote(id)));
}

HttpResponse get_silence(const AlertsApi& api, const HttpRequest&, const HttpTarget&, std::string_view id) {
  if (!is_uuid(id)) return not_uuid(id);
  const Silence* silence = api.pipeline->silences().find(id);
  return silence == nullptr ? empty_answer(404) : answer(200, silence_json(*silence, api.now));
}

HttpResponse delete_silence(const AlertsApi& api, const HttpRequest&, const HttpTarget&,
                            std::string_view id) {
  if (!is_uuid(id)) return not_uuid(id);
  const auto ended = api.expire_silence(id);
  if (ended) return empty_answer(200);
  // Alertmanager 0.25 says 500 to both; its newer versions know that a missing silence is no fault of the
  // server.
  return ended.error().kind == ErrorKind::kUnavailable ? refused(404, "silence not found")
                                                       : refused(500, ended.error().message);
}

struct Row {
  std::string_view method;
  std::string_view path;  // one that ends in '/' takes the rest as its argument
  bool takes_json;
  HttpResponse (*handle)(const AlertsApi&, const HttpRequest&, const HttpTarget&, std::string_view argument);
};
constexpr Row kRows[] = {
    {"GET", "/api/v2/status", false, get_status},         {"GET", "/api/v2/receivers", false, get_receivers},
    {"GET", "/api/v2/alerts", false, get_alerts},         {"POST", "/api/v2/alerts", true, post_alerts},
    {"GET", "/api/v2/alerts/groups", false, get_groups},  {"GET", "/api/v2/silences", false, get_silences},
    {"POST", "/api/v2/silences", true, post_silence},     {"GET", "/api/v2/silence/", false, get_silence},
    {"DELETE", "/api/v2/silence/", false, delete_silence}};

bool is_json(const HttpRequest& request) {
  const std::string_view type = find_header(request.headers, "Content-Type");
  // No type at all is taken for JSON.
  return type.empty() || type.substr(0, type.find(';')) == "application/json";
}

}  // namespace

std::optional<HttpResponse> handle_alerts_api(const AlertsApi& api, const HttpRequest& request) {
  const HttpTarget target = parse_target(request.url);
  if (!target.path.starts_with("/api/v2/")) return std::nullopt;
  std::string allowed;
  for (const Row& row : kRows) {
    const bool with_argument = row.path.ends_with('/');
    if (with_argument ? !target.path.starts_with(row.path) : target.path != row.path) continue;
    if (request.method != row.method) {
      allowed += (allowed.empty() ? "" : ",") + std::string(row.method);
      continue;
    }
    if (request.body.size() > kBodyBytesMax) return malformed(413, 413, "the body is too large");
    if (row.takes_json && !is_json(request)) {
      return malformed(415, 415,
                       fmt::format("unsupported media type {}, only [application/json] are allowed",
                                   quote(find_header(request.headers, "Content-Type"))));
    }
    return row.handle(api, request, target, std::string_view(target.path).substr(row.path.size()));
  }
  if (allowed.empty()) return malformed(404, 404, fmt::format("path {} was not found", target.path));
  HttpResponse response =
      malformed(405, 405, fmt::format("method {} is not allowed, but [{}] are", request.method, allowed));
  response.headers.push_back({"Allow", allowed});
  return response;
}

}  // namespace sluice::api
