#include "core/labels.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr int64_t kRegexBytesMax = 8 << 20;

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_char(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

}  // namespace

Labels::Labels(std::initializer_list<Label> labels) : Labels(from(std::vector<Label>(labels))) {}

Labels Labels::from(std::vector<Label> labels) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  Labels result;
  result.labels_.reserve(labels.size());
  for (Label& label : labels) {
    if (!result.labels_.empty() && result.labels_.back().name == label.name) result.labels_.pop_back();
    result.labels_.push_back(std::move(label));
  }
  std::erase_if(result.labels_, [](const Label& label) { return label.value.empty(); });
  return result;
}

std::string_view Labels::get(std::string_view name) const {
  // Sets are small: a linear scan over sorted names beats a binary search.
  for (const Label& label : labels_) {
    const int order = label.name.compare(name);
    if (order == 0) return label.value;
    if (order > 0) break;
  }
  return {};
}

void Labels::set(std::string_view name, std::string_view value) {
  auto it = std::lower_bound(labels_.begin(), labels_.end(), name,
                             [](const Label& label, std::string_view n) { return label.name < n; });
  const bool found = it != labels_.end() && it->name == name;
  if (value.empty()) {
    if (found) labels_.erase(it);
  } else if (found) {
    it->value = value;
  } else {
    labels_.insert(it, Label{std::string(name), std::string(value)});
  }
}

Labels Labels::with(std::string_view name, std::string_view value) const {
  Labels copy = *this;
  copy.set(name, value);
  return copy;
}

uint64_t Labels::hash() const {
  uint64_t h = 14695981039346656037ULL;
  const auto mix = [&h](std::string_view text) {
    for (const unsigned char c : text) h = (h ^ c) * 1099511628211ULL;
    h = (h ^ 0xff) * 1099511628211ULL;  // 0xff never occurs in UTF-8: no two sets run into each other
  };
  for (const Label& label : labels_) {
    mix(label.name);
    mix(label.value);
  }
  return h;
}

std::string Labels::to_string() const {
  const std::string_view name = metric_name();
  std::string out;
  const bool classic = is_classic_metric_name(name);
  if (classic) out = name;
  std::string inside;
  if (!name.empty() && !classic) inside = quoted(name);
  for (const Label& label : labels_) {
    if (label.name == kMetricName) continue;
    if (!inside.empty()) inside += ", ";
    inside += is_classic_label_name(label.name) ? label.name : quoted(label.name);
    inside += '=';
    inside += quoted(label.value);
  }
  if (inside.empty()) return out.empty() ? "{}" : out;
  return out + "{" + inside + "}";
}

bool is_classic_label_name(std::string_view name) {
  return !name.empty() && is_name_start(name[0]) && std::all_of(name.begin(), name.end(), is_name_char);
}

bool is_classic_metric_name(std::string_view name) {
  return !name.empty() && (is_name_start(name[0]) || name[0] == ':') &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_name_char(c) || c == ':'; });
}

bool is_valid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const int extra = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;
    if (extra < 0 || i + static_cast<size_t>(extra) >= text.size()) return false;
    for (int k = 1; k <= extra; ++k) {
      if ((static_cast<unsigned char>(text[i + static_cast<size_t>(k)]) & 0xc0) != 0x80) return false;
    }
    const unsigned char second = extra > 0 ? static_cast<unsigned char>(text[i + 1]) : 0;
    // Overlong forms, surrogates and what lies beyond U+10FFFF.
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
        (c == 0xf4 && second > 0x8f)) {
      return false;
    }
    i += static_cast<size_t>(extra) + 1;
  }
  return true;
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_escaped(out, text);
  out += '"';
  return out;
}

std::string_view to_string(MatchOp op) {
  switch (op) {
    case MatchOp::kEqual: return "=";
    case MatchOp::kNotEqual: return "!=";
    case MatchOp::kRegex: return "=~";
    case MatchOp::kNotRegex: return "!~";
  }
  return "?";
}

Matcher::Matcher(MatchOp op, std::string name, std::string value)
    : op_(op), name_(std::move(name)), value_(std::move(value)) {}

Result<Matcher> Matcher::make(MatchOp op, std::string name, std::string value) {
  Matcher matcher(op, std::move(name), std::move(value));
  if (op == MatchOp::kRegex || op == MatchOp::kNotRegex) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_max_mem(kRegexBytesMax);
    auto regex = std::make_shared<re2::RE2>(matcher.value_, options);
    if (!regex->ok()) return invalid("error parsing regexp: " + regex->error());
    matcher.regex_ = std::move(regex);
  }
  return matcher;
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::kEqual: return value == value_;
    case MatchOp::kNotEqual: return value != value_;
    case MatchOp::kRegex: return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
    case MatchOp::kNotRegex: return !re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
  }
  return false;
}

std::string Matcher::to_string() const {
  std::string out = is_classic_label_name(name_) ? name_ : quoted(name_);
  out += sluice::to_string(op_);
  return out + quoted(value_);
}

}  // namespace sluice
