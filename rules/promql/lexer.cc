#include "rules/promql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::promql {
namespace {

bool is_digit(uint32_t c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(uint32_t c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_alphanumeric(uint32_t c) {
  return is_alpha(c) || is_digit(c);
}

constexpr std::string_view kDecimal = "0123456789";
constexpr std::string_view kHexadecimal = "0123456789abcdefABCDEF";

struct Keyword {
  std::string_view word;
  TokenKind kind;
  BinaryOp op = BinaryOp::kAdd;
  AggregateOp aggregator = AggregateOp::kSum;
};

constexpr Keyword aggregator(std::string_view word, AggregateOp op) {
  return {word, TokenKind::kAggregator, BinaryOp::kAdd, op};
}

constexpr std::array kKeywords = {
    Keyword{"and", TokenKind::kOperator, BinaryOp::kAnd},
    Keyword{"or", TokenKind::kOperator, BinaryOp::kOr},
    Keyword{"unless", TokenKind::kOperator, BinaryOp::kUnless},
    Keyword{"atan2", TokenKind::kOperator, BinaryOp::kAtan2},
    aggregator("sum", AggregateOp::kSum),
    aggregator("avg", AggregateOp::kAvg),
    aggregator("count", AggregateOp::kCount),
    aggregator("min", AggregateOp::kMin),
    aggregator("max", AggregateOp::kMax),
    aggregator("group", AggregateOp::kGroup),
    aggregator("stddev", AggregateOp::kStddev),
    aggregator("stdvar", AggregateOp::kStdvar),
    aggregator("topk", AggregateOp::kTopk),
    aggregator("bottomk", AggregateOp::kBottomk),
    aggregator("count_values", AggregateOp::kCountValues),
    aggregator("quantile", AggregateOp::kQuantile),
    Keyword{"limitk", TokenKind::kLimitk},
    Keyword{"limit_ratio", TokenKind::kLimitRatio},
    Keyword{"offset", TokenKind::kOffset},
    Keyword{"smoothed", TokenKind::kSmoothed},
    Keyword{"anchored", TokenKind::kAnchored},
    Keyword{"by", TokenKind::kBy},
    Keyword{"without", TokenKind::kWithout},
    Keyword{"on", TokenKind::kOn},
    Keyword{"ignoring", TokenKind::kIgnoring},
    Keyword{"group_left", TokenKind::kGroupLeft},
    Keyword{"group_right", TokenKind::kGroupRight},
    Keyword{"fill", TokenKind::kFill},
    Keyword{"fill_left", TokenKind::kFillLeft},
    Keyword{"fill_right", TokenKind::kFillRight},
    Keyword{"bool", TokenKind::kBool},
    Keyword{"start", TokenKind::kStart},
    Keyword{"end", TokenKind::kEndKeyword},
    Keyword{"step", TokenKind::kStep},
    Keyword{"range", TokenKind::kRange},
    Keyword{"inf", TokenKind::kNumber},
    Keyword{"nan", TokenKind::kNumber},
};

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(),
                                                   [](char a, char b) { return (a | 0x20) == (b | 0x20); });
}

const Keyword* find_keyword(std::string_view word) {
  for (const Keyword& keyword : kKeywords) {
    if (equals_ignoring_case(word, keyword.word)) return &keyword;
  }
  return nullptr;
}

// Go's %q, cut after ten code points as messages cut long tokens.
std::string quote_shortened(std::string_view text) {
  if (text.size() <= 10) return go_quote(text);
  size_t bytes = 0;
  for (int runes = 0; runes < 10 && bytes < text.size(); ++runes) bytes += decode_rune(text, bytes).size;
  return go_quote(text.substr(0, bytes)) + "...";
}

}  // namespace

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string Token::describe() const {
  switch (kind) {
    case TokenKind::kError:
      return message;
    case TokenKind::kEnd:
      return "end of input";
    case TokenKind::kIdentifier:
      return "identifier " + go_quote(text);
    case TokenKind::kMetricIdentifier:
      return "metric identifier " + go_quote(text);
    case TokenKind::kNumber:
      return "number " + quote_shortened(text);
    case TokenKind::kDuration:
      return "duration " + quote_shortened(text);
    case TokenKind::kString:
      return "string " + quote_shortened(text);
    case TokenKind::kOperator:
    case TokenKind::kRegexEqual:
    case TokenKind::kRegexNotEqual:
    case TokenKind::kAt:
      return fmt::format("<op:{}>", text);
    case TokenKind::kAggregator:
    case TokenKind::kLimitk:
    case TokenKind::kLimitRatio:
      return fmt::format("<aggr:{}>", text);
    case TokenKind::kBool:
    case TokenKind::kBy:
    case TokenKind::kGroupLeft:
    case TokenKind::kGroupRight:
    case TokenKind::kIgnoring:
    case TokenKind::kOffset:
    case TokenKind::kOn:
    case TokenKind::kWithout:
    case TokenKind::kFill:
    case TokenKind::kFillLeft:
    case TokenKind::kFillRight:
    case TokenKind::kAnchored:
    case TokenKind::kSmoothed:
      return fmt::format("<{}>", text);
    default:
      return go_quote(text);
  }
}

