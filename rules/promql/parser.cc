#include "rules/promql/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/number.h"
#include "rules/promql/functions.h"
#include "rules/promql/lexer.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

// Seconds beyond which a duration does not fit into 64 bits of nanoseconds.
constexpr double kDurationSecondsMax = 9223372036.854775807;

constexpr std::string_view kNotEnabledAggregation =
    "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions";

// Binding strength: higher binds tighter. Unary signs bind as multiplication does.
int precedence(BinaryOp op) {
  switch (op) {
    case BinaryOp::kOr:
      return 1;
    case BinaryOp::kAnd:
    case BinaryOp::kUnless:
      return 2;
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
      return 4;
    case BinaryOp::kMul:
    case BinaryOp::kDiv:
    case BinaryOp::kMod:
    case BinaryOp::kAtan2:
      return 5;
    case BinaryOp::kPow:
      return 6;
    default:
      return 3;  // comparisons
  }
}
constexpr int kPowPrecedence = 6;

bool is_sign(const Token& token) {
  return token.kind == TokenKind::kOperator && (token.op == BinaryOp::kAdd || token.op == BinaryOp::kSub);
}

// Keywords that are also metric names where an operand is due.
bool is_metric_name(const Token& token) {
  switch (token.kind) {
    case TokenKind::kIdentifier:
    case TokenKind::kMetricIdentifier:
    case TokenKind::kAggregator:
    case TokenKind::kBy:
    case TokenKind::kOffset:
    case TokenKind::kWithout:
    case TokenKind::kStart:
    case TokenKind::kEndKeyword:
    case TokenKind::kLimitk:
    case TokenKind::kLimitRatio:
    case TokenKind::kStep:
    case TokenKind::kRange:
    case TokenKind::kAnchored:
    case TokenKind::kSmoothed:
      return true;
    case TokenKind::kOperator:
      return is_set_operator(token.op);
    default:
      return false;
  }
}

bool is_grouping_label(const Token& token) {
  switch (token.kind) {
    case TokenKind::kBool:
    case TokenKind::kGroupLeft:
    case TokenKind::kGroupRight:
    case TokenKind::kIgnoring:
    case TokenKind::kOn:
      return true;
    case TokenKind::kWithout:
      return false;
    case TokenKind::kOperator:
      return is_set_operator(token.op) || token.op == BinaryOp::kAtan2;
    default:
      return is_metric_name(token);
  }
}

bool starts_expression(const Token& token) {
  switch (token.kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
    case TokenKind::kString:
    case TokenKind::kLeftParen:
    case TokenKind::kLeftBrace:
      return true;
    default:
      return is_sign(token) || is_metric_name(token);
  }
}

std::string number_error(std::string_view text, std::string_view why) {
  return fmt::format("error parsing number: strconv.ParseFloat: parsing {}: {}", go_quote(text), why);
}

// Recursive descent over a lexer, with one token of lookahead that is read as late as can be. After the first
// mistake everything returns null: only the first is reported.
class Parser {
 public:
  explicit Parser(std::string_view query) : query_(query), lexer_(query) {}

  ParseOutcome whole() {
    ExprPtr expr;
    if (peek().kind == TokenKind::kEnd) {
      report({}, "no expression found in input");
    } else {
      expr = expression(0);
      if (!failed() && peek().kind != TokenKind::kEnd) unexpected();
    }
    if (failed()) return {nullptr, std::move(error_)};
    return {std::move(expr), std::nullopt};
  }

  ParseOutcome selector_alone() {
    if (!is_metric_name(peek()) && peek().kind != TokenKind::kLeftBrace) unexpected();
    if (failed()) return {nullptr, std::move(error_)};
    ExprPtr expr = vector_selector();
    if (!failed() && peek().kind != TokenKind::kEnd) unexpected();
    if (failed()) return {nullptr, std::move(error_)};
    return {std::move(expr), std::nullopt};
  }

