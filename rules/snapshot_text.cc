// The state of all rules as text. Lines of space-separated fields; strings are in double quotes with the
// escapes of label values, so that the file can be read and, in need, mended by a person:
//
//   sluice-rules 1
//   group "rules/auth.yml" "auth"
//   rule "AuthDown" {"severity"="page"} had_data=1 evaluated=1700000000000
//   alert firing active=... fired=... value=0 {labels} {result labels} {annotations}
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "core/number.h"
#include "rules/rule_set.h"

namespace sluice::rules {

namespace {

constexpr std::string_view kHeader = "sluice-rules 1";

// --- writing ---

void append_labels(std::string& out, const Labels& labels) {
  out += '{';
  bool first = true;
  for (const auto& label : labels) {
    if (!first) out += ',';
    first = false;
    out += quote(label.name);
    out += '=';
    out += quote(label.value);
  }
  out += '}';
}

void append_time(std::string& out, std::string_view key, const std::optional<Timestamp>& at) {
  if (at) out += fmt::format(" {}={}", key, to_unix_ms(*at));
}

void append_alert(std::string& out, const ActiveAlert& alert) {
  out += fmt::format("alert {} active={}", to_string(alert.status), to_unix_ms(alert.active_at));
  append_time(out, "fired", alert.fired_at);
  append_time(out, "resolved", alert.resolved_at);
  append_time(out, "kept", alert.keep_firing_since);
  append_time(out, "blind", alert.blind_since);
  append_time(out, "sent", alert.last_sent_at);
  out += fmt::format(" value={} ", format_float(alert.value));
  append_labels(out, alert.labels);
  out += ' ';
  append_labels(out, alert.result_labels);
  out += ' ';
  append_labels(out, alert.annotations);
  out += '\n';
}

// --- reading ---

// One line, consumed from the left. The first thing that does not fit makes it fail; what follows is then
// empty.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  bool ok() const { return ok_; }
  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }
  std::string_view word() {
    skip_spaces();
    const size_t end = std::min(rest_.find_first_of(" {"), rest_.size());
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (out.empty()) ok_ = false;
    return out;
  }
  // The number after `key=`, when that is what comes next.
  std::optional<int64_t> number(std::string_view key) {
    const std::optional<std::string_view> text = value(key);
    if (!text) return std::nullopt;
    int64_t out = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    if (error != std::errc() || end != text->data() + text->size()) ok_ = false;
    return out;
  }
  std::optional<Timestamp> time(std::string_view key) {
    const std::optional<int64_t> ms = number(key);
    return ms ? std::optional(from_unix_ms(*ms)) : std::nullopt;
  }
  std::optional<std::string_view> value(std::string_view key) {
    skip_spaces();
    if (!rest_.starts_with(key) || rest_.size() <= key.size() || rest_[key.size()] != '=')
      return std::nullopt;
    rest_.remove_prefix(key.size() + 1);
    return word();
  }
  std::string string() {
    skip_spaces();
    std::string out;
    if (!eat('"')) return out;
    while (!rest_.empty() && rest_[0] != '"') {
      if (rest_[0] == '\\' && rest_.size() > 1) {
        rest_.remove_prefix(1);
        out += rest_[0] == 'n' ? '\n' : rest_[0];
      } else {
        out += rest_[0];
      }
      rest_.remove_prefix(1);
    }
    eat('"');
    return out;
  }
  Labels labels() {
    skip_spaces();
    std::vector<Label> out;
    eat('{');
    while (ok_ && !rest_.empty() && rest_[0] != '}') {
      if (!out.empty()) eat(',');
      Label label;
      label.name = string();
      eat('=');
      label.value = string();
      out.push_back(std::move(label));
    }
    eat('}');
    return Labels::from(std::move(out));
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
  }
  bool eat(char c) {
    if (rest_.empty() || rest_[0] != c) {
      ok_ = false;
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
};

std::optional<ActiveAlert> read_alert(LineReader& line) {
  ActiveAlert alert;
  const std::string_view status = line.word();
  bool known = false;
  for (const AlertStatus s : {AlertStatus::kPending, AlertStatus::kFiring, AlertStatus::kResolved}) {
    if (status != to_string(s)) continue;
    alert.status = s;
    known = true;
  }
  const std::optional<Timestamp> active_at = line.time("active");
  alert.fired_at = line.time("fired");
  alert.resolved_at = line.time("resolved");
  alert.keep_firing_since = line.time("kept");
  alert.blind_since = line.time("blind");
  alert.last_sent_at = line.time("sent");
  const std::optional<std::string_view> value = line.value("value");
  const std::optional<double> number = value ? parse_float(*value) : std::nullopt;
  alert.labels = line.labels();
  alert.result_labels = line.labels();
  alert.annotations = line.labels();
  if (!known || !active_at || !number || alert.labels.empty()) return std::nullopt;
  alert.active_at = *active_at;
  alert.value = *number;
  return alert;
}

// Reads one line into the snapshot; false when it makes no sense there.
bool read_line(std::string_view text, RuleSet::Snapshot& out) {
  LineReader line(text);
  const std::string_view kind = line.word();
  if (kind == "group") {
    Group::Snapshot group;
    group.file = line.string();
    group.name = line.string();
    out.push_back(std::move(group));
  } else if (kind == "rule" && !out.empty()) {
    Group::RuleSnapshot rule;
    rule.name = line.string();
    rule.labels = line.labels();
    rule.had_data = line.number("had_data") == 1;
    rule.alerts.last_evaluated_at = line.time("evaluated");
    out.back().rules.push_back(std::move(rule));
  } else if (kind == "alert" && !out.empty() && !out.back().rules.empty()) {
    std::optional<ActiveAlert> alert = read_alert(line);
    if (!alert) return false;
    out.back().rules.back().alerts.alerts.push_back(std::move(*alert));
  } else {
    return false;
  }
  return line.ok() && line.at_end();
}

}  // namespace

std::string encode(const RuleSet::Snapshot& snapshot) {
  std::string out(kHeader);
  out += '\n';
  for (const Group::Snapshot& group : snapshot) {
    out += fmt::format("group {} {}\n", quote(group.file), quote(group.name));
    for (const Group::RuleSnapshot& rule : group.rules) {
      out += fmt::format("rule {} ", quote(rule.name));
      append_labels(out, rule.labels);
      out += fmt::format(" had_data={}", rule.had_data ? 1 : 0);
      append_time(out, "evaluated", rule.alerts.last_evaluated_at);
      out += '\n';
      for (const ActiveAlert& alert : rule.alerts.alerts) append_alert(out, alert);
    }
  }
  return out;
}

Result<RuleSet::Snapshot> decode_snapshot(std::string_view text) {
  RuleSet::Snapshot out;
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == text.npos) return invalid(fmt::format("line {}: cut off", number + 1));
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    ++number;
    if (number == 1 && line != kHeader) return invalid(fmt::format("line 1: expected {}", quote(kHeader)));
    if (number > 1 && !read_line(line, out)) return invalid(fmt::format("line {}: cannot be read", number));
  }
  if (number == 0) return invalid("empty");
  return out;
}

}  // namespace sluice::rules
