#include "core/template/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/template/quote.h"

namespace sluice::gotmpl {
namespace {

constexpr std::string_view kLeft = "{{", kRight = "}}", kLeftComment = "/*", kRightComment = "*/";
constexpr std::string_view kSpaces = " \t\r\n";
constexpr size_t kTrimMarker = 2;  // a blank and the minus: "{{- " and " -}}"

constexpr std::pair<std::string_view, TokenKind> kKeywords[] = {
    {"block", TokenKind::kBlock},   {"break", TokenKind::kBreak},       {"continue", TokenKind::kContinue},
    {"define", TokenKind::kDefine}, {"else", TokenKind::kElse},         {"end", TokenKind::kEnd},
    {"if", TokenKind::kIf},         {"nil", TokenKind::kNil},           {"range", TokenKind::kRange},
    {"with", TokenKind::kWith},     {"template", TokenKind::kTemplate}, {"true", TokenKind::kBool},
    {"false", TokenKind::kBool},
};

bool is_space(char c) {
  return kSpaces.find(c) != std::string_view::npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// Go asks Unicode for letters and digits; here whatever is beyond ASCII counts as a letter.
bool is_word(char c) {
  return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<signed char>(c) < 0;
}

std::string describe(std::string_view rest) {
  const Rune rune = decode_rune(rest);
  std::string text = fmt::format("U+{:04X}", static_cast<uint32_t>(rune.value));
  if (is_printable(rune.value)) {
    text += " '";
    append_utf8(text, rune.value);
    text += "'";
  }
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (!failed_ && at_ < source_.size()) {
      if (inside_) {
        inside_action();
      } else {
        text();
      }
    }
    if (!failed_ && inside_) fail("unclosed action");
    if (!failed_) emit(TokenKind::kEof);
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return source_.substr(at_); }
  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }
  bool at_end() const { return at_ >= source_.size(); }

