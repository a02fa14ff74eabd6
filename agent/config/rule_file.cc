#include "agent/config/rule_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "rules/expand.h"
#include "rules/promql/parser.h"

namespace sluice::config {
namespace {

using rules::Rule;
using rules::RuleGroup;

using rules::kNoDataAnnotation;
using rules::kResolveExprAnnotation;
rules::SourcePosition to_position(Mark mark) {
  return {mark.line, mark.column};
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// One rule, with what its messages need.
class RuleReader {
 public:
  RuleReader(std::string_view text, const Node& node, Diagnostics& diagnostics, const RuleGroup& group,
             size_t index)
      : text_(text),
        node_(node),
        diagnostics_(diagnostics),
        group_(group),
        index_(index),
        fields_(node, diagnostics, fmt::format("rule {} of group {}", index + 1, quote(group.name))) {}

  Rule read() {
    rule_.at = to_position(node_.mark);
    fields_.string("record", rule_.record);
    fields_.string("alert", rule_.alert);
    fields_.duration("for", rule_.hold);
    fields_.duration("keep_firing_for", rule_.keep_firing_for);
    rule_.expr = expression("expr", fields_.child("expr"));
    rule_.labels = pairs("labels", "label");
    rule_.annotations = pairs("annotations", "annotation");
    if (const Node* resolve = fields_.child("resolve_expr"))
      rule_.resolve_expr = expression("resolve_expr", resolve);
    if (const Node* no_data = fields_.child("no_data")) read_no_data(*no_data);
    check_kind();
    if (rule_.is_alert()) check_templates();
    fields_.done();
    return std::move(rule_);
  }

 private:
  void mistake(Mark mark, std::string_view message) {
    const std::string& name = rule_.alert.empty() ? rule_.record : rule_.alert;
    diagnostics_.add(
        mark, fmt::format("group {}, rule {}, {}: {}", quote(group_.name), index_ + 1, quote(name), message));
  }

  Mark mark_of(std::string_view key) const {
    const Node* value = node_.find(key);
    return value == nullptr ? node_.mark : value->mark;
  }

  std::string expression(std::string_view key, const Node* node) {
    std::string text;
    if (node != nullptr) {
      std::optional<std::string> read = read_string(*node, diagnostics_, fields_.name(key));
      if (!read) return text;
      text = std::move(*read);
    }
    if (text.empty()) {
      mistake(node == nullptr ? node_.mark : node->mark, fmt::format("field '{}' must be set in rule", key));
      return text;
    }
    if (key == "expr") rule_.expr_at = to_position(node->mark);
    promql::ParseOutcome outcome = promql::parse_with_place(text);
    if (outcome.error) {
      const size_t begin = outcome.error->span.begin;
      mistake(locate_in_scalar(text_, *node, begin),
              fmt::format("could not parse {}: {}: parse error: {}", key == "expr" ? "expression" : key,
                          promql::place(text, outcome.error->span.begin), outcome.error->message));
    } else if (outcome.expr->type == promql::ValueType::kString ||
               outcome.expr->type == promql::ValueType::kMatrix) {
      mistake(node->mark, fmt::format("{} is a {}: a rule needs an instant vector or a scalar", key,
                                      promql::documented(outcome.expr->type)));
    }
    return text;
  }

  // A map of strings whose names are checked, each at its own place.
  Labels pairs(std::string_view key, std::string_view kind) {
    std::vector<Label> out;
    const Node* node = fields_.child(key);
    if (node == nullptr) return {};
    if (node->kind != Node::Kind::kMap) {
      mistake(node->mark, fmt::format("{} must be a map", key));
      return {};
    }
    for (const Entry& entry : node->entries) {
      const std::optional<std::string> value =
          read_string(entry.value, diagnostics_, fields_.name(key) + "." + entry.key);
      if (!value) continue;
      if (kind == "annotation" && entry.key == kResolveExprAnnotation) {
        rule_.resolve_expr = expression(kResolveExprAnnotation, &entry.value);
        continue;
      }
      if (kind == "annotation" && entry.key == kNoDataAnnotation) {
        read_no_data(entry.value);
        continue;
      }
      if (entry.key.empty() || (kind == "label" && entry.key == kMetricName)) {
        mistake(entry.mark, fmt::format("invalid {} name: {}", kind, entry.key));
        continue;
      }
      out.push_back({entry.key, *value});
    }
    return Labels::keeping_empty(std::move(out));
  }

  void read_no_data(const Node& node) {
    rule_.no_data = rules::parse_no_data(node.scalar);
    if (node.kind != Node::Kind::kScalar || !rule_.no_data) {
      mistake(node.mark, fmt::format("no_data must be keep, ok or alert, not {}", quote(node.scalar)));
    }
  }

  void check_kind() {
    if (!rule_.record.empty() && !rule_.alert.empty()) {
      mistake(mark_of("record"), "only one of 'record' and 'alert' must be set");
    }
    if (rule_.record.empty() && rule_.alert.empty())
      mistake(node_.mark, "one of 'record' or 'alert' must be set");
    if (rule_.record.empty()) return;
    const auto not_here = [&](bool set, std::string_view field) {
      if (set) mistake(mark_of(field), fmt::format("invalid field '{}' in recording rule", field));
    };
    not_here(!rule_.annotations.empty(), "annotations");
    not_here(rule_.hold != Duration::zero(), "for");
    not_here(rule_.keep_firing_for != Duration::zero(), "keep_firing_for");
    not_here(!rule_.resolve_expr.empty(), "resolve_expr");
    not_here(rule_.no_data.has_value(), "no_data");
    if (rule_.record.find_first_of("{}") != std::string::npos) {
      mistake(
          mark_of("record"),
          fmt::format("braces present in the recording rule name; should it be in expr?: {}", rule_.record));
    }
  }

  void check_templates() {
    const auto check = [&](std::string_view key, std::string_view kind) {
      const Node* map = node_.find(key);
      if (map == nullptr) return;
      for (const Entry& entry : map->entries) {
        if (entry.key == kResolveExprAnnotation || entry.key == kNoDataAnnotation) continue;
        const rules::AlertTemplate parsed(rule_.alert, entry.value.scalar);
        if (!parsed.parse_error().empty()) {
          mistake(entry.value.mark, fmt::format("{} {}: {}", kind, quote(entry.key), parsed.parse_error()));
        }
      }
    };
    check("labels", "label");
    check("annotations", "annotation");
  }

  std::string_view text_;
  const Node& node_;
  Diagnostics& diagnostics_;
  const RuleGroup& group_;
  size_t index_;
  Fields fields_;
  Rule rule_;
};

RuleGroup read_group(const std::string& path, std::string_view text, const Node& node,
                     const std::string& name, Diagnostics& diagnostics) {
  Fields fields(node, diagnostics, name);
  RuleGroup group;
  group.file = path;
  group.at = to_position(node.mark);
  fields.string("name", group.name);
  if (group.name.empty() && node.kind == Node::Kind::kMap)
    diagnostics.add(node.mark, "Groupname must not be empty");
  fields.optional_duration("interval", group.interval);
  if (group.interval == Duration::zero()) group.interval.reset();  // as if it was not written
  fields.optional_duration("query_offset", group.query_offset);
  fields.size("limit", group.limit, 0, 1'000'000'000);
  if (const Node* labels = fields.child("labels")) {
    std::vector<Label> out;
    for (const Entry& entry : labels->entries) {
      const std::optional<std::string> value = read_string(entry.value, diagnostics, fields.name("labels"));
      if (entry.key.empty() || entry.key == kMetricName) {
        diagnostics.add(entry.mark, fmt::format("invalid label name: {}", entry.key));
      } else if (value) {
        out.push_back({entry.key, *value});
      }
    }
    if (labels->kind != Node::Kind::kMap)
      diagnostics.add(labels->mark, fields.name("labels") + " must be a map");
    group.labels = Labels::keeping_empty(std::move(out));
  }
  fields.each("rules", [&](const Node& rule, const std::string&) {
    group.rules.push_back(RuleReader(text, rule, diagnostics, group, group.rules.size()).read());
  });
  fields.done();
  return group;
}

// The text before the second document, and the line where that begins; 0 when there is none. No scalar can
// hold a line that begins with the marker.
std::pair<std::string_view, int> first_document(std::string_view text) {
  bool begun = false;
  int number = 1;
  for (size_t at = 0; at < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const bool marker = line.starts_with("---") && (line.size() == 3 || is_space(line[3]));
    if (marker && begun) return {text.substr(0, at), number};
    const size_t word = line.find_first_not_of(" \t\r");
    begun = begun || marker || (word != line.npos && line[word] != '#' && line[word] != '%');
    at = end + 1;
  }
  return {text, 0};
}

}  // namespace

LoadedRuleFile load_rule_file(const std::string& path, std::string_view text) {
  LoadedRuleFile out;
  out.file.path = path;
  Diagnostics diagnostics(path);
  const auto [document, second_line] = first_document(text);
  if (second_line > 0) {
    out.warnings.push_back(
        {path, second_line, 1, "a second document: only the first one is read, as Prometheus does"});
  }
  const std::optional<Node> root = parse_yaml(document, diagnostics);
  if (root && !root->is_null()) {
    Fields fields(*root, diagnostics, "");
    std::set<std::string> names;
    fields.each("groups", [&](const Node& node, const std::string& name) {
      RuleGroup group = read_group(path, text, node, name, diagnostics);
      if (!group.name.empty() && !names.insert(group.name).second) {
        diagnostics.add(node.mark,
                        fmt::format("groupname: {} is repeated in the same file", quote(group.name)));
      }
      out.file.groups.push_back(std::move(group));
    });
    fields.done();
  }
  out.mistakes = diagnostics.take();
  return out;
}

Mark locate_in_scalar(std::string_view text, const Node& scalar, size_t offset) {
  // To the start of the scalar.
  size_t at = 0;
  int line = 1;
  while (line < scalar.mark.line) {
    const size_t newline = text.find('\n', at);
    if (newline == text.npos) return scalar.mark;
    at = newline + 1;
    ++line;
  }
  at += static_cast<size_t>(scalar.mark.column - 1);
  if (at >= text.size()) return scalar.mark;

  char style = text[at];
  while (style == '&' || style == '!') {  // an anchor or a tag stands before the value
    while (at < text.size() && !is_space(text[at])) ++at;
    while (at < text.size() && is_space(text[at])) ++at;
    if (at >= text.size()) return scalar.mark;
    style = text[at];
  }
  if (!scalar.quoted) style = ' ';
  if (style == '|' || style == '>') {
    at = text.find('\n', at);
    if (at == text.npos) return scalar.mark;
  } else if (style == '"' || style == '\'') {
    ++at;
  }

  // Value and file are walked together. Whatever a style does to white space, the other characters stay as
  // they are, but for escapes in quotes; so a run of white space on one side is matched with the run on the
  // other.
  const std::string& value = scalar.scalar;
  size_t v = 0;
  while (v < value.size()) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (style == '"' && at + 1 < text.size() && text[at] == '\\' &&
        (text[at + 1] == '\n' || text[at + 1] == '\r')) {
      ++at;  // a folded line in double quotes
      continue;
    }
    while (v < value.size() && is_space(value[v])) {
      if (v == offset) break;
      ++v;
    }
    if (v >= offset || at >= text.size()) break;
    if (style == '"' && text[at] == '\\') {
      // \n and \t stand for the white space just skipped.
      if (at + 1 < text.size() && (text[at + 1] == 'n' || text[at + 1] == 't')) {
        at += 2;
        continue;
      }
      ++at;
    } else if (style == '\'' && text[at] == '\'') {
      ++at;
    }
    if (at >= text.size() || text[at] != value[v]) return scalar.mark;
    ++at;
    ++v;
  }
  if (at > text.size()) return scalar.mark;
  Mark mark{1, 1};
  for (const char c : text.substr(0, at)) {
    if (c == '\n') {
      ++mark.line;
      mark.column = 1;
    } else {
      ++mark.column;
    }
  }
  return mark;
}

}  // namespace sluice::config
