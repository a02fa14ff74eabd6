#include "rules/promql/ast.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "rules/promql/functions.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

// Longer texts are not worth comparing: such expressions are evaluated on their own.
constexpr size_t kCanonicalBytesMax = 2048;

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

std::string join(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) {
    if (!out.empty()) out += ", ";
    out += is_classic_label_name(label) ? label : go_quote(label);
  }
  return out;
}

std::string print_duration(std::chrono::milliseconds d) {
  return format_duration(Duration(d));
}

std::string suffix(const AtModifier& at, std::chrono::milliseconds offset) {
  std::string out;
  switch (at.kind) {
    case AtModifier::Kind::kNone:
      break;
    case AtModifier::Kind::kTimestamp:
      out += fmt::format(" @ {:.3f}", to_seconds(at.at));
      break;
    case AtModifier::Kind::kStart:
      out += " @ start()";
      break;
    case AtModifier::Kind::kEnd:
      out += " @ end()";
      break;
  }
  if (offset.count() != 0) out += " offset " + print_duration(offset);
  return out;
}

std::string print_selector(const VectorSelector& selector) {
  std::string inside;
  for (const Matcher& matcher : selector.matchers) {
    if (!selector.name.empty() && &matcher == &selector.matchers.back()) continue;
    if (!inside.empty()) inside += ',';
    inside += is_classic_label_name(matcher.name()) ? matcher.name() : go_quote(matcher.name());
    inside += to_string(matcher.op());
    inside += go_quote(matcher.value());
  }
  if (inside.empty() && !selector.name.empty()) return selector.name;
  return fmt::format("{}{{{}}}", selector.name, inside);
}

void print(const Expr& expr, std::string& out);

void print_child(const Expr& expr, std::string& out) {
  if (!expr.canonical.empty()) {
    out += expr.canonical;
  } else {
    print(expr, out);
  }
}

void print_node(const NumberLiteral& number, std::string& out) {
  if (number.duration) {
    const auto ms = std::chrono::milliseconds(static_cast<int64_t>(number.value * 1000));
    out += print_duration(ms);
  } else {
    // Without the plus, which would be read as an operator in front of the rest.
    out += number.value == std::numeric_limits<double>::infinity() ? "Inf" : go_float(number.value);
  }
}

void print_node(const StringLiteral& string, std::string& out) {
  out += go_quote(string.value);
}

void print_node(const VectorSelector& selector, std::string& out) {
  out += print_selector(selector) + suffix(selector.at, selector.offset);
}

void print_node(const MatrixSelector& matrix, std::string& out) {
  const auto& selector = *matrix.selector->as<VectorSelector>();
  out += fmt::format("{}[{}]{}", print_selector(selector), print_duration(matrix.range),
                     suffix(selector.at, selector.offset));
}

void print_node(const Subquery& subquery, std::string& out) {
  print_child(*subquery.expr, out);
  const std::string step = subquery.step.count() == 0 ? "" : print_duration(subquery.step);
  out += fmt::format("[{}:{}]{}", print_duration(subquery.range), step, suffix(subquery.at, subquery.offset));
}

void print_node(const Call& call, std::string& out) {
  out += call.function->name;
  out += '(';
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (i > 0) out += ", ";
    print_child(*call.args[i], out);
  }
  out += ')';
}

void print_node(const Aggregate& aggregate, std::string& out) {
  out += to_string(aggregate.op);
  if (aggregate.without) {
    out += fmt::format(" without ({}) ", join(aggregate.grouping));
  } else if (!aggregate.grouping.empty()) {
    out += fmt::format(" by ({}) ", join(aggregate.grouping));
  }
  out += '(';
  if (aggregate.parameter) {
    print_child(*aggregate.parameter, out);
    out += ", ";
  }
  print_child(*aggregate.expr, out);
  out += ')';
}

void print_node(const Binary& binary, std::string& out) {
  print_child(*binary.left, out);
  out += ' ';
  out += to_string(binary.op);
  out += binary.return_bool ? " bool " : " ";
  const VectorMatching& matching = binary.matching;
  const bool grouped =
      matching.cardinality == Cardinality::kManyToOne || matching.cardinality == Cardinality::kOneToMany;
  if (matching.on || !matching.labels.empty() || grouped) {
    out += fmt::format("{} ({}) ", matching.on ? "on" : "ignoring", join(matching.labels));
  }
  if (grouped) {
    out += matching.cardinality == Cardinality::kManyToOne ? "group_left" : "group_right";
    out += fmt::format(" ({}) ", join(matching.include));
  }
  print_child(*binary.right, out);
}

void print_node(const Unary& unary, std::string& out) {
  out += unary.negate ? '-' : '+';
  print_child(*unary.expr, out);
}

