#include <fmt/format.h>

#include "rules/promql/functions.h"
#include "rules/promql/lexer.h"
#include "rules/promql/parser.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

using Mistake = std::optional<ParseError>;

// Visits children before it judges a node, and stops at the first mistake.
class TypeCheck {
 public:
  explicit TypeCheck(std::string_view query) : query_(query) {}

  Mistake check(Expr& expr) {
    return std::visit([&](auto& node) { return check_node(node, expr); }, expr.node);
  }

 private:
  static ParseError mistake(Span span, std::string message) { return {span, std::move(message)}; }

  Mistake expect(Expr& expr, ValueType want, std::string_view context) {
    if (Mistake error = check(expr)) return error;
    if (expr.type == want) return {};
    return mistake(expr.span, fmt::format("expected type {} in {}, got {}", documented(want), context,
                                          documented(expr.type)));
  }

  Mistake check_node(NumberLiteral&, Expr&) { return {}; }
  Mistake check_node(StringLiteral&, Expr&) { return {}; }
  Mistake check_node(Paren& paren, Expr&) { return check(*paren.expr); }
  Mistake check_node(MatrixSelector& matrix, Expr&) { return check(*matrix.selector); }

  Mistake check_node(Unary& unary, Expr& expr) {
    if (Mistake error = check(*unary.expr)) return error;
    const ValueType type = unary.expr->type;
    if (type == ValueType::kScalar || type == ValueType::kVector) return {};
    return mistake(
        expr.span,
        fmt::format("unary expression only allowed on expressions of type scalar or instant vector, got {}",
                    go_quote(documented(type))));
  }

  Mistake check_node(Subquery& subquery, Expr& expr) {
    if (Mistake error = check(*subquery.expr)) return error;
    const ValueType type = subquery.expr->type;
    if (type == ValueType::kVector) return {};
    // Prometheus names the type as its API does here, not as its documentation does.
    const std::string_view name = type == ValueType::kMatrix ? "matrix" : documented(type);
    return mistake(expr.span,
                   fmt::format("subquery is only allowed on instant vector, got {} instead", name));
  }

  Mistake check_node(VectorSelector& selector, Expr& expr) {
    if (!selector.name.empty()) {
      for (size_t i = 0; i + 1 < selector.matchers.size(); ++i) {
        if (selector.matchers[i].name() != kMetricName) continue;
        return mistake(expr.span,
                       fmt::format("metric name must not be set twice: {} or {}", go_quote(selector.name),
                                   go_quote(selector.matchers[i].value())));
      }
      return {};
    }
    for (const Matcher& matcher : selector.matchers) {
      if (!matcher.matches_empty()) return {};
    }
    return mistake(expr.span, "vector selector must contain at least one non-empty matcher");
  }

  Mistake check_node(Aggregate& aggregate, Expr&) {
    if (Mistake error = expect(*aggregate.expr, ValueType::kVector, "aggregation expression")) return error;
    if (!aggregate.parameter) return {};
    const ValueType want =
        aggregate.op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar;
    return expect(*aggregate.parameter, want, "aggregation parameter");
  }

  Mistake check_node(Call& call, Expr& expr) {
    const Function& function = *call.function;
    const size_t listed = function.arguments.size(), given = call.args.size();
    const auto wrong_number = [&](std::string_view bound, size_t count) {
      return mistake(expr.span, fmt::format("expected {}{} argument(s) in call to {}, got {}", bound, count,
                                            go_quote(function.name), given));
    };
    if (function.variadic == 0) {
      if (given != listed) return wrong_number("", listed);
    } else {
      const size_t least = listed - 1;
      if (given < least) return wrong_number("at least ", least);
      const size_t most = least + static_cast<size_t>(std::max(function.variadic, 0));
      if (function.variadic > 0 && given > most) return wrong_number("at most ", most);
    }
    for (size_t i = 0; i < given; ++i) {
      const ValueType want = function.arguments[std::min(i, listed - 1)];
      if (Mistake error =
              expect(*call.args[i], want, fmt::format("call to function {}", go_quote(function.name)))) {
        return error;
      }
    }
    return {};
  }

  Mistake check_node(Binary& binary, Expr& expr) {
    if (Mistake error = check(*binary.left)) return error;
    if (Mistake error = check(*binary.right)) return error;
    const ValueType left = binary.left->type, right = binary.right->type;
    VectorMatching& matching = binary.matching;
    if (binary.return_bool && !is_comparison(binary.op)) {
      return mistake(operator_span(binary), "bool modifier can only be used on comparison operators");
    }
    const bool scalars = left == ValueType::kScalar && right == ValueType::kScalar;
    if (is_comparison(binary.op) && !binary.return_bool && scalars) {
      return mistake(operator_span(binary), "comparisons between scalars must use BOOL modifier");
    }
    if (is_set_operator(binary.op) && matching.cardinality == Cardinality::kOneToOne) {
      matching.cardinality = Cardinality::kManyToMany;
    }
    if (matching.on) {
      for (const std::string& label : matching.labels) {
        for (const std::string& included : matching.include) {
          if (label != included) continue;
          return mistake(
              operator_span(binary),
              fmt::format("label {} must not occur in ON and GROUP clause at once", go_quote(label)));
        }
      }
    }
    for (const Expr* side : {binary.left.get(), binary.right.get()}) {
      if (side->type == ValueType::kScalar || side->type == ValueType::kVector) continue;
      return mistake(side->span, "binary expression must contain only scalar and instant vector types");
    }
    if (left != ValueType::kVector || right != ValueType::kVector) {
      if (!matching.labels.empty()) {
        return mistake(expr.span, "vector matching only allowed between instant vectors");
      }
      if (is_set_operator(binary.op)) {
        return mistake(expr.span, fmt::format("set operator {} not allowed in binary scalar expression",
                                              go_quote(to_string(binary.op))));
      }
      matching = {};
    } else if (is_set_operator(binary.op) && matching.cardinality != Cardinality::kManyToMany) {
      return mistake(expr.span,
                     fmt::format("no grouping allowed for {} operation", go_quote(to_string(binary.op))));
    }
    return {};
  }

  // From the operator to the operand behind it, without the spaces around.
  Span operator_span(const Binary& binary) const {
    Span span{binary.left->span.end, binary.right->span.begin};
    while (span.begin < span.end && is_space(query_[span.begin])) ++span.begin;
    while (span.end > span.begin && is_space(query_[span.end - 1])) --span.end;
    return span;
  }

  std::string_view query_;
};

}  // namespace

std::optional<ParseError> check_types(Expr& expr, std::string_view query) {
  return TypeCheck(query).check(expr);
}

}  // namespace sluice::promql
