#pragma once
// Cuts a template into tokens: text outside of {{ }} is one, inside each word is.

#include <string>
#include <string_view>
#include <vector>

namespace sluice::gotmpl {

enum class TokenKind {
  kError,  // text is the message; the last token
  kEof,
  kText,
  kLeftDelim,
  kRightDelim,
  kSpace,
  kBool,
  kChar,  // a comma or another sign that only some places allow
  kCharConstant,
  kAssign,   // =
  kDeclare,  // :=
  kField,    // .name
  kIdentifier,
  kLeftParen,
  kRightParen,
  kNumber,
  kPipe,
  kString,
  kRawString,
  kVariable,  // $name
  // Keywords.
  kDot,
  kBlock,
  kBreak,
  kContinue,
  kDefine,
  kElse,
  kEnd,
  kIf,
  kNil,
  kRange,
  kTemplate,
  kWith,
};

struct Token {
  TokenKind kind;
  size_t at = 0;
  int line = 1;
  std::string_view text;  // of the source
  std::string message;    // of an error
};

// As Go's parser names a token in its messages: `"x"`, `<if>`, `EOF`.
std::string to_string(const Token& token);

// Ends with kEof or kError. The tokens view into `source`.
std::vector<Token> lex(std::string_view source);

}  // namespace sluice::gotmpl
