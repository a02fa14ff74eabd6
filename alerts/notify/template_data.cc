#include "alerts/notify/template_data.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/number.h"

namespace sluice::alerts::notify {
namespace {

using gotmpl::Kind;
using gotmpl::List;
using gotmpl::Type;
using gotmpl::Value;
using Args = std::span<const Value>;
using Answer = Result<Value>;

constexpr int64_t kRegexBytesMax = 1 << 20;
// Go's zero time, which an alert that has not ended carries.
const Timestamp kZeroTime = from_unix_ms(-62135596800000);

// --- strings ---

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string title(std::string_view text) {
  std::string out(text);
  bool start = true;
  for (char& c : out) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    const bool word = letter || (c >= '0' && c <= '9') || c == '_' || c == '\'' || (c & 0x80) != 0;
    start = !word;
  }
  return out;
}

std::string trim_space(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::string slack_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Answer url_unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else if (i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      return invalid(fmt::format("invalid URL escape {}", quote(std::string_view(text).substr(i, 3))));
    }
  }
  return Value(std::move(out));
}

Result<std::shared_ptr<const re2::RE2>> compile(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexBytesMax);
  auto regex = std::make_shared<const re2::RE2>(pattern, options);
  if (!regex->ok()) return invalid("error parsing regexp: " + regex->error());
  return std::shared_ptr<const re2::RE2>(regex);
}

// Go's ReplaceAllString: $1, ${1}, $name and ${name} in the replacement; an unknown group is empty.
std::string replace_all(const re2::RE2& regex, std::string_view text, std::string_view replacement) {
  const int groups = regex.NumberOfCapturingGroups() + 1;
  std::vector<re2::StringPiece> found(static_cast<size_t>(groups));
  const auto& names = regex.NamedCapturingGroups();
  const auto group_text = [&](std::string_view name) -> std::string_view {
    int index = -1;
    if (!name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos && name.size() < 6) {
      index = std::stoi(std::string(name));
    } else if (const auto at = names.find(std::string(name)); at != names.end()) {
      index = at->second;
    }
    if (index < 0 || index >= groups) return {};
    const re2::StringPiece& piece = found[static_cast<size_t>(index)];
    return piece.data() == nullptr ? std::string_view() : std::string_view(piece.data(), piece.size());
  };
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto append_replacement = [&](std::string& out) {
    for (size_t i = 0; i < replacement.size(); ++i) {
      if (replacement[i] != '$') {
        out += replacement[i];
        continue;
      }
      if (i + 1 < replacement.size() && replacement[i + 1] == '$') {
        out += '$';
        ++i;
        continue;
      }
      const bool braced = i + 1 < replacement.size() && replacement[i + 1] == '{';
      const size_t begin = i + 1 + (braced ? 1 : 0);
      size_t end = begin;
      while (end < replacement.size() && is_name(replacement[end])) ++end;
      const bool closed = !braced || (end < replacement.size() && replacement[end] == '}');
      if (end == begin || !closed) {
        out += '$';
        continue;
      }
      out += group_text(replacement.substr(begin, end - begin));
      i = braced ? end : end - 1;
    }
  };
  std::string out;
  size_t pos = 0;
  const re2::StringPiece whole(text.data(), text.size());
  while (pos <= text.size()) {
    if (!regex.Match(whole, pos, text.size(), re2::RE2::UNANCHORED, found.data(), groups)) break;
    const size_t begin = static_cast<size_t>(found[0].data() - text.data());
    out += text.substr(pos, begin - pos);
    append_replacement(out);
    pos = begin + found[0].size();
    if (found[0].empty()) {
      if (pos < text.size()) out += text[pos];
      ++pos;
    }
  }
  if (pos < text.size()) out += text.substr(pos);
  return out;
}

// --- numbers and time ---

