#include "core/labels.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

namespace sluice {
namespace {

constexpr int64_t kRegexBytesMax = 8 << 20;

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name_char(char c) {
  return is_name_start(c) || (c >= '0' && c <= '9');
}

// A length in the block: seven bits a byte, low first, the high bit says that more follow. Nearly always one
// byte.
char* put_length(char* out, size_t length) {
  for (; length >= 0x80; length >>= 7) *out++ = static_cast<char>(length | 0x80);
  *out++ = static_cast<char>(length);
  return out;
}

const char* get_length(const char* in, size_t& length) {
  length = static_cast<unsigned char>(*in++);
  if (length < 0x80) return in;
  length &= 0x7f;
  for (int shift = 7;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*in++);
    length |= size_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return in;
  }
}

size_t length_bytes(size_t length) {
  size_t bytes = 1;
  for (; length >= 0x80; length >>= 7) ++bytes;
  return bytes;
}

char* put_text(char* out, std::string_view text) {
  out = put_length(out, text.size());
  return std::copy(text.begin(), text.end(), out);
}

}  // namespace

// Followed by `bytes` bytes: for each label the name and the value, each behind its length.
struct Labels::Block {
  mutable std::atomic<uint32_t> owners;
  uint32_t count;
  mutable std::atomic<uint64_t> hash;  // 0: not computed yet
  size_t bytes;

  const char* begin() const { return reinterpret_cast<const char*>(this + 1); }
  const char* end() const { return begin() + bytes; }
};

Labels::Labels(std::initializer_list<Label> labels) : Labels(from(std::vector<Label>(labels))) {}

Labels::Labels(const Labels& other) noexcept : block_(other.block_) {
  if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
}

Labels::~Labels() {
  if (block_ == nullptr || block_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Block* block = const_cast<Block*>(block_);
  block->~Block();
  ::operator delete(block);
}

Labels Labels::from_sorted(std::span<const LabelView> labels) {
  if (labels.empty()) return {};
  size_t bytes = 0;
  for (const LabelView& label : labels) {
    bytes += length_bytes(label.name.size()) + label.name.size() + length_bytes(label.value.size()) +
             label.value.size();
  }
  void* memory = ::operator new(sizeof(Block) + bytes);
  Block* block = new (memory) Block{1, static_cast<uint32_t>(labels.size()), 0, bytes};
  char* out = static_cast<char*>(memory) + sizeof(Block);
  for (const LabelView& label : labels) out = put_text(put_text(out, label.name), label.value);
  return Labels(block);
}

namespace {
std::vector<LabelView> views_of(const std::vector<Label>& labels) {
  std::vector<LabelView> views;
  views.reserve(labels.size());
  for (const Label& label : labels) views.push_back({label.name, label.value});
  return views;
}
}  // namespace

std::span<LabelView> Labels::sorted_unique(std::span<LabelView> labels) {
  const auto by_name = [](const LabelView& a, const LabelView& b) { return a.name < b.name; };
  if (!std::is_sorted(labels.begin(), labels.end(), by_name))
    std::stable_sort(labels.begin(), labels.end(), by_name);
  size_t kept = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i + 1 < labels.size() && labels[i + 1].name == labels[i].name) continue;
    labels[kept++] = labels[i];
  }
  return labels.first(kept);
}

Labels Labels::from_views(std::span<LabelView> labels) {
  labels = sorted_unique(labels);
  const auto end = std::remove_if(labels.begin(), labels.end(),
                                  [](const LabelView& label) { return label.value.empty(); });
  return from_sorted({labels.begin(), end});
}

Labels Labels::from(std::vector<Label> labels) {
  std::vector<LabelView> views = views_of(labels);
  return from_views(views);
}

Labels Labels::keeping_empty(std::span<LabelView> labels) {
  return from_sorted(sorted_unique(labels));
}

Labels Labels::keeping_empty(std::vector<Label> labels) {
  std::vector<LabelView> views = views_of(labels);
  return keeping_empty(views);
}

void Labels::Iterator::load(const char* next) {
  if (next == end_) {
    view_ = LabelView{std::string_view(end_, end_), {}};
    return;
  }
  size_t length = 0;
  next = get_length(next, length);
  view_.name = std::string_view(next, length);
  next = get_length(next + length, length);
  view_.value = std::string_view(next, length);
}