void print_node(const Paren& paren, std::string& out) {
  out += '(';
  print_child(*paren.expr, out);
  out += ')';
}

void print(const Expr& expr, std::string& out) {
  std::visit([&out](const auto& node) { print_node(node, out); }, expr.node);
}

// True when the text of the node is short enough for its parents to be worth a try.
bool fill(Expr& expr) {
  bool is_short = true;
  for (const Expr* child : children(expr)) is_short = fill(const_cast<Expr&>(*child)) && is_short;
  if (!is_short) return false;
  std::string text;
  print(expr, text);
  if (text.size() > kCanonicalBytesMax) return false;
  const bool worth = expr.type == ValueType::kVector && !expr.as<Paren>();
  if (worth) expr.canonical = std::move(text);
  return true;
}

}  // namespace

std::string_view documented(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kString:
      return "string";
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
  }
  return "?";
}

std::string place(std::string_view query, uint32_t position) {
  if (query.empty()) return "unknown position";
  if (position > query.size()) return "invalid position";
  const std::string_view before = query.substr(0, position);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t line_break = before.rfind('\n');
  const size_t column = line_break == std::string_view::npos ? position + 1 : position - line_break;
  return fmt::format("{}:{}", line, column);
}

std::string_view to_string(AggregateOp op) {
  switch (op) {
    case AggregateOp::kAvg:
      return "avg";
    case AggregateOp::kBottomk:
      return "bottomk";
    case AggregateOp::kCount:
      return "count";
    case AggregateOp::kCountValues:
      return "count_values";
    case AggregateOp::kGroup:
      return "group";
    case AggregateOp::kMax:
      return "max";
    case AggregateOp::kMin:
      return "min";
    case AggregateOp::kQuantile:
      return "quantile";
    case AggregateOp::kStddev:
      return "stddev";
    case AggregateOp::kStdvar:
      return "stdvar";
    case AggregateOp::kSum:
      return "sum";
    case AggregateOp::kTopk:
      return "topk";
  }
  return "?";
}

bool has_parameter(AggregateOp op) {
  return op == AggregateOp::kTopk || op == AggregateOp::kBottomk || op == AggregateOp::kQuantile ||
         op == AggregateOp::kCountValues;
}

std::string_view to_string(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSub:
      return "-";
    case BinaryOp::kMul:
      return "*";
    case BinaryOp::kDiv:
      return "/";
    case BinaryOp::kMod:
      return "%";
    case BinaryOp::kPow:
      return "^";
    case BinaryOp::kAtan2:
      return "atan2";
    case BinaryOp::kEqual:
      return "==";
    case BinaryOp::kNotEqual:
      return "!=";
    case BinaryOp::kGreater:
      return ">";
    case BinaryOp::kLess:
      return "<";
    case BinaryOp::kGreaterEqual:
      return ">=";
    case BinaryOp::kLessEqual:
      return "<=";
    case BinaryOp::kAnd:
      return "and";
    case BinaryOp::kOr:
      return "or";
    case BinaryOp::kUnless:
      return "unless";
  }
  return "?";
}

bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kLessEqual;
}
bool is_set_operator(BinaryOp op) {
  return op >= BinaryOp::kAnd;
}

const Expr& unwrap(const Expr& expr) {
  const Expr* inner = &expr;
  while (const Paren* paren = inner->as<Paren>()) inner = paren->expr.get();
  return *inner;
}

std::vector<const Expr*> children(const Expr& expr) {
  return std::visit(
      Overloaded{
          [](const Call& call) {
            std::vector<const Expr*> out;
            for (const ExprPtr& arg : call.args) out.push_back(arg.get());
            return out;
          },
          [](const Aggregate& aggregate) {
            std::vector<const Expr*> out;
            if (aggregate.parameter) out.push_back(aggregate.parameter.get());
            if (aggregate.expr) out.push_back(aggregate.expr.get());
            return out;
          },
          [](const Binary& binary) {
            return std::vector<const Expr*>{binary.left.get(), binary.right.get()};
          },
          [](const MatrixSelector& matrix) { return std::vector<const Expr*>{matrix.selector.get()}; },
          [](const Subquery& subquery) { return std::vector<const Expr*>{subquery.expr.get()}; },
          [](const Unary& unary) { return std::vector<const Expr*>{unary.expr.get()}; },
          [](const Paren& paren) { return std::vector<const Expr*>{paren.expr.get()}; },
          [](const auto&) { return std::vector<const Expr*>{}; },
      },
      expr.node);
}

void fill_canonical(Expr& expr) {
  fill(expr);
}

std::string to_string(const Expr& expr) {
  std::string out;
  print_child(expr, out);
  return out;
}

}  // namespace sluice::promql