uint32_t Lexer::take() {
  const Rune rune = peek();
  position_ += rune.size;
  return rune.code;
}

bool Lexer::is(std::string_view set) const {
  return position_ < query_.size() && set.find(query_[position_]) != std::string_view::npos;
}

bool Lexer::accept(std::string_view set) {
  if (!is(set)) return false;
  ++position_;
  return true;
}

Token Lexer::emit(TokenKind kind) {
  Token token;
  token.kind = kind;
  token.span = {start_, position_};
  token.text = query_.substr(start_, position_ - start_);
  start_ = position_;
  return token;
}

Token Lexer::emit_operator(BinaryOp op) {
  Token token = emit(TokenKind::kOperator);
  token.op = op;
  return token;
}

Token Lexer::fail(std::string message) {
  Token token;
  token.kind = TokenKind::kError;
  token.span = {start_, static_cast<uint32_t>(query_.size())};
  token.message = std::move(message);
  return token;
}

Token Lexer::next() {
  if (finished_) return last_;
  Token token = lex();
  if (token.kind == TokenKind::kEnd || token.kind == TokenKind::kError) {
    finished_ = true;
    last_ = token;
  }
  return token;
}

void Lexer::skip_spaces_and_comments() {
  for (;;) {
    while (position_ < query_.size() && is_space(query_[position_])) ++position_;
    if (position_ >= query_.size() || query_[position_] != '#') break;
    while (position_ < query_.size() && query_[position_] != '\n' && query_[position_] != '\r') ++position_;
  }
  start_ = position_;
}

Token Lexer::lex() {
  skip_spaces_and_comments();
  if (braces_) return inside_braces();
  if (brackets_ && !duration_seen_) return inside_brackets();

  const uint32_t c = take();
  switch (c) {
    case kEndOfText:
      if (parens_ != 0) return fail("unclosed left parenthesis");
      if (brackets_) return fail("unclosed left bracket");
      return emit(TokenKind::kEnd);
    case ',':
      return emit(TokenKind::kComma);
    case '*':
      return emit_operator(BinaryOp::kMul);
    case '/':
      return emit_operator(BinaryOp::kDiv);
    case '%':
      return emit_operator(BinaryOp::kMod);
    case '+':
      return emit_operator(BinaryOp::kAdd);
    case '-':
      return emit_operator(BinaryOp::kSub);
    case '^':
      return emit_operator(BinaryOp::kPow);
    case '@':
      return emit(TokenKind::kAt);
    case '=':
      if (accept("=")) return emit_operator(BinaryOp::kEqual);
      if (is("~")) return fail("unexpected character after '=': '~'");
      return emit(TokenKind::kAssign);
    case '!': {
      const uint32_t after = take();
      if (after != '=') return fail("unexpected character after '!': " + go_quote_rune(after));
      return emit_operator(BinaryOp::kNotEqual);
    }
    case '<':
      return emit_operator(accept("=") ? BinaryOp::kLessEqual : BinaryOp::kLess);
    case '>':
      return emit_operator(accept("=") ? BinaryOp::kGreaterEqual : BinaryOp::kGreater);
    case '"':
    case '\'':
    case '`':
      return string_literal(static_cast<char>(c));
    case '(':
      ++parens_;
      return emit(TokenKind::kLeftParen);
    case ')':
      if (--parens_ < 0) {
        start_ = position_;
        return fail("unexpected right parenthesis ')'");
      }
      return emit(TokenKind::kRightParen);
    case '{':
      braces_ = true;
      return emit(TokenKind::kLeftBrace);
    case '[':
      if (brackets_) return fail("unexpected left bracket '['");
      brackets_ = true;
      colon_seen_ = duration_seen_ = false;
      return emit(TokenKind::kLeftBracket);
    case ']':
      if (!brackets_) return fail("unexpected right bracket ']'");
      brackets_ = false;
      return emit(TokenKind::kRightBracket);
    default:
      break;
  }
  if (is_digit(c) || (c == '.' && is(kDecimal))) {
    position_ = start_;
    return number_or_duration();
  }
  if (is_alpha(c) || c == ':') {
    if (!brackets_) {
      position_ = start_;
      return word();
    }
    if (c == ':') {
      if (colon_seen_) return fail("unexpected colon ':'");
      colon_seen_ = true;
      return emit(TokenKind::kColon);
    }
    if (duration_keyword()) return emit(TokenKind::kStep);
    return fail(fmt::format("unexpected character: {}, expected ':'", go_quote_rune(c)));
  }
  return fail("unexpected character: " + go_quote_rune(c));
}

