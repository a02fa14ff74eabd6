// label_replace() and label_join().

#include <re2/re2.h>

#include "rules/promql/evaluator.h"
#include "rules/promql/functions.h"
#include "rules/promql/vector_functions.h"

namespace sluice::promql {
namespace {

constexpr int64_t kRegexBytesMax = 8 << 20;

bool is_label_name(std::string_view name) {
  return !name.empty() && is_valid_utf8(name);
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Go's Regexp.Expand: $1, $name, ${1}, ${name}, $$. The longest run of word characters is the name; what does
// not name a group is empty, a lone $ stays.
std::string expand(std::string_view text, const std::vector<re2::StringPiece>& groups,
                   const std::map<std::string, int>& names) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      out += text[i++];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '$') {
      out += '$';
      i += 2;
      continue;
    }
    const bool braced = i + 1 < text.size() && text[i + 1] == '{';
    const size_t begin = i + (braced ? 2 : 1);
    size_t end = begin;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end == begin || (braced && (end >= text.size() || text[end] != '}'))) {
      out += '$';
      ++i;
      continue;
    }
    const std::string name(text.substr(begin, end - begin));
    i = braced ? end + 1 : end;
    size_t index = groups.size();
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      // More digits than any group has are no group.
      if (name.size() < 9) index = static_cast<size_t>(std::stoul(name));
    } else if (const auto it = names.find(name); it != names.end()) {
      index = static_cast<size_t>(it->second);
    }
    if (index < groups.size()) out.append(groups[index].data(), groups[index].size());
  }
  return out;
}

// The row with one label set. A metric name that was set so is there to stay.
Row relabelled(Row row, const std::string& name, std::string_view value) {
  row.labels = row.visible().with(name, value);
  if (row.name == Name::kGone || name == kMetricName) row.name = Name::kKept;
  return row;
}

}  // namespace

BlockPtr label_replace(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  const std::string& target = Evaluator::string(*call.args[1]);
  const std::string& replacement = Evaluator::string(*call.args[2]);
  const std::string& source = Evaluator::string(*call.args[3]);
  const std::string& pattern = Evaluator::string(*call.args[4]);

  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kRegexBytesMax);
  const re2::RE2 regex(pattern, options);
  if (!regex.ok()) {
    return evaluator.fail_block(invalid("invalid regular expression in label_replace(): " + pattern),
                                grid.steps);
  }
  if (!is_label_name(target)) {
    return evaluator.fail_block(invalid("invalid destination label name in label_replace(): " + target),
                                grid.steps);
  }
  auto out = std::make_shared<Block>(*evaluator.vector(*call.args[0], grid));
  out->distinct_without_name = false;
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  for (Row& row : out->rows) {
    const std::string_view text = row.value(source);
    const re2::StringPiece value(text.data(), text.size());
    if (!regex.Match(value, 0, value.size(), re2::RE2::ANCHOR_BOTH, groups.data(),
                     static_cast<int>(groups.size()))) {
      continue;
    }
    row = relabelled(row, target, expand(replacement, groups, regex.NamedCapturingGroups()));
  }
  evaluator.settle(*out);
  return out;
}

BlockPtr label_join(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  const std::string& target = Evaluator::string(*call.args[1]);
  const std::string& separator = Evaluator::string(*call.args[2]);
  for (size_t i = 3; i < call.args.size(); ++i) {
    const std::string& source = Evaluator::string(*call.args[i]);
    if (!is_label_name(source)) {
      return evaluator.fail_block(invalid("invalid source label name in label_join(): " + source),
                                  grid.steps);
    }
  }
  if (!is_label_name(target)) {
    return evaluator.fail_block(invalid("invalid destination label name in label_join(): " + target),
                                grid.steps);
  }
  auto out = std::make_shared<Block>(*evaluator.vector(*call.args[0], grid));
  out->distinct_without_name = false;
  for (Row& row : out->rows) {
    std::string joined;
    for (size_t i = 3; i < call.args.size(); ++i) {
      if (i > 3) joined += separator;
      joined += row.value(Evaluator::string(*call.args[i]));
    }
    row = relabelled(row, target, joined);
  }
  evaluator.settle(*out);
  return out;
}

}  // namespace sluice::promql
