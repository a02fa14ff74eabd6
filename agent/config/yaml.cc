#include "agent/config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <sstream>
#include <unordered_set>

#include "core/number.h"
#include "core/whole_number.h"

namespace sluice::config {
namespace {

constexpr size_t kTextBytesMax = 16 << 20;
constexpr size_t kDepthMax = 64;
constexpr size_t kNodesMax = 500'000;
constexpr size_t kMistakesMax = 1'000;

// Stops the parse from inside an event: the mistake is already noted.
struct Abandoned {};

Mark to_mark(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

// Builds the tree from yaml-cpp's events, and reports what yaml-cpp lets pass.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, Diagnostics& diagnostics)
      : lines_(split_lines(text)), diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.mark = to_mark(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) abandon(to_mark(mark), "an alias may not refer to a node that contains it");
    nodes_ += count(known->second);
    Node copy = known->second;
    add(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.mark = to_mark(mark);
    node.scalar = value;
    node.quoted = tag != "?";
    if (node.quoted) check_quote_closed(node.mark);
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kSequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { close(); }

  Node take() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Entry> key;  // the key that waits for its value
    std::unordered_set<std::string> keys;
  };

  [[noreturn]] void abandon(Mark mark, std::string message) {
    diagnostics_.add(mark, std::move(message));
    throw Abandoned{};
  }

  static size_t count(const Node& node) {
    size_t total = 1;
    for (const Node& item : node.items) total += count(item);
    for (const Entry& entry : node.entries) total += count(entry.value);
    return total;
  }

  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stack_.size() >= kDepthMax)
      abandon(to_mark(mark), fmt::format("nested deeper than {} levels", kDepthMax));
    if (!stack_.empty() && stack_.back().node.kind == Node::Kind::kMap && !stack_.back().key) {
      abandon(to_mark(mark), "a key must be a plain word or a string");
    }
    Frame frame;
    frame.node.kind = kind;
    frame.node.mark = to_mark(mark);
    frame.anchor = anchor;
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (frame.node.kind == Node::Kind::kMap) merge(frame.node);
    add(std::move(frame.node), frame.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (++nodes_ > kNodesMax)
      abandon(node.mark, fmt::format("more than {} nodes, aliases expanded", kNodesMax));
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.node.kind == Node::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != Node::Kind::kScalar) abandon(node.mark, "a key must be a plain word or a string");
      parent.key = Entry{std::move(node.scalar), node.mark, {}};
    } else {
      if (node.kind == Node::Kind::kNull) check_colon(*parent.key);
      if (node.mark.line == 0) node.mark = parent.key->mark;
      if (parent.key->key != "<<" && !parent.keys.insert(parent.key->key).second) {
        diagnostics_.add(parent.key->mark,
                         fmt::format("key {} is already set in this map", quote(parent.key->key)));
      } else {
        parent.key->value = std::move(node);
        parent.node.entries.push_back(std::move(*parent.key));
      }
      parent.key.reset();
    }
  }

  // `<<: *defaults`: the merged map's keys, where the map has none of its own.
  void merge(Node& map) {
    std::vector<Entry> merged;
    std::erase_if(map.entries, [&](Entry& entry) {
      if (entry.key != "<<") return false;
      const auto take_map = [&](Node& source) {
        if (source.kind != Node::Kind::kMap) {
          diagnostics_.add(entry.mark, "<< merges a map or a list of maps");
          return;
        }
        for (Entry& from : source.entries) merged.push_back(std::move(from));
      };
      if (entry.value.kind == Node::Kind::kSequence) {
        for (Node& item : entry.value.items) take_map(item);
      } else {
        take_map(entry.value);
      }
      return true;
    });
    for (Entry& entry : merged) {
      if (map.find(entry.key) == nullptr) map.entries.push_back(std::move(entry));
    }
  }

  // yaml-cpp takes a file that ends inside a quoted string for a complete one.
  void check_quote_closed(Mark mark) {
    const size_t first = static_cast<size_t>(mark.line - 1);
    const size_t start = static_cast<size_t>(mark.column - 1);
    if (first >= lines_.size() || start >= lines_[first].size()) return;
    const char quote = lines_[first][start];
    if (quote != '"' && quote != '\'') return;  // a block scalar
    for (size_t l = first; l < lines_.size(); ++l) {
      const std::string_view line = lines_[l];
      for (size_t i = l == first ? start + 1 : 0; i < line.size(); ++i) {
        if (quote == '"' && line[i] == '\\') {
          ++i;
        } else if (line[i] == quote) {
          if (quote == '\'' && i + 1 < line.size() && line[i + 1] == quote) {
            ++i;
          } else {
            return;
          }
        }
      }
    }
    diagnostics_.add(mark, "this quote is never closed");
  }

  // yaml-cpp takes a line without a colon for a key without a value.
  void check_colon(const Entry& key) {
    const size_t line = static_cast<size_t>(key.mark.line - 1);
    const size_t start = static_cast<size_t>(key.mark.column - 1);
    if (line >= lines_.size() || start >= lines_[line].size()) return;
    if (lines_[line].substr(start).find(':') == std::string_view::npos) {
      diagnostics_.add(key.mark, fmt::format("expected a colon after {}", quote(key.key)));
    }
  }

  std::vector<std::string_view> lines_;
  Diagnostics& diagnostics_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  Node root_;
  size_t nodes_ = 0;
};

