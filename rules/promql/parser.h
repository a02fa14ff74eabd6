#pragma once
// Text to expression tree.
//
// Errors read as Prometheus's do, "1:5: parse error: unexpected identifier \"foo\"": the first mistake of the
// text, in the same words and at the same place, so that what people search for is found. Syntax first, then
// types.
//
// Experimental functions, aggregations and modifiers are recognised and refused by name.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/labels.h"
#include "core/result.h"
#include "rules/promql/ast.h"

namespace sluice::promql {

// How deep an expression may nest; deeper ones are refused with an Error of kind kLimit.
inline constexpr int kDepthMax = 400;
// Longer texts are refused with an Error of kind kLimit.
inline constexpr size_t kQueryBytesMax = 1 << 20;

struct ParseError {
  Span span;
  std::string message;  // without the place
};

// An expression of any type, checked.
Result<ExprPtr> parse(std::string_view query);
// The same, for those who need the place on its own (rule files point into YAML).
struct ParseOutcome {
  ExprPtr expr;  // null when there are errors
  std::optional<ParseError> error;
};
ParseOutcome parse_with_place(std::string_view query);

// `metric{a="b"}` or `{a=~"b"}` alone, as the match[] of the API; matchers with the name's last.
Result<std::vector<Matcher>> parse_selector(std::string_view text);

// `metric{a="b"}`: a label set as it is written in tests and expectations. May be empty: `{}`.
Result<Labels> parse_labels(std::string_view text);
// The label set a text starts with, and how many bytes it takes.
Result<std::pair<Labels, size_t>> parse_labels_prefix(std::string_view text);

// Checks the types of a syntactically right tree, and settles what depends on them; empty when all is well.
// Fills `type`, and the cardinality of set operators.
std::optional<ParseError> check_types(Expr& expr, std::string_view query);

}  // namespace sluice::promql
