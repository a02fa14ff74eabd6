#pragma once
// Cuts a query into tokens, one at a time.
//
// The parser asks for a token only when it needs one to go on: which of two mistakes is reported (an unknown
// function, or the bad character behind it) depends on that, and it is the same one Prometheus reports.

#include <cstdint>
#include <string>
#include <string_view>

#include "rules/promql/ast.h"
#include "rules/promql/text.h"

namespace sluice::promql {

enum class TokenKind {
  kError,  // `message` says why; nothing follows
  kEnd,
  kIdentifier,
  kMetricIdentifier,  // an identifier with a colon
  kNumber,
  kDuration,
  kString,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAssign,         // =
  kRegexEqual,     // =~
  kRegexNotEqual,  // !~
  kOperator,       // `op` tells which; + and - among them
  kAt,
  kAggregator,  // `aggregator` tells which
  // Keywords.
  kBool,
  kBy,
  kGroupLeft,
  kGroupRight,
  kIgnoring,
  kOffset,
  kOn,
  kWithout,
  kStart,
  kEndKeyword,
  // Keywords of experimental syntax: recognised so that they can be refused by name.
  kLimitk,
  kLimitRatio,
  kFill,
  kFillLeft,
  kFillRight,
  kAnchored,
  kSmoothed,
  kStep,  // in brackets also the other words that begin a duration expression
  kRange,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Span span;
  std::string_view text;
  BinaryOp op = BinaryOp::kAdd;
  AggregateOp aggregator = AggregateOp::kSum;
  std::string message;  // kError only

  // As messages name it: `identifier "foo"`, `<op:*>`, `")"`, `end of input`.
  std::string describe() const;
};

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  // After kEnd or kError: the same again.
  Token next();

 private:
  Token lex();
  Token inside_braces();
  Token inside_brackets();
  Token string_literal(char quote);
  Token number_or_duration();
  Token word();
  bool scan_number();
  bool scan_duration_tail();
  bool duration_keyword();
  void skip_spaces_and_comments();

  Rune peek() const { return decode_rune(query_, position_); }
  uint32_t take();
  bool accept(std::string_view set);
  bool is(std::string_view set) const;
  Token emit(TokenKind kind);
  Token emit_operator(BinaryOp op);
  Token fail(std::string message);

  std::string_view query_;
  uint32_t start_ = 0;
  uint32_t position_ = 0;
  int parens_ = 0;
  bool braces_ = false;
  bool brackets_ = false;
  bool colon_seen_ = false;
  bool duration_seen_ = false;
  bool finished_ = false;
  Token last_;
};

bool is_space(char c);

}  // namespace sluice::promql