void expand_environment(Node& node, const Environment& environment, Diagnostics& diagnostics) {
  for (Node& item : node.items) expand_environment(item, environment, diagnostics);
  for (Entry& entry : node.entries) expand_environment(entry.value, environment, diagnostics);
  if (node.kind != Node::Kind::kScalar || node.scalar.find("${") == std::string::npos) return;
  std::string out;
  std::string_view rest = node.scalar;
  while (!rest.empty()) {
    const size_t at = rest.find("${");
    if (at == std::string_view::npos) break;
    if (at > 0 && rest[at - 1] == '$') {  // $${ is a literal ${
      out += rest.substr(0, at - 1);
      out += "${";
      rest.remove_prefix(at + 2);
      continue;
    }
    const size_t end = rest.find('}', at);
    if (end == std::string_view::npos) {
      diagnostics.add(node.mark, "${ without a closing brace");
      return;
    }
    out += rest.substr(0, at);
    const std::string_view inside = rest.substr(at + 2, end - at - 2);
    const size_t fallback = inside.find(":-");
    const std::string_view name = inside.substr(0, fallback);
    const auto value = environment.find(name);
    if (value != environment.end() && (!value->second.empty() || fallback == std::string_view::npos)) {
      out += value->second;
    } else if (fallback != std::string_view::npos) {
      out += inside.substr(fallback + 2);
    } else {
      diagnostics.add(node.mark, fmt::format("the environment variable {} is not set", name));
    }
    rest.remove_prefix(end + 1);
  }
  out += rest;
  node.scalar = std::move(out);
}

// The first byte that no YAML file of ours may hold, as a mistake.
bool check_bytes(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > kTextBytesMax) {
    diagnostics.add({}, fmt::format("larger than {} bytes", kTextBytesMax));
    return false;
  }
  int number = 0;
  for (const std::string_view line : split_lines(text)) {
    ++number;
    if (!is_valid_utf8(line)) {
      diagnostics.add({number, 1}, "not valid UTF-8");
      return false;
    }
    const auto bad = std::find_if(line.begin(), line.end(), [](char c) {
      const auto u = static_cast<unsigned char>(c);
      return (u < 0x20 && u != '\t' && u != '\r') || u == 0x7f;
    });
    if (bad != line.end()) {
      diagnostics.add({number, static_cast<int>(bad - line.begin()) + 1}, "a control character");
      return false;
    }
  }
  return true;
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "?";
}

