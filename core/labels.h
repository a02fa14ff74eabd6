#pragma once
// Label sets and the matchers that select them.

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <span>
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

// One label of a Labels, valid as long as that Labels (or a copy of it) lives.
struct LabelView {
  std::string_view name;
  std::string_view value;

  operator Label() const { return {std::string(name), std::string(value)}; }
  auto operator<=>(const LabelView&) const = default;
  friend bool operator==(const LabelView& a, const Label& b) {
    return a.name == b.name && a.value == b.value;
  }
};

// A label set: sorted by name, names unique, no empty values (an empty label is a missing label, as in
// Prometheus) unless keeping_empty() made it. A value type; ordering is lexicographic over (name, value)
// pairs, as Prometheus sorts series.
//
// A query engine copies, hashes and compares label sets all day, and the store keeps a hundred thousand of
// them. So all labels of a set lie in one immutable block that copies share: a Labels is one pointer, a copy
// is one increment, the hash is computed once. Copies may be used by several threads; one Labels object by
// one thread at a time.
class Labels {
 public:
  class Iterator;

  Labels() = default;
  Labels(std::initializer_list<Label> labels);
  Labels(const Labels& other) noexcept;
  Labels(Labels&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Labels& operator=(Labels other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Labels();

  // Sorts; of two labels with one name the last wins; empty values are dropped.
  static Labels from(std::vector<Label> labels);
  // The same from views, which need only live until the call returns.
  static Labels from_views(std::span<LabelView> labels);
  // For what only looks like a label set: an empty annotation is kept and sent, and an empty label of a rule
  // takes that label away from the result.
  static Labels keeping_empty(std::vector<Label> labels);
  static Labels keeping_empty(std::span<LabelView> labels);

  // The value, or "" when the label is missing.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const { return !get(name).empty(); }
  std::string_view metric_name() const { return get(kMetricName); }

  // Copies with one label set (or, when `value` is empty, removed).
  Labels with(std::string_view name, std::string_view value) const;
  Labels without(std::string_view name) const { return with(name, ""); }
  // In place; each call makes a new block, so build larger sets with from() or from_views().
  void set(std::string_view name, std::string_view value);

  // FNV-1a over names and values with separators: stable across processes and releases, so it may be stored.
  uint64_t hash() const;

  // `name{a="b"}` with \\ \" \n escaped; names that are not classic identifiers are quoted inside the braces.
  std::string to_string() const;

  bool empty() const { return block_ == nullptr; }
  size_t size() const;
  Iterator begin() const;
  Iterator end() const;
  // What the block takes on the heap; copies share it.
  size_t bytes() const;

  bool operator==(const Labels& other) const;
  std::strong_ordering operator<=>(const Labels& other) const;

 private:
  struct Block;
  explicit Labels(Block* block) : block_(block) {}
  // Sorts, and of two labels with one name leaves the last; returns what is left.
  static std::span<LabelView> sorted_unique(std::span<LabelView> labels);
  static Labels from_sorted(std::span<const LabelView> labels);
  const Block* block_ = nullptr;  // no labels: no block
};

class Labels::Iterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = LabelView;
  using difference_type = std::ptrdiff_t;
  using reference = const LabelView&;
  using pointer = const LabelView*;

  Iterator() = default;
  const LabelView& operator*() const { return view_; }
  const LabelView* operator->() const { return &view_; }
  Iterator& operator++() {
    load(view_.value.data() + view_.value.size());
    return *this;
  }
  Iterator operator++(int) {
    Iterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const Iterator& other) const { return view_.name.data() == other.view_.name.data(); }

 private:
  friend class Labels;
  Iterator(const char* next, const char* end) : end_(end) { load(next); }
  void load(const char* next);

  LabelView view_;
  const char* end_ = nullptr;
};

// [a-zA-Z_][a-zA-Z0-9_]*, and with colons for metric names: the classic character set.
bool is_classic_label_name(std::string_view name);
bool is_classic_metric_name(std::string_view name);
// Prometheus 3: any non-empty valid UTF-8 is a name.
bool is_valid_utf8(std::string_view text);
// Appends `text` with backslash, double quote and newline escaped, as label values are written.
void append_escaped(std::string& out, std::string_view text);
// `text` escaped, in double quotes. (Not "quoted": std::quoted would be found in its stead.)
std::string quote(std::string_view text);

enum class MatchOp { kEqual, kNotEqual, kRegex, kNotRegex };
std::string_view to_string(MatchOp op);  // "=", "!=", "=~", "!~"

// One condition on one label. A missing label has the value "". Regexes are RE2, anchored on both ends, and
// `.` matches a newline (Prometheus 3). Cheap to copy: the compiled expression is shared and immutable.
class Matcher {
 public:
  // Fails when a regex does not compile or is larger than the bound on compiled size (8 MiB).
  static Result<Matcher> make(MatchOp op, std::string name, std::string value);

  bool matches(std::string_view value) const;
  bool matches(const Labels& labels) const { return matches(labels.get(name_)); }
  // True when the matcher accepts a series that lacks the label.
  bool matches_empty() const { return matches(std::string_view()); }

  // The values a regular expression like `a|b|c` lists: exactly these it accepts (=~) or refuses (!~).
  // Sorted; empty when the expression is of another kind. An index looks them up instead of trying every
  // value it knows.
  const std::vector<std::string>& listed_values() const;

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
  struct Pattern;
  std::shared_ptr<const Pattern> pattern_;  // of a regular expression
};

}  // namespace sluice

template <>
struct std::hash<sluice::Labels> {
  size_t operator()(const sluice::Labels& labels) const { return labels.hash(); }
};