  // The label set at the start of the text, and where it ends.
  std::optional<std::pair<Labels, size_t>> labels_prefix() {
    std::vector<Label> labels;
    size_t end = 0;
    size_t at = query_.find_first_not_of(" \t");
    if (at == std::string_view::npos || query_[at] != '{') {
      if (!is_metric_name(peek())) return unexpected(), std::nullopt;
      const Token name = take();
      labels.push_back({std::string(kMetricName), std::string(name.text)});
      end = name.span.end;
      at = query_.find_first_not_of(" \t", end);
    }
    // Two braces begin a histogram among the values.
    if (at != std::string_view::npos && query_[at] == '{' && !query_.substr(at).starts_with("{{")) {
      take();
      if (!label_set(labels, end)) return std::nullopt;
    }
    return std::pair{Labels::from(std::move(labels)), end};
  }

  std::optional<ParseError> take_error() { return std::move(error_); }

 private:
  // --- tokens and mistakes ---
  const Token& peek() {
    if (!ahead_) ahead_ = lexer_.next();
    return *ahead_;
  }
  Token take() {
    Token token = peek();
    ahead_.reset();
    return token;
  }
  bool accept(TokenKind kind) {
    if (peek().kind != kind) return false;
    ahead_.reset();
    return true;
  }
  bool failed() const { return error_.has_value(); }
  void report(Span span, std::string message) {
    if (!error_) error_ = ParseError{span, std::move(message)};
  }
  std::nullptr_t refuse(Span span, std::string message) {
    report(span, std::move(message));
    return nullptr;
  }
  // Complains about the token ahead. Without a context of its own a mistake inside sum(...) is one of the
  // aggregation.
  std::nullptr_t unexpected(std::string_view context = "", std::string_view expected = "") {
    const Token& token = peek();
    if (token.kind == TokenKind::kError) return refuse(token.span, token.message);
    if (context.empty() && aggregations_ > 0) context = "aggregation";
    std::string message = "unexpected " + token.describe();
    if (!context.empty()) message += fmt::format(" in {}", context);
    if (!expected.empty()) message += fmt::format(", expected {}", expected);
    return refuse(token.span, std::move(message));
  }

  template <typename T>
  ExprPtr make(T node, Span span, ValueType type) {
    auto expr = std::make_unique<Expr>();
    expr->node = std::move(node);
    expr->span = span;
    expr->type = type;
    for (const Expr* child : children(*expr)) {
      expr->depth = std::max<uint16_t>(expr->depth, static_cast<uint16_t>(child->depth + 1));
    }
    if (expr->depth > kDepthMax) too_deep(span);
    return expr;
  }
  void too_deep(Span span) { report(span, fmt::format("expression nests deeper than {} levels", kDepthMax)); }

  // --- expressions ---
  ExprPtr expression(int weakest) {
    if (++nesting_ > kDepthMax) too_deep(peek().span);
    ExprPtr left = failed() ? nullptr : operand();
    while (!failed()) {
      const Token& token = peek();
      if (token.kind != TokenKind::kOperator || precedence(token.op) < weakest) break;
      const BinaryOp op = take().op;
      Binary binary;
      binary.op = op;
      if (!binary_modifiers(binary)) return nullptr;
      // Only ^ groups to the right.
      ExprPtr right = expression(op == BinaryOp::kPow ? kPowPrecedence : precedence(op) + 1);
      if (failed()) return nullptr;
      const Span span{left->span.begin, right->span.end};
      const bool scalar = left->type == ValueType::kScalar && right->type == ValueType::kScalar;
      binary.left = std::move(left);
      binary.right = std::move(right);
      left = make(std::move(binary), span, scalar ? ValueType::kScalar : ValueType::kVector);
    }
    --nesting_;
    return failed() ? nullptr : std::move(left);
  }