bool expect_scalar(const Node& node, Diagnostics& diagnostics, std::string_view what,
                   std::string_view wanted) {
  if (node.kind == Node::Kind::kScalar) return true;
  diagnostics.add(node.mark, fmt::format("{} must be {}, not {}", what, wanted, kind_name(node)));
  return false;
}

}  // namespace

bool Node::is_null() const {
  if (kind == Kind::kNull) return true;
  return kind == Kind::kScalar && !quoted && (scalar.empty() || scalar == "null" || scalar == "~");
}

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

void Diagnostics::add(Mark mark, std::string message) {
  if (mistakes_.size() >= kMistakesMax) {
    ++more_;
    return;
  }
  mistakes_.push_back({file_, mark.line, mark.line == 0 ? 0 : mark.column, std::move(message)});
}

Mistakes Diagnostics::take() {
  if (more_ > 0) mistakes_.push_back({file_, 0, 0, fmt::format("and {} more mistakes", more_)});
  more_ = 0;
  return std::move(mistakes_);
}

std::optional<Node> parse_yaml(std::string_view text, Diagnostics& diagnostics,
                               const Environment* environment) {
  if (!check_bytes(text, diagnostics)) return std::nullopt;
  TreeBuilder builder(text, diagnostics);
  const size_t mistakes_before = diagnostics.mistakes().size();
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    Node root = builder.take();
    TreeBuilder rest(text, diagnostics);
    if (parser.HandleNextDocument(rest)) {
      diagnostics.add(rest.take().mark, "a second document: one file holds one document");
    }
    if (environment != nullptr) expand_environment(root, *environment, diagnostics);
    if (diagnostics.mistakes().size() > mistakes_before) return std::nullopt;
    return root;
  } catch (const Abandoned&) {
  } catch (const YAML::ParserException& error) {
    diagnostics.add(to_mark(error.mark), "YAML: " + error.msg);
  } catch (const YAML::Exception& error) {
    diagnostics.add(to_mark(error.mark), "YAML: " + error.msg);
  }
  return std::nullopt;
}

std::optional<int64_t> read_integer(const Node& node, Diagnostics& diagnostics, std::string_view what) {
  if (!expect_scalar(node, diagnostics, what, "a whole number")) return std::nullopt;
  if (const auto value = parse_whole<int64_t>(node.scalar)) return value;
  diagnostics.add(node.mark, fmt::format("{} must be a whole number, not {}", what, quote(node.scalar)));
  return std::nullopt;
}

std::optional<double> read_number(const Node& node, Diagnostics& diagnostics, std::string_view what) {
  if (!expect_scalar(node, diagnostics, what, "a number")) return std::nullopt;
  const std::optional<double> value = parse_float(node.scalar);
  if (!value)
    diagnostics.add(node.mark, fmt::format("{} must be a number, not {}", what, quote(node.scalar)));
  return value;
}

std::optional<bool> read_boolean(const Node& node, Diagnostics& diagnostics, std::string_view what) {
  if (!expect_scalar(node, diagnostics, what, "true or false")) return std::nullopt;
  std::string word = node.scalar;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  diagnostics.add(node.mark, fmt::format("{} must be true or false, not {}", what, quote(node.scalar)));
  return std::nullopt;
}

std::optional<Duration> read_duration(const Node& node, Diagnostics& diagnostics, std::string_view what) {
  if (!expect_scalar(node, diagnostics, what, "a duration such as 15s")) return std::nullopt;
  const Result<Duration> value = parse_duration(node.scalar);
  if (value.has_value()) return *value;
  diagnostics.add(node.mark, fmt::format("{}: {}", what, value.error().message));
  return std::nullopt;
}

std::optional<std::string> read_string(const Node& node, Diagnostics& diagnostics, std::string_view what) {
  if (node.is_null()) return std::string();
  if (!expect_scalar(node, diagnostics, what, "a string")) return std::nullopt;
  return node.scalar;
}