std::string humanize_duration(double v) {
  if (!std::isfinite(v)) return format_float(v);
  if (v == 0) return "0s";
  const std::string_view sign = v < 0 ? "-" : "";
  v = std::abs(v);
  if (v < 1) {
    for (const std::string_view prefix : {"m", "u", "n"}) {
      v *= 1000;
      if (v >= 1) return fmt::format("{}{:.4g}{}s", sign, v, prefix);
    }
    return fmt::format("{}{:.4g}ns", sign, v);
  }
  const auto total = static_cast<int64_t>(std::min(v, 9e15));
  const int64_t seconds = total % 60, minutes = total / 60 % 60, hours = total / 3600 % 24,
                days = total / 86400;
  if (days != 0) return fmt::format("{}{}d {}h {}m {}s", sign, days, hours, minutes, seconds);
  if (hours != 0) return fmt::format("{}{}h {}m {}s", sign, hours, minutes, seconds);
  if (minutes != 0) return fmt::format("{}{}m {}s", sign, minutes, seconds);
  return fmt::format("{}{:.4g}s", sign, v);
}

Result<double> seconds_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kInt:
      return static_cast<double>(value.as_int());
    case Kind::kFloat:
      return value.as_float();
    case Kind::kDuration:
      return to_seconds(value.as_duration());
    case Kind::kString:
      if (const auto number = parse_float(value.as_string())) return *number;
      return invalid(fmt::format("strconv.ParseFloat: parsing {}: invalid syntax", quote(value.as_string())));
    default:
      return invalid(fmt::format("can't convert {} to float", value.type_name()));
  }
}

// --- JSON, as Go marshals ---

void append_json(std::string& out, const Value& value, int depth);

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

template <typename Pairs>
void append_json_object(std::string& out, const Pairs& pairs, int depth) {
  out += '{';
  bool first = true;
  for (const auto& [key, item] : pairs) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, key);
    out += ':';
    append_json(out, item, depth + 1);
  }
  out += '}';
}

void append_json(std::string& out, const Value& value, int depth) {
  constexpr int kDepthMax = 32;
  if (depth > kDepthMax) {
    out += "null";
    return;
  }
  switch (value.kind()) {
    case Kind::kString:
      return append_json_string(out, value.as_string());
    case Kind::kTime:
      return append_json_string(out, format_rfc3339(value.as_time().at));
    case Kind::kDuration:
      out += fmt::format("{}", value.as_duration().count());
      return;
    case Kind::kList: {
      out += '[';
      bool first = true;
      for (const Value& item : value.as_list()) {
        if (!first) out += ',';
        first = false;
        append_json(out, item, depth + 1);
      }
      out += ']';
      return;
    }
    case Kind::kMap:
      return append_json_object(out, value.as_map(), depth);
    case Kind::kObject:
      return append_json_object(out, value.as_fields(), depth);
    case Kind::kNil:
    case Kind::kFunction:
      out += "null";
      return;
    default:
      out += value.print();
  }
}

// --- the types with methods ---

// alertname first, then by name.
std::vector<std::pair<std::string, std::string>> sorted_pairs(const Value& kv) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : kv.as_map()) {
    out.emplace_back(name, value.kind() == Kind::kString ? value.as_string() : value.print());
  }
  std::stable_partition(out.begin(), out.end(), [](const auto& pair) { return pair.first == "alertname"; });
  return out;
}

List column(const Value& list, std::string_view field) {
  List out;
  for (const Value& item : list.as_list()) {
    if (const Value* value = item.field(field)) out.push_back(*value);
  }
  return out;
}

const Type& pair_type() {
  static const Type kType{"template.Pair", {}, Kind::kAny};
  return kType;
}

const Type& pairs_type() {
  static const Type kType{
      "template.Pairs",
      {{"Names", {}, [](const Value& self, Args) -> Answer { return Value::list(column(self, "Name")); }},
       {"Values", {}, [](const Value& self, Args) -> Answer { return Value::list(column(self, "Value")); }},
       {"String",
        {},
        [](const Value& self, Args) -> Answer {
          std::string out;
          for (const Value& pair : self.as_list()) {
            if (!out.empty()) out += ", ";
            out += pair.field("Name")->as_string() + "=" + pair.field("Value")->as_string();
          }
          return Value(std::move(out));
        }}},
      Kind::kAny};
  return kType;
}