  ExprPtr operand() {
    if (!is_sign(peek())) return postfix(primary());
    const Token sign = take();
    ExprPtr expr = expression(kPowPrecedence);
    if (failed()) return nullptr;
    const bool negate = sign.op == BinaryOp::kSub;
    if (NumberLiteral* number = expr->as<NumberLiteral>()) {
      if (negate) number->value = -number->value;
      expr->span.begin = sign.span.begin;
      return expr;
    }
    const Span span{sign.span.begin, expr->span.end};
    const ValueType type = expr->type;
    return make(Unary{negate, std::move(expr)}, span, type);
  }

  ExprPtr primary() {
    const Token& token = peek();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kDuration:
        return number_literal();
      case TokenKind::kString: {
        const Token literal = take();
        return make(StringLiteral{unquoted(literal)}, literal.span, ValueType::kString);
      }
      case TokenKind::kLeftParen: {
        const Token open = take();
        ExprPtr expr = expression(0);
        if (failed()) return nullptr;
        if (peek().kind != TokenKind::kRightParen) return unexpected();
        const Token close = take();
        const ValueType type = expr->type;
        return make(Paren{std::move(expr)}, Span{open.span.begin, close.span.end}, type);
      }
      case TokenKind::kLeftBrace:
        return vector_selector();
      default:
        break;
    }
    if (!is_metric_name(token)) return unexpected();
    const Token name = take();
    const TokenKind next = peek().kind;
    const bool aggregator = name.kind == TokenKind::kAggregator || name.kind == TokenKind::kLimitk ||
                            name.kind == TokenKind::kLimitRatio;
    if (aggregator &&
        (next == TokenKind::kLeftParen || next == TokenKind::kBy || next == TokenKind::kWithout)) {
      return aggregate(name);
    }
    if (next == TokenKind::kLeftParen) {
      const bool function = name.kind == TokenKind::kIdentifier || name.kind == TokenKind::kStart ||
                            name.kind == TokenKind::kEndKeyword || name.kind == TokenKind::kStep ||
                            name.kind == TokenKind::kRange;
      if (function) return call(name);
    }
    return selector_after_name(name);
  }

  ExprPtr postfix(ExprPtr expr) {
    while (!failed()) {
      switch (peek().kind) {
        case TokenKind::kLeftBracket:
          expr = brackets(std::move(expr));
          break;
        case TokenKind::kOffset:
          offset(*expr);
          break;
        case TokenKind::kAt:
          at(*expr);
          break;
        case TokenKind::kAnchored:
          report(expr->span, "anchored modifier is experimental and not enabled");
          break;
        case TokenKind::kSmoothed:
          report(expr->span, "smoothed modifier is experimental and not enabled");
          break;
        default:
          return expr;
      }
    }
    return nullptr;
  }

  // --- literals ---
  std::string unquoted(const Token& literal) {
    std::optional<std::string> value = unquote(literal.text);
    if (!value) {
      report(literal.span, fmt::format("error unquoting string {}: invalid syntax", go_quote(literal.text)));
      return {};
    }
    return std::move(*value);
  }

  // Go's rules: 0x.. and 0.. (octal) as integers first, then as a float; underscores between digits.
  double number_value(const Token& token) {
    std::string digits;
    const std::string_view text = token.text;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '_') {
        digits += text[i];
        continue;
      }
      const bool hexadecimal = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
      const auto digit = [&](size_t at) {
        return at < text.size() && (hexadecimal ? std::isxdigit(static_cast<unsigned char>(text[at])) != 0
                                                : text[at] >= '0' && text[at] <= '9');
      };
      const bool behind_prefix = hexadecimal && i == 2;
      if (!(digit(i - 1) || behind_prefix) || !digit(i + 1)) {
        report(token.span, number_error(text, "invalid syntax"));
        return 0;
      }
    }
    int64_t integer = 0;
    int base = 10;
    std::string_view body = digits;
    if (body.size() > 1 && body[0] == '0') {
      const bool hexadecimal = body[1] == 'x' || body[1] == 'X';
      base = hexadecimal ? 16 : 8;
      body.remove_prefix(hexadecimal ? 2 : 1);
    }
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), integer, base);
    if (error == std::errc() && end == body.data() + body.size()) return static_cast<double>(integer);
    const std::optional<double> value = base == 16 ? std::nullopt : parse_float(digits);
    if (!value) {
      report(token.span, number_error(text, "invalid syntax"));
      return 0;
    }
    if (std::isinf(*value) && digits[0] != 'i' && digits[0] != 'I') {
      report(token.span, number_error(text, "value out of range"));
    }
    return *value;
  }

  double duration_value(const Token& token) {
    const Result<Duration> duration = parse_duration(token.text);
    if (duration) return to_seconds(*duration);
    // The unit that nobody knows is worth naming.
    std::string_view rest = token.text;
    while (!rest.empty()) {
      const size_t unit_at = rest.find_first_not_of("0123456789");
      if (unit_at == std::string_view::npos) break;
      rest.remove_prefix(unit_at);
      const std::string_view unit = rest.substr(0, rest.find_first_of("0123456789"));
      static constexpr std::string_view kUnits[] = {"y", "w", "d", "h", "m", "s", "ms"};
      if (std::find(std::begin(kUnits), std::end(kUnits), unit) == std::end(kUnits)) {
        report(token.span,
               fmt::format("unknown unit {} in duration {}", go_quote(unit), go_quote(token.text)));
        return 0;
      }
      rest.remove_prefix(unit.size());
    }
    report(token.span, duration.error().message);
    return 0;
  }

  double number_or_duration(const Token& token) {
    return token.kind == TokenKind::kDuration ? duration_value(token) : number_value(token);
  }

  ExprPtr number_literal() {
    const Token token = take();
    const double value = number_or_duration(token);
    return make(NumberLiteral{value, token.kind == TokenKind::kDuration}, token.span, ValueType::kScalar);
  }

  // --- selectors ---
  ExprPtr vector_selector() {
    if (peek().kind != TokenKind::kLeftBrace) return selector_after_name(take());
    VectorSelector selector;
    Span span = peek().span;
    if (!matchers(selector, span)) return nullptr;
    return make(std::move(selector), span, ValueType::kVector);
  }

  ExprPtr selector_after_name(const Token& name) {
    VectorSelector selector;
    Span span = name.span;
    if (peek().kind == TokenKind::kLeftBrace && !matchers(selector, span)) return nullptr;
    selector.name = name.text;
    selector.matchers.push_back(*Matcher::make(MatchOp::kEqual, std::string(kMetricName), selector.name));
    return make(std::move(selector), span, ValueType::kVector);
  }

  // `{...}`; the span grows to the closing brace.
  bool matchers(VectorSelector& selector, Span& span) {
    take();
    while (peek().kind != TokenKind::kRightBrace) {
      if (!matcher(selector)) return false;
      if (peek().kind == TokenKind::kRightBrace) break;
      if (peek().kind != TokenKind::kComma) return unexpected("label matching", "\",\" or \"}\""), false;
      take();
    }
    span.end = take().span.end;
    return !failed();
  }

  bool matcher(VectorSelector& selector) {
    const TokenKind kind = peek().kind;
    if (kind != TokenKind::kIdentifier && kind != TokenKind::kString) {
      return unexpected("label matching", "identifier or \"}\""), false;
    }
    const Token label = take();
    const std::string name = kind == TokenKind::kString ? unquoted(label) : std::string(label.text);
    if (failed()) return false;
    std::optional<MatchOp> op;
    const Token& token = peek();
    if (token.kind == TokenKind::kAssign) op = MatchOp::kEqual;
    if (token.kind == TokenKind::kOperator && token.op == BinaryOp::kNotEqual) op = MatchOp::kNotEqual;
    if (token.kind == TokenKind::kRegexEqual) op = MatchOp::kRegex;
    if (token.kind == TokenKind::kRegexNotEqual) op = MatchOp::kNotRegex;
    if (!op) {
      if (kind == TokenKind::kIdentifier)
        return unexpected("label matching", "label matching operator"), false;
      // A string alone is the metric's name.
      selector.matchers.push_back(*Matcher::make(MatchOp::kEqual, std::string(kMetricName), name));
      return true;
    }
    take();
    if (peek().kind != TokenKind::kString) return unexpected("label matching", "string"), false;
    const Token value = take();
    Result<Matcher> made = Matcher::make(*op, name, unquoted(value));
    if (!failed() && !made) report({label.span.begin, value.span.end}, made.error().message);
    if (failed()) return false;
    selector.matchers.push_back(std::move(*made));
    return true;
  }

  // The inside of `{...}` of a label set, behind the brace.
  bool label_set(std::vector<Label>& labels, size_t& end) {
    while (peek().kind != TokenKind::kRightBrace) {
      const TokenKind kind = peek().kind;
      if (kind != TokenKind::kIdentifier && kind != TokenKind::kString) {
        return unexpected("label set", "identifier or \"}\""), false;
      }
      const Token label = take();
      std::string name = kind == TokenKind::kString ? unquoted(label) : std::string(label.text);
      const bool alone = peek().kind == TokenKind::kComma || peek().kind == TokenKind::kRightBrace;
      if (kind == TokenKind::kString && alone) {
        labels.push_back({std::string(kMetricName), std::move(name)});
      } else {
        if (!accept(TokenKind::kAssign)) return unexpected("label set", "\"=\""), false;
        if (peek().kind != TokenKind::kString) return unexpected("label set", "string"), false;
        labels.push_back({std::move(name), unquoted(take())});
      }
      if (failed()) return false;
      if (peek().kind == TokenKind::kRightBrace) break;
      if (!accept(TokenKind::kComma)) return unexpected("label set", "\",\" or \"}\""), false;
    }
    end = take().span.end;
    return true;
  }

  // --- what follows a selector ---
  // A positive duration inside brackets, in milliseconds.
  std::optional<std::chrono::milliseconds> bracket_duration() {
    Span span = peek().span;
    std::optional<bool> negative;
    while (is_sign(peek())) negative = negative.value_or(false) != (take().op == BinaryOp::kSub);
    const TokenKind kind = peek().kind;
    const bool expression =
        kind == TokenKind::kLeftParen || kind == TokenKind::kStep || kind == TokenKind::kRange;
    if (expression) {
      report(peek().span, "experimental duration expression is not enabled");
      return std::nullopt;
    }
    if (kind != TokenKind::kNumber && kind != TokenKind::kDuration) return std::nullopt;
    const Token token = take();
    double seconds = number_or_duration(token);
    if (negative.value_or(false)) seconds = -seconds;
    span.end = token.span.end;
    if (failed()) return std::nullopt;
    if (std::abs(seconds) > kDurationSecondsMax) {
      report(span, "duration out of range");
    } else if (peek().kind == TokenKind::kOperator) {
      report(span, "experimental duration expression is not enabled");
    } else if (!(seconds > 0)) {
      report(span, "duration must be greater than 0");
    }
    return milliseconds(seconds);
  }

  static std::chrono::milliseconds milliseconds(double seconds) { return to_ms(from_seconds(seconds)); }

  ExprPtr brackets(ExprPtr expr) {
    const Token open = take();
    const auto range = bracket_duration();
    if (failed()) return nullptr;
    if (!range) return unexpected("subquery or range selector", "number, duration, step(), or range()");
    if (accept(TokenKind::kColon)) return subquery(std::move(expr), *range);
    if (peek().kind != TokenKind::kRightBracket) return unexpected("subquery or range", "\":\" or \"]\"");
    const Token close = take();
    const VectorSelector* selector = expr->as<VectorSelector>();
    const Span in_brackets{open.span.begin, close.span.end};
    if (selector == nullptr) return refuse(in_brackets, "ranges only allowed for vector selectors");
    if (selector->offset.count() != 0) return refuse(in_brackets, "no offset modifiers allowed before range");
    if (selector->at) return refuse(in_brackets, "no @ modifiers allowed before range");
    const Span span{expr->span.begin, close.span.end};
    return make(MatrixSelector{std::move(expr), *range}, span, ValueType::kMatrix);
  }

  ExprPtr subquery(ExprPtr expr, std::chrono::milliseconds range) {
    Subquery subquery;
    subquery.range = range;
    if (peek().kind != TokenKind::kRightBracket) {
      const auto step = bracket_duration();
      if (failed()) return nullptr;
      if (!step) return unexpected("subquery selector", "number, duration, step(), range(), or \"]\"");
      subquery.step = *step;
      if (peek().kind != TokenKind::kRightBracket) return unexpected("subquery selector", "\"]\"");
    }
    const Span span{expr->span.begin, take().span.end};
    subquery.expr = std::move(expr);
    return make(std::move(subquery), span, ValueType::kMatrix);
  }

  struct Modifiable {
    std::chrono::milliseconds* offset = nullptr;
    AtModifier* at = nullptr;
  };
  static Modifiable modifiable(Expr& expr) {
    if (auto* selector = expr.as<VectorSelector>()) return {&selector->offset, &selector->at};
    if (auto* matrix = expr.as<MatrixSelector>()) return modifiable(*matrix->selector);
    if (auto* subquery = expr.as<Subquery>()) return {&subquery->offset, &subquery->at};
    return {};
  }
  static constexpr std::string_view kMustFollow =
      "{} modifier must be preceded by an instant vector selector or range vector selector or a subquery";

  void offset(Expr& expr) {
    take();
    bool negative = false;
    if (is_sign(peek())) negative = take().op == BinaryOp::kSub;
    const TokenKind kind = peek().kind;
    const bool expression = kind == TokenKind::kLeftParen || kind == TokenKind::kStep ||
                            kind == TokenKind::kRange || kind == TokenKind::kAggregator;
    if (expression) return report(peek().span, "experimental duration expression is not enabled");
    if (kind != TokenKind::kNumber && kind != TokenKind::kDuration) {
      unexpected("offset", "number, duration, step(), or range()");
      return;
    }
    const Token token = take();
    double seconds = number_or_duration(token);
    if (failed()) return;
    if (negative) seconds = -seconds;
    if (!(std::abs(seconds) <= kDurationSecondsMax)) return report(token.span, "duration out of range");
    const Modifiable target = modifiable(expr);
    if (target.offset == nullptr) return report(expr.span, fmt::format(kMustFollow, "offset"));
    if (target.offset->count() != 0) return report(expr.span, "offset may not be set multiple times");
    *target.offset = milliseconds(seconds);
    expr.span.end = token.span.end;
  }

  void at(Expr& expr) {
    take();
    AtModifier at;
    double seconds = 0;
    Span end;
    if (peek().kind == TokenKind::kStart || peek().kind == TokenKind::kEndKeyword) {
      at.kind = take().kind == TokenKind::kStart ? AtModifier::Kind::kStart : AtModifier::Kind::kEnd;
      if (!accept(TokenKind::kLeftParen) || peek().kind != TokenKind::kRightParen) {
        unexpected("@", "timestamp");
        return;
      }
      end = take().span;
    } else {
      bool negative = false;
      if (is_sign(peek())) negative = take().op == BinaryOp::kSub;
      if (peek().kind != TokenKind::kNumber && peek().kind != TokenKind::kDuration) {
        unexpected("@", "timestamp");
        return;
      }
      const Token token = take();
      seconds = number_or_duration(token);
      if (negative) seconds = -seconds;
      at.kind = AtModifier::Kind::kTimestamp;
      end = token.span;
      if (failed()) return;
      // As far as milliseconds in 64 bits reach.
      if (!(std::abs(seconds) < 9223372036854775.0)) {
        const std::string shown = std::isfinite(seconds) ? fmt::format("{:f}", seconds) : go_float(seconds);
        return report(expr.span, "timestamp out of bounds for @ modifier: " + shown);
      }
      at.at = from_unix_ms(std::llround(seconds * 1000));
    }
    const Modifiable target = modifiable(expr);
    if (target.at == nullptr) return report(expr.span, fmt::format(kMustFollow, "@"));
    if (*target.at) return report(expr.span, "@ <timestamp> may not be set multiple times");
    *target.at = at;
    expr.span.end = end.end;
  }

  // --- calls, aggregations, operators ---
  // `(a, b)`; `end` becomes the place behind the closing parenthesis.
  std::optional<std::vector<ExprPtr>> arguments(uint32_t& end) {
    take();
    std::vector<ExprPtr> args;
    while (peek().kind != TokenKind::kRightParen) {
      args.push_back(expression(0));
      if (failed()) return std::nullopt;
      if (peek().kind == TokenKind::kRightParen) break;
      if (peek().kind != TokenKind::kComma) return unexpected(), std::nullopt;
      const Token comma = take();
      if (peek().kind == TokenKind::kError) return unexpected(), std::nullopt;
      if (!starts_expression(peek())) {
        report(comma.span, "trailing commas not allowed in function call args");
        return std::nullopt;
      }
    }
    end = take().span.end;
    return args;
  }

  ExprPtr call(const Token& name) {
    Span span = name.span;
    auto args = arguments(span.end);
    if (!args) return nullptr;
    const Function* function = find_function(name.text);
    if (function == nullptr) {
      return refuse(name.span, fmt::format("unknown function with name {}", go_quote(name.text)));
    }
    if (function->experimental) {
      return refuse(name.span, fmt::format("function {} is not enabled", go_quote(name.text)));
    }
    return make(Call{function, std::move(*args)}, span, function->result);
  }

  ExprPtr aggregate(const Token& op) {
    Aggregate aggregate;
    aggregate.op = op.aggregator;
    Span span = op.span;
    ++aggregations_;
    const auto modifier = [&] {
      aggregate.without = take().kind == TokenKind::kWithout;
      return grouping(aggregate.grouping, &span.end);
    };
    const auto has_modifier = [&] {
      return peek().kind == TokenKind::kBy || peek().kind == TokenKind::kWithout;
    };
    const bool in_front = has_modifier();
    if (in_front && !modifier()) return nullptr;
    if (peek().kind != TokenKind::kLeftParen) return unexpected();
    auto args = arguments(span.end);
    if (!args) return nullptr;
    --aggregations_;
    if (!in_front && has_modifier() && !modifier()) return nullptr;

    if (args->empty()) return refuse(span, "no arguments for aggregate expression provided");
    if (op.kind != TokenKind::kAggregator) {
      return refuse(span, fmt::format(fmt::runtime(kNotEnabledAggregation),
                                      op.kind == TokenKind::kLimitk ? "limitk" : "limit_ratio"));
    }
    const size_t wanted = has_parameter(aggregate.op) ? 2 : 1;
    if (args->size() != wanted) {
      return refuse(
          span,
          fmt::format("wrong number of arguments for aggregate expression provided, expected {}, got {}",
                      wanted, args->size()));
    }
    if (wanted == 2) aggregate.parameter = std::move(args->front());
    aggregate.expr = std::move(args->back());
    return make(std::move(aggregate), span, ValueType::kVector);
  }

  // `(a, b)` behind by, on and their like.
  bool grouping(std::vector<std::string>& labels, uint32_t* end = nullptr) {
    if (peek().kind != TokenKind::kLeftParen) return unexpected("grouping opts", "\"(\""), false;
    take();
    while (peek().kind != TokenKind::kRightParen) {
      const bool string = peek().kind == TokenKind::kString;
      if (!string && !is_grouping_label(peek())) return unexpected("grouping opts", "label"), false;
      const Token label = take();
      labels.push_back(string ? unquoted(label) : std::string(label.text));
      if (failed()) return false;
      if (labels.back().empty() || !is_valid_utf8(labels.back())) {
        report(label.span, "invalid label name for grouping: " + go_quote(labels.back()));
        return false;
      }
      if (peek().kind == TokenKind::kRightParen) break;
      if (peek().kind != TokenKind::kComma) return unexpected("grouping opts", "\",\" or \")\""), false;
      take();
    }
    const Token close = take();
    if (end != nullptr) *end = close.span.end;
    return true;
  }

  // Labels, or what is no expression: the message tells of labels then, as Prometheus's does.
  static bool begins_grouping(TokenKind kind) {
    return kind == TokenKind::kLeftParen || kind == TokenKind::kRightParen || kind == TokenKind::kComma ||
           kind == TokenKind::kEnd;
  }

  bool binary_modifiers(Binary& binary) {
    binary.return_bool = accept(TokenKind::kBool);
    VectorMatching& matching = binary.matching;
    if (peek().kind == TokenKind::kOn || peek().kind == TokenKind::kIgnoring) {
      matching.on = take().kind == TokenKind::kOn;
      if (!grouping(matching.labels)) return false;
      if (peek().kind == TokenKind::kGroupLeft || peek().kind == TokenKind::kGroupRight) {
        const bool left = take().kind == TokenKind::kGroupLeft;
        matching.cardinality = left ? Cardinality::kManyToOne : Cardinality::kOneToMany;
        if (begins_grouping(peek().kind) && !grouping(matching.include)) return false;
      }
    }
    const TokenKind kind = peek().kind;
    if (kind == TokenKind::kFill || kind == TokenKind::kFillLeft || kind == TokenKind::kFillRight) {
      report(peek().span, "binop fill modifiers are experimental and not enabled");
    }
    return !failed();
  }

  std::string_view query_;
  Lexer lexer_;
  std::optional<Token> ahead_;
  std::optional<ParseError> error_;
  int nesting_ = 0;
  int aggregations_ = 0;  // parentheses of aggregations we are in
};

