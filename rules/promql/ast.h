#pragma once
// The expression tree of PromQL.
//
// A tree is made by parse() and is immutable from then on: every node knows its type, where it stands in the
// text, and (for nodes that are worth computing once and sharing) its canonical text. Two nodes with equal
// canonical text mean the same on the same store at the same time, whatever rule they come from: that is what
// makes a group of a thousand rules cheap (see engine.h).
//
//   sum by (job) (rate(http_requests_total{code="500"}[5m])) > 3
//     Binary(>)
//       Aggregate(sum, by job)
//         Call(rate)
//           MatrixSelector(5m) -> VectorSelector
//       Number(3)

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/labels.h"
#include "core/time.h"

namespace sluice::promql {

struct Function;  // functions.h

enum class ValueType { kScalar, kString, kVector, kMatrix };
// As Prometheus's documentation calls them: "scalar", "string", "instant vector", "range vector".
std::string_view documented(ValueType type);

// Bytes [begin, end) of the query text.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;

  bool operator==(const Span&) const = default;
};
// "line:column", both from 1, columns in bytes.
std::string place(std::string_view query, uint32_t position);

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct NumberLiteral {
  double value = 0;
  bool duration = false;  // written as 5m: printed as a duration again
};

struct StringLiteral {
  std::string value;
};

// What `@` is followed by.
struct AtModifier {
  enum class Kind { kNone, kTimestamp, kStart, kEnd } kind = Kind::kNone;
  Timestamp at{};

  explicit operator bool() const { return kind != Kind::kNone; }
};

struct VectorSelector {
  std::string name;               // set outside the braces, else empty
  std::vector<Matcher> matchers;  // the name's matcher last, when `name` is set
  std::chrono::milliseconds offset{0};
  AtModifier at;
};

struct MatrixSelector {
  ExprPtr selector;  // always a VectorSelector; offset and @ are kept there
  std::chrono::milliseconds range{0};
};

struct Subquery {
  ExprPtr expr;
  std::chrono::milliseconds range{0};
  std::chrono::milliseconds step{0};  // 0: the default step of the evaluation
  std::chrono::milliseconds offset{0};
  AtModifier at;
};

struct Call {
  const Function* function = nullptr;
  std::vector<ExprPtr> args;
};

enum class AggregateOp {
  kAvg,
  kBottomk,
  kCount,
  kCountValues,
  kGroup,
  kMax,
  kMin,
  kQuantile,
  kStddev,
  kStdvar,
  kSum,
  kTopk,
};
std::string_view to_string(AggregateOp op);
bool has_parameter(AggregateOp op);

struct Aggregate {
  AggregateOp op = AggregateOp::kSum;
  bool without = false;
  std::vector<std::string> grouping;  // as written
  ExprPtr parameter;                  // k, q or the label name; null for the others
  ExprPtr expr;
};

enum class BinaryOp {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterEqual,
  kLessEqual,
  kAnd,
  kOr,
  kUnless,
};
std::string_view to_string(BinaryOp op);
bool is_comparison(BinaryOp op);
bool is_set_operator(BinaryOp op);

enum class Cardinality { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

struct VectorMatching {
  Cardinality cardinality = Cardinality::kOneToOne;
  bool on = false;  // labels are those to match on; else those to ignore
  std::vector<std::string> labels;
  std::vector<std::string> include;  // copied from the "one" side
};

struct Binary {
  BinaryOp op = BinaryOp::kAdd;
  bool return_bool = false;
  VectorMatching matching;  // means something between two vectors only
  ExprPtr left;
  ExprPtr right;
};

struct Unary {
  bool negate = false;
  ExprPtr expr;
};

struct Paren {
  ExprPtr expr;
};

struct Expr {
  using Node = std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, Subquery, Call,
                            Aggregate, Binary, Unary, Paren>;
  Node node;
  Span span;
  ValueType type = ValueType::kScalar;
  uint16_t depth = 1;  // of the tree below and with this node
  // Set for vector-valued nodes (parentheses excepted) by parse(); empty where sharing is not worth it.
  std::string canonical;

  template <typename T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
  template <typename T>
  T* as() {
    return std::get_if<T>(&node);
  }
};

// The expression inside any number of parentheses.
const Expr& unwrap(const Expr& expr);

// Calls `visit` on every node, parents first.
template <typename Visit>
void for_each_node(const Expr& expr, Visit&& visit);

// The text that parses to the same tree, spaced as Prometheus prints expressions.
std::string to_string(const Expr& expr);

// --- implementation ---

// The children of a node, in the order they are written.
std::vector<const Expr*> children(const Expr& expr);
// Fills `canonical` of the tree; done by parse().
void fill_canonical(Expr& expr);

template <typename Visit>
void for_each_node(const Expr& expr, Visit&& visit) {
  visit(expr);
  for (const Expr* child : children(expr)) for_each_node(*child, visit);
}

}  // namespace sluice::promql