const Type& kv_type() {
  static const Type kType{
      "template.KV",
      {{"SortedPairs",
        {},
        [](const Value& self, Args) -> Answer {
          List pairs;
          for (auto& [name, value] : sorted_pairs(self)) {
            pairs.push_back(Value::object({{"Name", Value(name)}, {"Value", Value(value)}}, &pair_type()));
          }
          return Value::list(std::move(pairs), &pairs_type());
        }},
       {"Remove",
        {Kind::kList},
        [](const Value& self, Args args) -> Answer {
          gotmpl::Map rest = self.as_map();
          for (const Value& name : args[0].as_list()) {
            if (name.kind() == Kind::kString) rest.erase(name.as_string());
          }
          return Value::map(std::move(rest), self.type());
        }},
       {"Names",
        {},
        [](const Value& self, Args) -> Answer {
          List out;
          for (auto& [name, value] : sorted_pairs(self)) out.emplace_back(name);
          return Value::list(std::move(out));
        }},
       {"Values",
        {},
        [](const Value& self, Args) -> Answer {
          List out;
          for (auto& [name, value] : sorted_pairs(self)) out.emplace_back(value);
          return Value::list(std::move(out));
        }}},
      Kind::kString};
  return kType;
}

const Type& alerts_type();

Answer with_status(const Value& alerts, std::string_view status) {
  List out;
  for (const Value& alert : alerts.as_list()) {
    const Value* value = alert.field("Status");
    if (value != nullptr && value->kind() == Kind::kString && value->as_string() == status)
      out.push_back(alert);
  }
  return Value::list(std::move(out), &alerts_type());
}

const Type& alerts_type() {
  static const Type kType{
      "template.Alerts",
      {{"Firing", {}, [](const Value& self, Args) -> Answer { return with_status(self, "firing"); }},
       {"Resolved", {}, [](const Value& self, Args) -> Answer { return with_status(self, "resolved"); }}},
      Kind::kAny};
  return kType;
}

const Type& alert_type() {
  static const Type kType{"template.Alert", {}, Kind::kAny};
  return kType;
}

const Type& data_type() {
  static const Type kType{"template.Data", {}, Kind::kAny};
  return kType;
}

std::vector<Label> common(const Notification& notification, const Labels Alert::* part) {
  std::vector<Label> shared;
  if (notification.alerts.empty()) return shared;
  for (const auto& label : (*notification.alerts.front().alert).*part) {
    const bool everywhere = std::all_of(
        notification.alerts.begin(), notification.alerts.end(),
        [&](const NotifiedAlert& other) { return ((*other.alert).*part).get(label.name) == label.value; });
    if (everywhere) shared.push_back({std::string(label.name), std::string(label.value)});
  }
  return shared;
}

// Severities from worst to mildest; others rank below all.
constexpr std::array<std::string_view, 4> kSeverities = {"critical", "error", "warning", "info"};

size_t severity_rank(std::string_view label) {
  const std::string_view mapped = pagerduty_severity(label);
  return static_cast<size_t>(std::find(kSeverities.begin(), kSeverities.end(), mapped) - kSeverities.begin());
}

template <typename F>
gotmpl::Function on_text(F f) {
  return {{Kind::kString}, false, [f](Args args) -> Answer { return Value(f(args[0].as_string())); }};
}