size_t Labels::size() const {
  return block_ == nullptr ? 0 : block_->count;
}
size_t Labels::bytes() const {
  return block_ == nullptr ? 0 : sizeof(Block) + block_->bytes;
}

Labels::Iterator Labels::begin() const {
  return block_ == nullptr ? Iterator() : Iterator(block_->begin(), block_->end());
}

Labels::Iterator Labels::end() const {
  return block_ == nullptr ? Iterator() : Iterator(block_->end(), block_->end());
}

std::string_view Labels::get(std::string_view name) const {
  // Sets are small: a linear scan over sorted names beats a binary search.
  for (const LabelView& label : *this) {
    const int order = label.name.compare(name);
    if (order == 0) return label.value;
    if (order > 0) break;
  }
  return {};
}

Labels Labels::with(std::string_view name, std::string_view value) const {
  std::vector<LabelView> labels;
  labels.reserve(size() + 1);
  bool placed = value.empty();
  for (const LabelView& label : *this) {
    if (!placed && label.name >= name) {
      labels.push_back({name, value});
      placed = true;
    }
    if (label.name != name) labels.push_back(label);
  }
  if (!placed) labels.push_back({name, value});
  return from_sorted(labels);
}

void Labels::set(std::string_view name, std::string_view value) {
  *this = with(name, value);
}

bool Labels::operator==(const Labels& other) const {
  if (block_ == other.block_) return true;
  if (block_ == nullptr || other.block_ == nullptr || block_->bytes != other.block_->bytes) return false;
  // One label set has one encoding.
  return std::memcmp(block_->begin(), other.block_->begin(), block_->bytes) == 0;
}

std::strong_ordering Labels::operator<=>(const Labels& other) const {
  if (block_ == other.block_) return std::strong_ordering::equal;
  Iterator mine = begin(), theirs = other.begin();
  for (; mine != end() && theirs != other.end(); ++mine, ++theirs) {
    if (const auto order = *mine <=> *theirs; order != 0) return order;
  }
  return size() <=> other.size();
}

uint64_t Labels::hash() const {
  constexpr uint64_t kBasis = 14695981039346656037ULL, kPrime = 1099511628211ULL;
  if (block_ == nullptr) return kBasis;
  if (const uint64_t known = block_->hash.load(std::memory_order_relaxed); known != 0) return known;
  uint64_t h = kBasis;
  const auto mix = [&h](std::string_view text) {
    for (const unsigned char c : text) h = (h ^ c) * kPrime;
    h = (h ^ 0xff) * kPrime;  // 0xff never occurs in UTF-8: no two sets run into each other
  };
  for (const LabelView& label : *this) {
    mix(label.name);
    mix(label.value);
  }
  block_->hash.store(h, std::memory_order_relaxed);
  return h;
}