// Takes the rest of a word in brackets that begins a duration expression, if it is one.
bool Lexer::duration_keyword() {
  const uint32_t begin = position_;
  while (is_alpha(peek().code)) take();
  const std::string_view text = query_.substr(start_, position_ - start_);
  for (const std::string_view keyword : {"step", "range", "min", "max", "min_of", "max_of"}) {
    if (equals_ignoring_case(text, keyword)) return true;
  }
  position_ = begin;
  return false;
}

// Right behind '[' in brackets: a duration is due.
Token Lexer::inside_brackets() {
  const uint32_t c = take();
  switch (c) {
    case kEndOfText:
      return fail("unexpected end of input in duration expression");
    case ']':
      brackets_ = false;
      return emit(TokenKind::kRightBracket);
    case ':':
      if (colon_seen_) return fail("unexpected colon ':'");
      start_ = position_;  // Prometheus points behind it
      return fail("unexpected colon before duration in duration expression");
    case ')':
      if (parens_ > 0) {
        --parens_;
        return emit(TokenKind::kRightParen);
      }
      start_ = position_;
      return fail("unexpected right parenthesis ')'");
    case '(':
      ++parens_;
      return emit(TokenKind::kLeftParen);
    case '+':
      return emit_operator(BinaryOp::kAdd);
    case '-':
      return emit_operator(BinaryOp::kSub);
    case '*':
      return emit_operator(BinaryOp::kMul);
    case '/':
      return emit_operator(BinaryOp::kDiv);
    case '%':
      return emit_operator(BinaryOp::kMod);
    case '^':
      return emit_operator(BinaryOp::kPow);
    case ',':
      return emit(TokenKind::kComma);
    default:
      break;
  }
  if (is_digit(c) || (c == '.' && is(kDecimal))) {
    position_ = start_;
    duration_seen_ = true;
    return number_or_duration();
  }
  if (is_alpha(c) && duration_keyword()) {
    duration_seen_ = true;
    return emit(TokenKind::kStep);
  }
  return fail("unexpected character in duration expression: " + go_quote_rune(c));
}

Token Lexer::inside_braces() {
  const uint32_t c = take();
  switch (c) {
    case kEndOfText:
      return fail("unexpected end of input inside braces");
    case ',':
      return emit(TokenKind::kComma);
    case '"':
    case '\'':
    case '`':
      return string_literal(static_cast<char>(c));
    case '=':
      return emit(accept("~") ? TokenKind::kRegexEqual : TokenKind::kAssign);
    case '!': {
      const uint32_t after = take();
      if (after == '~') return emit(TokenKind::kRegexNotEqual);
      if (after == '=') return emit_operator(BinaryOp::kNotEqual);
      return fail("unexpected character after '!' inside braces: " + go_quote_rune(after));
    }
    case '{':
      return fail("unexpected left brace '{'");
    case '}':
      braces_ = false;
      return emit(TokenKind::kRightBrace);
    default:
      break;
  }
  if (!is_alpha(c)) return fail("unexpected character inside braces: " + go_quote_rune(c));
  while (is_alphanumeric(peek().code)) take();
  return emit(TokenKind::kIdentifier);
}