void add_text_functions(gotmpl::Functions& table) {
  table["toUpper"] = on_text(to_upper);
  table["toLower"] = on_text(to_lower);
  table["title"] = on_text(title);
  table["trimSpace"] = on_text(trim_space);
  table["safeHtml"] = on_text([](const std::string& s) { return s; });
  table["safeUrl"] = on_text([](const std::string& s) { return s; });
  table["slackEscape"] = on_text(slack_escape);
  table["urlUnescape"] = {
      {Kind::kString}, false, [](Args args) { return url_unescape(args[0].as_string()); }};
  table["join"] = {{Kind::kString, Kind::kList}, false, [](Args args) -> Answer {
                     std::string out;
                     bool first = true;
                     for (const Value& item : args[1].as_list()) {
                       if (!first) out += args[0].as_string();
                       first = false;
                       out += item.kind() == Kind::kString ? item.as_string() : item.print();
                     }
                     return Value(std::move(out));
                   }};
  table["match"] = {{Kind::kString, Kind::kString}, false, [](Args args) -> Answer {
                      const auto regex = compile(args[0].as_string());
                      if (!regex) return regex.error();
                      return Value(re2::RE2::PartialMatch(args[1].as_string(), **regex));
                    }};
  table["reReplaceAll"] = {{Kind::kString, Kind::kString, Kind::kString}, false, [](Args args) -> Answer {
                             const auto regex = compile(args[0].as_string());
                             if (!regex) return regex.error();
                             return Value(replace_all(**regex, args[2].as_string(), args[1].as_string()));
                           }};
  table["stringSlice"] = {
      {Kind::kString}, true, [](Args args) -> Answer { return Value::list(List(args.begin(), args.end())); }};
  table["toJson"] = {{Kind::kAny}, false, [](Args args) -> Answer {
                       std::string out;
                       append_json(out, args[0], 0);
                       return Value(std::move(out));
                     }};
  table["clip"] = {{Kind::kInt, Kind::kString}, false, [](Args args) -> Answer {
                     const int64_t most = std::clamp<int64_t>(args[0].as_int(), 0, 1 << 20);
                     return Value(clip_characters(args[1].as_string(), static_cast<size_t>(most)));
                   }};
  table["severityOf"] = {{Kind::kList}, false, [](Args args) -> Answer {
                           size_t worst = kSeverities.size();
                           for (const Value& alert : args[0].as_list()) {
                             const Value* labels = alert.field("Labels");
                             if (labels == nullptr || labels->kind() != Kind::kMap) continue;
                             const auto at = labels->as_map().find("severity");
                             if (at == labels->as_map().end()) continue;
                             worst = std::min(worst, severity_rank(at->second.print()));
                           }
                           return Value(worst == kSeverities.size() ? "error" : kSeverities[worst]);
                         }};
}

void add_time_functions(gotmpl::Functions& table, Timestamp now, const FindZone& find_zone) {
  table["since"] = {{Kind::kTime}, false, [now](Args args) -> Answer {
                      return Value(Duration(now - args[0].as_time().at));
                    }};
  table["lasted"] = {{Kind::kTime, Kind::kTime}, false, [](Args args) -> Answer {
                       const Duration d = args[1].as_time().at - args[0].as_time().at;
                       return Value(d <= Duration::zero() ? "0s" : format_human(d));
                     }};
  table["now"] = {{}, false, [now](Args) -> Answer { return Value(now); }};
  table["humanizeDuration"] = {{Kind::kAny}, false, [](Args args) -> Answer {
                                 const auto seconds = seconds_of(args[0]);
                                 if (!seconds) return seconds.error();
                                 return Value(humanize_duration(*seconds));
                               }};
  table["date"] = {{Kind::kString, Kind::kTime}, false, [](Args args) -> Answer {
                     return Value(gotmpl::format_time(args[1].as_time(), args[0].as_string()));
                   }};
  table["tz"] = {{Kind::kString, Kind::kTime}, false, [find_zone](Args args) -> Answer {
                   const std::string& name = args[0].as_string();
                   const gotmpl::Time& time = args[1].as_time();
                   if (name.empty() || name == "UTC") return Value(gotmpl::Time{time.at, 0, "UTC"});
                   const auto zone = find_zone ? find_zone(name) : nullptr;
                   if (zone == nullptr) return invalid("unknown time zone " + name);
                   return Value(gotmpl::Time{time.at, static_cast<int>(zone->offset_at(time.at)),
                                             std::string(zone->abbreviation_at(time.at))});
                 }};
}

// The number of UTF-8 sequences, and where the one after `count` of them begins.
size_t character_count(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

size_t bytes_of_characters(std::string_view text, size_t count) {
  size_t pos = 0;
  for (; pos < text.size(); ++pos) {
    if ((static_cast<unsigned char>(text[pos]) & 0xc0) == 0x80) continue;
    if (count-- == 0) break;
  }
  return pos;
}

}  // namespace

std::string truncate_characters(std::string_view text, size_t characters_max) {
  if (character_count(text) <= characters_max) return std::string(text);
  if (characters_max == 0) return "";
  return std::string(text.substr(0, bytes_of_characters(text, characters_max - 1))) + "\u2026";
}