std::string Labels::to_string() const {
  const std::string_view name = metric_name();
  std::string out;
  const bool classic = is_classic_metric_name(name);
  if (classic) out = name;
  std::string inside;
  if (!name.empty() && !classic) inside = quote(name);
  for (const LabelView& label : *this) {
    if (label.name == kMetricName) continue;
    if (!inside.empty()) inside += ", ";
    inside += is_classic_label_name(label.name) ? std::string(label.name) : quote(label.name);
    inside += '=';
    inside += quote(label.value);
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
    const int extra = c < 0x80                ? 0
                      : c >= 0xc2 && c < 0xe0 ? 1
                      : (c & 0xf0) == 0xe0    ? 2
                      : c >= 0xf0 && c < 0xf5 ? 3
                                              : -1;
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

std::string quote(std::string_view text) {
  std::string out = "\"";
  append_escaped(out, text);
  out += '"';
  return out;
}

std::string_view to_string(MatchOp op) {
  switch (op) {
    case MatchOp::kEqual:
      return "=";
    case MatchOp::kNotEqual:
      return "!=";
    case MatchOp::kRegex:
      return "=~";
    case MatchOp::kNotRegex:
      return "!~";
  }
  return "?";
}

// Most expressions in selectors are lists of literals, prefixes or "anything": those need no automaton.
struct Matcher::Pattern {
  enum class Shape { kAnything, kNonEmpty, kList, kPrefix, kOther };
  Shape shape = Shape::kOther;
  std::vector<std::string> values;  // kList, sorted
  std::string prefix;               // kPrefix
  std::unique_ptr<re2::RE2> automaton;

  bool accepts(std::string_view value) const {
    switch (shape) {
      case Shape::kAnything:
        return true;
      case Shape::kNonEmpty:
        return !value.empty();
      case Shape::kList:
        return std::binary_search(values.begin(), values.end(), value, std::less<>());
      case Shape::kPrefix:
        return value.starts_with(prefix);
      case Shape::kOther:
        break;
    }
    return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *automaton);
  }
};

namespace {

// Reads literal characters, escaped punctuation included, up to the first special one.
std::string take_literal(std::string_view& rest) {
  std::string literal;
  while (!rest.empty()) {
    const char c = rest[0];
    if (c == '\\') {
      const bool punctuation =
          rest.size() > 1 && std::string_view("\\.+*?()|[]{}^$-/:").find(rest[1]) != std::string_view::npos;
      if (!punctuation) return literal;
      literal += rest[1];
      rest.remove_prefix(2);
    } else if (std::string_view(".+*?()|[]{}^$").find(c) != std::string_view::npos) {
      return literal;
    } else {
      literal += c;
      rest.remove_prefix(1);
    }
  }
  return literal;
}

// "a|b|c", possibly in parentheses; empty when it is anything else.
std::vector<std::string> list_of_literals(std::string_view expression) {
  for (const std::string_view open : {"(?:", "("}) {
    if (!expression.starts_with(open) || !expression.ends_with(")")) continue;
    expression = expression.substr(open.size(), expression.size() - open.size() - 1);
    break;
  }
  std::vector<std::string> values;
  while (true) {
    values.push_back(take_literal(expression));
    if (expression.empty()) break;
    if (expression[0] != '|') return {};
    expression.remove_prefix(1);
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace

Matcher::Matcher(MatchOp op, std::string name, std::string value)
    : op_(op), name_(std::move(name)), value_(std::move(value)) {}

Result<Matcher> Matcher::make(MatchOp op, std::string name, std::string value) {
  Matcher matcher(op, std::move(name), std::move(value));
  if (op != MatchOp::kRegex && op != MatchOp::kNotRegex) return matcher;
  auto pattern = std::make_shared<Pattern>();
  using Shape = Pattern::Shape;
  const std::string& text = matcher.value_;
  std::string_view rest = text;
  const std::string literal = take_literal(rest);
  if (text == ".*") {
    pattern->shape = Shape::kAnything;
  } else if (text == ".+") {
    pattern->shape = Shape::kNonEmpty;
  } else if (rest == ".*") {
    pattern->shape = Shape::kPrefix;
    pattern->prefix = literal;
  } else if (std::vector<std::string> values = list_of_literals(text); !values.empty()) {
    pattern->shape = Shape::kList;
    pattern->values = std::move(values);
  } else {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_max_mem(kRegexBytesMax);
    pattern->automaton = std::make_unique<re2::RE2>(text, options);
    if (!pattern->automaton->ok()) return invalid("error parsing regexp: " + pattern->automaton->error());
  }
  // What needs no automaton is still refused when it is not UTF-8, as RE2 would refuse it.
  if (!is_valid_utf8(text)) return invalid("error parsing regexp: invalid UTF-8");
  matcher.pattern_ = std::move(pattern);
  return matcher;
}

const std::vector<std::string>& Matcher::listed_values() const {
  static const std::vector<std::string> kNone;
  return pattern_ == nullptr ? kNone : pattern_->values;
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::kEqual:
      return value == value_;
    case MatchOp::kNotEqual:
      return value != value_;
    case MatchOp::kRegex:
      return pattern_->accepts(value);
    case MatchOp::kNotRegex:
      return !pattern_->accepts(value);
  }
  return false;
}

std::string Matcher::to_string() const {
  std::string out = is_classic_label_name(name_) ? name_ : quote(name_);
  out += sluice::to_string(op_);
  return out + quote(value_);
}

}  // namespace sluice