  // Makes a token of what was read since the last one.
  void emit(TokenKind kind) {
    tokens_.push_back({kind, start_, line_, source_.substr(start_, at_ - start_), {}});
    skip();
  }
  void skip() {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<long>(start_),
                                         source_.begin() + static_cast<long>(at_), '\n'));
    start_ = at_;
  }
  void fail(std::string message) {
    tokens_.push_back({TokenKind::kError, start_, line_, {}, std::move(message)});
    failed_ = true;
  }

  bool trims_before(std::string_view after_delim) const {
    return after_delim.size() >= 2 && after_delim[0] == '-' && is_space(after_delim[1]);
  }
  // The bytes of the closing delimiter at the front, with its trim marker; 0 when it is not there.
  size_t right_delim(std::string_view text, bool& trims) const {
    trims = text.size() >= 2 && is_space(text[0]) && text[1] == '-' &&
            text.substr(kTrimMarker).starts_with(kRight);
    if (trims) return kTrimMarker + kRight.size();
    return text.starts_with(kRight) ? kRight.size() : 0;
  }

  void text() {
    const size_t found = rest().find(kLeft);
    const size_t end = found == std::string_view::npos ? source_.size() : at_ + found;
    const bool trims = found != std::string_view::npos && trims_before(source_.substr(end + kLeft.size()));
    at_ = end;
    if (trims) {
      while (at_ > start_ && is_space(source_[at_ - 1])) --at_;
    }
    if (at_ > start_) emit(TokenKind::kText);
    at_ = end;
    skip();
    if (found == std::string_view::npos) return;

    const size_t marker = trims ? kTrimMarker : 0;
    at_ += kLeft.size();
    if (source_.substr(at_ + marker).starts_with(kLeftComment)) {
      at_ += marker;
      skip();
      comment();
      return;
    }
    emit(TokenKind::kLeftDelim);
    at_ += marker;
    skip();
    inside_ = true;
    parens_ = 0;
  }

  void comment() {
    const size_t end = rest().find(kRightComment, kLeftComment.size());
    if (end == std::string_view::npos) return fail("unclosed comment");
    at_ += end + kRightComment.size();
    bool trims = false;
    const size_t delim = right_delim(rest(), trims);
    if (delim == 0) return fail("comment ends before closing delimiter");
    at_ += delim;
    if (trims) skip_spaces();
    skip();
  }

  void skip_spaces() {
    while (!at_end() && is_space(peek())) ++at_;
  }

  void close_action() {
    bool trims = false;
    const size_t delim = right_delim(rest(), trims);
    if (parens_ != 0) return fail("unclosed left paren");
    if (trims) {
      at_ += kTrimMarker;
      skip();
    }
    at_ += trims ? delim - kTrimMarker : delim;
    emit(TokenKind::kRightDelim);
    if (trims) skip_spaces();
    skip();
    inside_ = false;
  }

  void inside_action() {
    bool trims = false;
    if (right_delim(rest(), trims) > 0) return close_action();
    const char c = peek();
    if (is_space(c)) return space();
    if (c == '.' && !(at_ + 1 < source_.size() && is_digit(source_[at_ + 1]))) {
      ++at_;
      return name(TokenKind::kField, TokenKind::kDot);
    }
    if (c == '.' || c == '+' || c == '-' || is_digit(c)) return number();
    if (is_word(c)) return identifier();
    ++at_;
    switch (c) {
      case '=':
        return emit(TokenKind::kAssign);
      case ':':
        if (peek() != '=') return fail("expected :=");
        ++at_;
        return emit(TokenKind::kDeclare);
      case '|':
        return emit(TokenKind::kPipe);
      case '"':
        return quoted('"', TokenKind::kString, "unterminated quoted string");
      case '\'':
        return quoted('\'', TokenKind::kCharConstant, "unterminated character constant");
      case '`':
        return raw_quoted();
      case '$':
        return name(TokenKind::kVariable, TokenKind::kVariable);
      case '(':
        ++parens_;
        return emit(TokenKind::kLeftParen);
      case ')':
        if (--parens_ < 0) return fail("unexpected right paren");
        return emit(TokenKind::kRightParen);
      default:
        break;
    }
    if (c > ' ' && c <= '~') return emit(TokenKind::kChar);
    --at_;
    fail("unrecognized character in action: " + describe(rest()));
  }

  // Blanks, but not the one that belongs to a trim marker.
  void space() {
    bool trims = false;
    while (!at_end() && is_space(peek()) && right_delim(rest(), trims) == 0) ++at_;
    emit(TokenKind::kSpace);
  }

  bool at_terminator() const {
    if (at_end() || is_space(peek())) return true;
    return std::string_view(".,|:)(").find(peek()) != std::string_view::npos || rest().starts_with(kRight);
  }

  // What follows a `.` or a `$`.
  void name(TokenKind kind, TokenKind alone) {
    if (at_terminator()) return emit(alone);
    while (!at_end() && is_word(peek())) ++at_;
    if (!at_terminator()) return fail("bad character " + describe(rest()));
    emit(kind);
  }

  void identifier() {
    while (!at_end() && is_word(peek())) ++at_;
    if (!at_terminator()) return fail("bad character " + describe(rest()));
    const std::string_view word = source_.substr(start_, at_ - start_);
    for (const auto& [keyword, kind] : kKeywords) {
      if (keyword == word) return emit(kind);
    }
    emit(TokenKind::kIdentifier);
  }

  void accept_run(std::string_view allowed) {
    while (!at_end() && allowed.find(peek()) != std::string_view::npos) ++at_;
  }
  bool accept(std::string_view allowed) {
    if (at_end() || allowed.find(peek()) == std::string_view::npos) return false;
    ++at_;
    return true;
  }

  void number() {
    constexpr std::string_view kDecimal = "0123456789_", kHexadecimal = "0123456789abcdefABCDEF_";
    accept("+-");
    std::string_view digits = kDecimal;
    if (accept("0")) {
      if (accept("xX")) {
        digits = kHexadecimal;
      } else if (accept("oO")) {
        digits = "01234567_";
      } else if (accept("bB")) {
        digits = "01_";
      }
    }
    accept_run(digits);
    if (accept(".")) accept_run(digits);
    if ((digits == kDecimal && accept("eE")) || (digits == kHexadecimal && accept("pP"))) {
      accept("+-");
      accept_run(kDecimal);
    }
    if (!at_end() && is_word(peek())) {
      ++at_;
      return fail("bad number syntax: " + quote(source_.substr(start_, at_ - start_)));
    }
    emit(TokenKind::kNumber);
  }

  void quoted(char close, TokenKind kind, const char* unterminated) {
    for (; !at_end() && peek() != '\n'; ++at_) {
      if (peek() == '\\') {
        ++at_;
        if (at_end() || peek() == '\n') break;
      } else if (peek() == close) {
        ++at_;
        return emit(kind);
      }
    }
    fail(unterminated);
  }

  void raw_quoted() {
    const size_t close = rest().find('`');
    if (close == std::string_view::npos) return fail("unterminated raw quoted string");
    at_ += close + 1;
    emit(TokenKind::kRawString);
  }

  std::string_view source_;
  size_t at_ = 0, start_ = 0;
  int line_ = 1;
  int parens_ = 0;
  bool inside_ = false, failed_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::string to_string(const Token& token) {
  if (token.kind == TokenKind::kEof) return "EOF";
  if (token.kind == TokenKind::kError) return token.message;
  if (token.kind >= TokenKind::kDot) return "<" + std::string(token.text) + ">";
  if (rune_count(token.text) > 10) {
    std::string_view text = token.text;
    size_t end = 0;
    for (int i = 0; i < 10; ++i) end += decode_rune(text.substr(end)).bytes;
    return quote(text.substr(0, end)) + "...";
  }
  return quote(token.text);
}

std::vector<Token> lex(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace sluice::gotmpl