std::string clip_characters(std::string_view text, size_t characters_max) {
  const size_t have = character_count(text);
  if (have <= characters_max) return std::string(text);
  return fmt::format("{}\u2026 (+{} characters)", text.substr(0, bytes_of_characters(text, characters_max)),
                     have - characters_max);
}

std::string_view pagerduty_severity(std::string_view severity) {
  static constexpr std::pair<std::string_view, std::string_view> kWords[] = {{"critical", "critical"},
                                                                             {"crit", "critical"},
                                                                             {"page", "critical"},
                                                                             {"fatal", "critical"},
                                                                             {"emergency", "critical"},
                                                                             {"disaster", "critical"},
                                                                             {"p1", "critical"},
                                                                             {"sev1", "critical"},
                                                                             {"error", "error"},
                                                                             {"err", "error"},
                                                                             {"high", "error"},
                                                                             {"major", "error"},
                                                                             {"p2", "error"},
                                                                             {"sev2", "error"},
                                                                             {"warning", "warning"},
                                                                             {"warn", "warning"},
                                                                             {"medium", "warning"},
                                                                             {"minor", "warning"},
                                                                             {"ticket", "warning"},
                                                                             {"p3", "warning"},
                                                                             {"sev3", "warning"},
                                                                             {"info", "info"},
                                                                             {"information", "info"},
                                                                             {"informational", "info"},
                                                                             {"notice", "info"},
                                                                             {"low", "info"},
                                                                             {"none", "info"},
                                                                             {"p4", "info"},
                                                                             {"p5", "info"},
                                                                             {"sev4", "info"},
                                                                             {"debug", "info"}};
  const std::string word = to_lower(severity);
  for (const auto& [from, to] : kWords) {
    if (from == word) return to;
  }
  return "";
}

std::string_view worst_severity(const Notification& notification) {
  const bool firing = notification.firing();
  size_t worst = kSeverities.size();
  for (const NotifiedAlert& alert : notification.alerts) {
    if (firing && alert.resolved) continue;
    worst = std::min(worst, severity_rank(alert.alert->labels.get("severity")));
  }
  return worst == kSeverities.size() ? "error" : kSeverities[worst];
}

Labels common_labels(const Notification& notification) {
  return Labels::from(common(notification, &Alert::labels));
}
Labels common_annotations(const Notification& notification) {
  return Labels::keeping_empty(common(notification, &Alert::annotations));
}

gotmpl::Functions template_functions(Timestamp now, const FindZone& find_zone, const std::string& agent) {
  gotmpl::Functions table;
  add_text_functions(table);
  add_time_functions(table, now, find_zone);
  table["agent"] = {{}, false, [agent](Args) -> Answer { return Value(agent); }};
  return table;
}

gotmpl::Value template_data(const Notification& notification, const std::string& receiver,
                            const std::string& external_url) {
  List alerts;
  alerts.reserve(notification.alerts.size());
  for (const NotifiedAlert& notified : notification.alerts) {
    const Alert& alert = *notified.alert;
    alerts.push_back(Value::object({{"Status", Value(notified.resolved ? "resolved" : "firing")},
                                    {"Labels", Value::string_map(alert.labels, &kv_type())},
                                    {"Annotations", Value::string_map(alert.annotations, &kv_type())},
                                    {"StartsAt", Value(alert.starts_at)},
                                    {"EndsAt", Value(notified.resolved ? alert.ends_at : kZeroTime)},
                                    {"GeneratorURL", Value(alert.generator_url)},
                                    {"Fingerprint", Value(format_fingerprint(alert.fingerprint()))}},
                                   &alert_type()));
  }
  return Value::object(
      {{"Receiver", Value(receiver)},
       {"Status", Value(notification.firing() ? "firing" : "resolved")},
       {"Alerts", Value::list(std::move(alerts), &alerts_type())},
       {"GroupLabels", Value::string_map(notification.group_labels, &kv_type())},
       {"CommonLabels", Value::string_map(common_labels(notification), &kv_type())},
       {"CommonAnnotations", Value::string_map(common_annotations(notification), &kv_type())},
       {"ExternalURL", Value(external_url)}},
      &data_type());
}

}  // namespace sluice::alerts::notify