Fields::Fields(const Node& node, Diagnostics& diagnostics, std::string what)
    : diagnostics_(diagnostics), what_(std::move(what)) {
  if (node.kind == Node::Kind::kMap) {
    node_ = &node;
  } else if (!node.is_null()) {
    diagnostics_.add(node.mark, fmt::format("{} must be a map, not {}", what_.empty() ? "the file" : what_,
                                            kind_name(node)));
  }
}

std::string Fields::name(std::string_view key) const {
  return what_.empty() ? std::string(key) : fmt::format("{}.{}", what_, key);
}

const Node* Fields::child(std::string_view key) {
  known_.emplace_back(key);
  if (node_ == nullptr) return nullptr;
  const Node* value = node_->find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void Fields::mistake(std::string_view key, std::string message) {
  const Node* value = node_ == nullptr ? nullptr : node_->find(key);
  diagnostics_.add(value != nullptr ? value->mark : mark(), fmt::format("{}: {}", name(key), message));
}

void Fields::require(std::string_view key) {
  if (node_ == nullptr) return;
  const Node* value = node_->find(key);
  if (value == nullptr || value->is_null()) {
    diagnostics_.add(value != nullptr ? value->mark : node_->mark, fmt::format("{} is missing", name(key)));
  }
}

bool Fields::string(std::string_view key, std::string& out) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  const auto text = read_string(*value, diagnostics_, name(key));
  if (text) out = *text;
  return text.has_value();
}

bool Fields::boolean(std::string_view key, bool& out) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  const auto flag = read_boolean(*value, diagnostics_, name(key));
  if (flag) out = *flag;
  return flag.has_value();
}

bool Fields::integer(std::string_view key, int64_t& out, int64_t min, int64_t max) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  const auto number = read_integer(*value, diagnostics_, name(key));
  if (!number) return false;
  if (*number < min || *number > max) {
    diagnostics_.add(value->mark, fmt::format("{} must be from {} to {}", name(key), min, max));
    return false;
  }
  out = *number;
  return true;
}

bool Fields::integer(std::string_view key, int& out, int min, int max) {
  int64_t wide = 0;
  if (!integer(key, wide, min, max)) return false;
  out = static_cast<int>(wide);
  return true;
}

bool Fields::size(std::string_view key, size_t& out, size_t min, size_t max) {
  constexpr size_t kMax = static_cast<size_t>(std::numeric_limits<int64_t>::max());
  int64_t wide = 0;
  if (!integer(key, wide, static_cast<int64_t>(std::min(min, kMax)),
               static_cast<int64_t>(std::min(max, kMax))))
    return false;
  out = static_cast<size_t>(wide);
  return true;
}

bool Fields::number(std::string_view key, double& out, double min, double max) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  const auto number = read_number(*value, diagnostics_, name(key));
  if (!number) return false;
  if (!(*number >= min && *number <= max)) {
    diagnostics_.add(value->mark, fmt::format("{} must be from {} to {}", name(key), min, max));
    return false;
  }
  out = *number;
  return true;
}

bool Fields::duration(std::string_view key, Duration& out, Duration min, Duration max) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  const auto duration = read_duration(*value, diagnostics_, name(key));
  if (!duration) return false;
  if (*duration < min) {
    diagnostics_.add(value->mark, fmt::format("{} must be at least {}", name(key), format_duration(min)));
    return false;
  }
  if (*duration > max) {
    diagnostics_.add(value->mark, fmt::format("{} must be at most {}", name(key), format_duration(max)));
    return false;
  }
  out = *duration;
  return true;
}

bool Fields::optional_duration(std::string_view key, std::optional<Duration>& out, Duration min) {
  Duration value{};
  if (!duration(key, value, min)) return false;
  out = value;
  return true;
}