Error to_error(std::string_view query, const ParseError& error) {
  std::string message = fmt::format("{}: parse error: {}", place(query, error.span.begin), error.message);
  const bool limit = error.message.starts_with("expression nests deeper");
  return {limit ? ErrorKind::kLimit : ErrorKind::kInvalid, std::move(message)};
}

}  // namespace

ParseOutcome parse_with_place(std::string_view query) {
  if (query.size() > kQueryBytesMax) {
    return {nullptr, ParseError{{}, fmt::format("query is longer than {} bytes", kQueryBytesMax)}};
  }
  ParseOutcome outcome = Parser(query).whole();
  if (outcome.error) return outcome;
  if (auto error = check_types(*outcome.expr, query)) return {nullptr, std::move(error)};
  fill_canonical(*outcome.expr);
  return outcome;
}

Result<ExprPtr> parse(std::string_view query) {
  ParseOutcome outcome = parse_with_place(query);
  if (outcome.error) return to_error(query, *outcome.error);
  return std::move(outcome.expr);
}

Result<std::vector<Matcher>> parse_selector(std::string_view text) {
  ParseOutcome outcome = Parser(text).selector_alone();
  if (!outcome.error) outcome.error = check_types(*outcome.expr, text);
  if (outcome.error) return to_error(text, *outcome.error);
  return std::move(outcome.expr->as<VectorSelector>()->matchers);
}

Result<std::pair<Labels, size_t>> parse_labels_prefix(std::string_view text) {
  Parser parser(text);
  auto labels = parser.labels_prefix();
  if (!labels) return to_error(text, *parser.take_error());
  return std::move(*labels);
}

Result<Labels> parse_labels(std::string_view text) {
  Result<std::pair<Labels, size_t>> prefix = parse_labels_prefix(text);
  if (!prefix) return prefix.error();
  if (text.find_first_not_of(" \t", prefix->second) != std::string_view::npos) {
    return to_error(
        text, ParseError{{static_cast<uint32_t>(prefix->second), 0}, "unexpected text after the labels"});
  }
  return std::move(prefix->first);
}

}  // namespace sluice::promql
