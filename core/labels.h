#pragma once
// Label sets and the matchers that select them.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace re2 {
class RE2;
}

namespace sluice {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string name;
  std::string value;

  auto operator<=>(const Label&) const = default;
};

// A label set: sorted by name, names unique, no empty values (an empty label is a missing label, as in Prometheus).
// A value type; ordering is lexicographic over (name, value) pairs, as Prometheus sorts series.
class Labels {
 public:
  Labels() = default;
  Labels(std::initializer_list<Label> labels);
  // Sorts; of two labels with one name the last wins; empty values are dropped.
  static Labels from(std::vector<Label> labels);

  // The value, or "" when the label is missing.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const { return !get(name).empty(); }
  std::string_view metric_name() const { return get(kMetricName); }

  // Copies with one label set (or, when `value` is empty, removed).
  Labels with(std::string_view name, std::string_view value) const;
  Labels without(std::string_view name) const { return with(name, ""); }
  // In place.
  void set(std::string_view name, std::string_view value);

  // FNV-1a over names and values with separators: stable across processes and releases, so it may be stored.
  uint64_t hash() const;

  // `name{a="b"}` with \\ \" \n escaped; names that are not classic identifiers are quoted inside the braces.
  std::string to_string() const;

  bool empty() const { return labels_.empty(); }
  size_t size() const { return labels_.size(); }
  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }

  auto operator<=>(const Labels&) const = default;

 private:
  std::vector<Label> labels_;
};

// [a-zA-Z_][a-zA-Z0-9_]*, and with colons for metric names: the classic character set.
bool is_classic_label_name(std::string_view name);
bool is_classic_metric_name(std::string_view name);
// Prometheus 3: any non-empty valid UTF-8 is a name.
bool is_valid_utf8(std::string_view text);
// Appends `text` with backslash, double quote and newline escaped, as label values are written.
void append_escaped(std::string& out, std::string_view text);
std::string quoted(std::string_view text);

enum class MatchOp { kEqual, kNotEqual, kRegex, kNotRegex };
std::string_view to_string(MatchOp op);  // "=", "!=", "=~", "!~"

// One condition on one label. A missing label has the value "". Regexes are RE2, anchored on both ends, and `.`
// matches a newline (Prometheus 3). Cheap to copy: the compiled expression is shared and immutable.
class Matcher {
 public:
  // Fails when a regex does not compile or is larger than the bound on compiled size (8 MiB).
  static Result<Matcher> make(MatchOp op, std::string name, std::string value);

  bool matches(std::string_view value) const;
  bool matches(const Labels& labels) const { return matches(labels.get(name_)); }
  // True when the matcher accepts a series that lacks the label.
  bool matches_empty() const { return matches(std::string_view()); }

  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  MatchOp op() const { return op_; }
  std::string to_string() const;  // `name=~"value"`

  bool operator==(const Matcher& other) const {
    return op_ == other.op_ && name_ == other.name_ && value_ == other.value_;
  }

 private:
  Matcher(MatchOp op, std::string name, std::string value);
  MatchOp op_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const re2::RE2> regex_;
};

}  // namespace sluice

template <>
struct std::hash<sluice::Labels> {
  size_t operator()(const sluice::Labels& labels) const { return labels.hash(); }
};