bool Fields::bytes(std::string_view key, size_t& out) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  const auto text = read_string(*value, diagnostics_, name(key));
  if (!text) return false;
  static constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"", 1},          {"B", 1},         {"KB", 1000},    {"MB", 1000'000}, {"GB", 1000'000'000},
      {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  uint64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  const std::string_view unit(stop, static_cast<size_t>(end - stop));
  for (const auto& [word, factor] : kUnits) {
    if (error == std::errc() && unit == word && number < (uint64_t{1} << 32)) {
      out = static_cast<size_t>(number * factor);
      return true;
    }
  }
  diagnostics_.add(value->mark,
                   fmt::format("{} must be a size such as 10MB, not {}", name(key), quote(*text)));
  return false;
}

bool Fields::strings(std::string_view key, std::vector<std::string>& out) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  out.clear();
  if (value->kind == Node::Kind::kScalar) {
    out.push_back(value->scalar);
    return true;
  }
  if (value->kind != Node::Kind::kSequence) {
    diagnostics_.add(value->mark,
                     fmt::format("{} must be a list of strings, not {}", name(key), kind_name(*value)));
    return false;
  }
  bool valid = true;
  for (size_t i = 0; i < value->items.size(); ++i) {
    const auto text = read_string(value->items[i], diagnostics_, fmt::format("{}[{}]", name(key), i));
    valid = valid && text.has_value();
    if (text) out.push_back(*text);
  }
  return valid;
}

bool Fields::string_map(std::string_view key, std::map<std::string, std::string>& out) {
  const Node* value = child(key);
  if (value == nullptr) return false;
  if (value->kind != Node::Kind::kMap) {
    diagnostics_.add(value->mark, fmt::format("{} must be a map, not {}", name(key), kind_name(*value)));
    return false;
  }
  out.clear();
  bool valid = true;
  for (const Entry& entry : value->entries) {
    const auto text = read_string(entry.value, diagnostics_, fmt::format("{}.{}", name(key), entry.key));
    valid = valid && text.has_value();
    if (text) out[entry.key] = *text;
  }
  return valid;
}

bool Fields::labels(std::string_view key, Labels& out) {
  std::map<std::string, std::string> pairs;
  if (!string_map(key, pairs)) return false;
  bool valid = true;
  for (const auto& [label, text] : pairs) {
    if (label == kMetricName || !is_valid_utf8(label) || label.empty()) {
      mistake(key, fmt::format("{} is not a label name", quote(label)));
      valid = false;
    } else {
      out.set(label, text);
    }
  }
  return valid;
}

bool Fields::choice(std::string_view key, std::string& out, std::initializer_list<std::string_view> words) {
  std::string word;
  if (!string(key, word)) return false;
  if (std::find(words.begin(), words.end(), word) != words.end()) {
    out = word;
    return true;
  }
  const std::string near = nearest(word, words);
  mistake(key, fmt::format("{} is not one of {}{}", quote(word), fmt::join(words, ", "),
                           near.empty() ? "" : fmt::format(", did you mean {}?", quote(near))));
  return false;
}

void Fields::each(std::string_view key, const std::function<void(const Node&, const std::string&)>& read) {
  const Node* value = child(key);
  if (value == nullptr) return;
  if (value->kind != Node::Kind::kSequence) {
    diagnostics_.add(value->mark, fmt::format("{} must be a list, not {}", name(key), kind_name(*value)));
    return;
  }
  for (size_t i = 0; i < value->items.size(); ++i) {
    const std::string item = fmt::format("{}[{}]", name(key), i);
    if (value->items[i].is_null()) {
      diagnostics_.add(value->items[i].mark, item + " is empty");
    } else {
      read(value->items[i], item);
    }
  }
}

void Fields::done() {
  if (node_ == nullptr) return;
  for (const Entry& entry : node_->entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    const std::string near = nearest(entry.key, std::vector<std::string_view>(known_.begin(), known_.end()));
    diagnostics_.add(entry.mark,
                     fmt::format("unknown key {}{}{}", quote(entry.key), what_.empty() ? "" : " in " + what_,
                                 near.empty() ? "" : fmt::format(", did you mean {}?", quote(near))));
  }
}

}  // namespace sluice::config