Token Lexer::string_literal(char quote) {
  if (quote == '`') {
    for (;;) {
      const uint32_t c = take();
      if (c == kBadRune) return fail("invalid UTF-8 rune");
      if (c == kEndOfText) return fail("unterminated raw string");
      if (c == '`') return emit(TokenKind::kString);
    }
  }
  for (;;) {
    const uint32_t c = take();
    if (c == kBadRune) return fail("invalid UTF-8 rune");
    if (c == kEndOfText || c == '\n') return fail("unterminated quoted string");
    if (c == static_cast<uint32_t>(quote)) return emit(TokenKind::kString);
    if (c != '\\') continue;

    uint32_t escape = take();
    int digits = 0;
    uint32_t base = 16, largest = 255;
    switch (escape) {
      case 'a':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
      case 'v':
      case '\\':
        continue;
      case 'x':
        digits = 2;
        escape = take();
        break;
      case 'u':
        digits = 4;
        largest = 0x10ffff;
        escape = take();
        break;
      case 'U':
        digits = 8;
        largest = 0x10ffff;
        escape = take();
        break;
      case kEndOfText:
        return fail("escape sequence not terminated");
      default:
        if (escape == static_cast<uint32_t>(quote)) continue;
        if (escape < '0' || escape > '7') return fail("unknown escape sequence " + go_unicode(escape));
        digits = 3;
        base = 8;
    }
    uint64_t value = 0;
    for (; digits > 0; --digits) {
      const uint32_t lower = escape | 0x20;
      const uint32_t digit = is_digit(escape)               ? escape - '0'
                             : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                            : 16;
      if (digit >= base) {
        if (escape == kEndOfText) return fail("escape sequence not terminated");
        return fail(fmt::format("illegal character {} in escape sequence", go_unicode(escape)));
      }
      value = value * base + digit;
      if (digits > 1) escape = take();
    }
    if (value > largest || (value >= 0xd800 && value < 0xe000)) {
      return fail("escape sequence is an invalid Unicode code point");
    }
  }
}

// Takes what may be a number; whether it is one the parser finds out. False when something else follows
// directly.
bool Lexer::scan_number() {
  const uint32_t begin = position_;
  std::string_view digits = kDecimal;
  if (accept("0") && accept("xX")) {
    accept("_");
    digits = kHexadecimal;
  }
  accept(".");
  accept(digits);
  const auto at_digit = [&] { return is(digits); };
  const auto at_end = [&] { return position_ >= query_.size(); };
  bool dot = false, exponent = false;
  while (at_digit() || is("._eE")) {
    if (is(".")) {
      ++position_;
      if (dot) return false;
      dot = true;
      if (accept("_.") || digits == kHexadecimal) return false;
    } else if (is("eE") && !(digits == kHexadecimal)) {
      ++position_;
      if (exponent) return false;
      exponent = true;
      accept("+-");
      if (accept("._eE") || at_end()) return false;
    } else if (accept("_")) {
      if (accept("._eE") || at_end()) return false;
    } else {
      while (accept(digits)) {
      }
    }
  }
  return position_ != begin && !is_alphanumeric(peek().code);
}

// The units of a duration behind its first number, which was taken. Bad units are found when it is parsed.
bool Lexer::scan_duration_tail() {
  if (!accept("smhdwy")) return false;
  accept("s");
  while (accept(kDecimal)) {
    while (accept(kDecimal)) {
    }
    if (!accept("smhdw")) return false;
    accept("s");
  }
  if (!is_alphanumeric(peek().code)) return true;
  take();
  return false;
}

Token Lexer::number_or_duration() {
  if (scan_number()) return emit(TokenKind::kNumber);
  if (scan_duration_tail()) return emit(TokenKind::kDuration);
  return fail("bad number or duration syntax: " + go_quote(query_.substr(start_, position_ - start_)));
}

Token Lexer::word() {
  while (is_alphanumeric(peek().code) || peek().code == ':') take();
  const std::string_view text = query_.substr(start_, position_ - start_);
  const Keyword* keyword = find_keyword(text);
  if (keyword == nullptr) {
    return emit(text.find(':') == std::string_view::npos ? TokenKind::kIdentifier
                                                         : TokenKind::kMetricIdentifier);
  }
  if (keyword->kind == TokenKind::kFill || keyword->kind == TokenKind::kFillLeft ||
      keyword->kind == TokenKind::kFillRight) {
    // Only a modifier when its argument follows, so that metrics may go on being called "fill".
    size_t next = position_;
    while (next < query_.size() && is_space(query_[next])) ++next;
    if (next >= query_.size() || query_[next] != '(') return emit(TokenKind::kIdentifier);
  }
  Token token = emit(keyword->kind);
  token.op = keyword->op;
  token.aggregator = keyword->aggregator;
  return token;
}

}  // namespace sluice::promql
