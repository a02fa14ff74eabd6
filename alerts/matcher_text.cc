#include "alerts/matcher_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "core/template/quote.h"

namespace sluice::alerts {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool is_name_char(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         (!first && c >= '0' && c <= '9');
}

Result<std::string> unquote(std::string_view text) {
  const bool quoted = !text.empty() && text.front() == '"';
  std::string_view rest = quoted ? text.substr(1) : text;
  std::string value;
  for (size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '\\' && i + 1 < rest.size() &&
        (rest[i + 1] == '"' || rest[i + 1] == '\\' || rest[i + 1] == 'n')) {
      value += rest[++i] == 'n' ? '\n' : rest[i];
    } else if (c == '"') {
      if (!quoted || i + 1 != rest.size()) {
        return invalid(fmt::format("matcher value contains unescaped double quote: {}", text));
      }
      return value;
    } else {
      value += c;
    }
  }
  if (quoted) return invalid(fmt::format("matcher value contains unescaped double quote: {}", text));
  return value;
}

Result<Matcher> parse_classic(std::string_view text) {
  const std::string_view trimmed = trim(text);
  const auto bad = [&] { return invalid(fmt::format("bad matcher format: {}", text)); };
  size_t name_end = 0;
  while (name_end < trimmed.size() && is_name_char(trimmed[name_end], name_end == 0)) ++name_end;
  if (name_end == 0) return bad();
  const std::string_view name = trimmed.substr(0, name_end);
  std::string_view rest = trim(trimmed.substr(name_end));

  MatchOp op;
  if (rest.starts_with("=~")) {
    op = MatchOp::kRegex;
  } else if (rest.starts_with("!~")) {
    op = MatchOp::kNotRegex;
  } else if (rest.starts_with("!=")) {
    op = MatchOp::kNotEqual;
  } else if (rest.starts_with("=")) {
    op = MatchOp::kEqual;
  } else {
    return bad();
  }
  rest.remove_prefix(op == MatchOp::kEqual ? 1 : 2);
  const std::string_view raw = trim(rest);
  if (!is_valid_utf8(raw)) return invalid(fmt::format("matcher value not valid UTF-8: {}", quote(raw)));
  auto value = unquote(raw);
  if (!value) return value.error();
  return Matcher::make(op, std::string(name), std::move(*value));
}

Result<std::vector<Matcher>> parse_classic_list(std::string_view text) {
  std::string_view list = trim(text);
  if (list.starts_with('{')) list.remove_prefix(1);
  if (list.ends_with('}')) list.remove_suffix(1);
  std::vector<Matcher> matchers;
  bool in_quotes = false, escaped = false;
  size_t begin = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    const bool end = i == list.size();
    if (!end && (list[i] != ',' || in_quotes)) {
      if (list[i] == '"' && !escaped) in_quotes = !in_quotes;
      escaped = list[i] == '\\' && !escaped;
      continue;
    }
    escaped = false;
    const std::string_view one = list.substr(begin, i - begin);
    begin = i + 1;
    if (trim(one).empty()) continue;
    auto matcher = parse_classic(one);
    if (!matcher) return matcher.error();
    matchers.push_back(std::move(*matcher));
  }
  return matchers;
}

// The syntax with UTF-8 names. Each take_* consumes what it returns; empty: it is not there.
class Utf8Parser {
 public:
  explicit Utf8Parser(std::string_view text) : rest_(trim(text)) {}

  std::optional<std::vector<Matcher>> parse() {
    std::vector<Matcher> out;
    const bool braces = take('{');
    bool more = true;
    while (more && !rest_.empty() && !rest_.starts_with('}')) {
      const auto name = take_word();
      const auto op = name ? take_operator() : std::nullopt;
      auto value = op ? take_word() : std::nullopt;
      if (!value || name->empty()) return std::nullopt;
      auto matcher = Matcher::make(*op, *name, std::move(*value));
      if (!matcher) return std::nullopt;
      out.push_back(std::move(*matcher));
      more = take(',');
    }
    if (take('}') != braces || !rest_.empty()) return std::nullopt;
    return out;
  }

 private:
  void skip_blanks() { rest_ = trim(rest_); }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }

  std::optional<MatchOp> take_operator() {
    for (const auto& [text, op] : {std::pair("=~", MatchOp::kRegex), std::pair("!~", MatchOp::kNotRegex),
                                   std::pair("!=", MatchOp::kNotEqual), std::pair("=", MatchOp::kEqual)}) {
      if (!rest_.starts_with(text)) continue;
      rest_.remove_prefix(std::string_view(text).size());
      skip_blanks();
      return op;
    }
    return std::nullopt;
  }

  // In quotes, or up to what has a meaning of its own.
  std::optional<std::string> take_word() {
    size_t end = 0;
    std::optional<std::string> word;
    if (rest_.starts_with('"')) {
      for (end = 1; end < rest_.size() && rest_[end] != '"'; ++end) end += rest_[end] == '\\' ? 1 : 0;
      if (end >= rest_.size()) return std::nullopt;
      word = gotmpl::unquote(rest_.substr(0, ++end));
    } else {
      end = std::min(rest_.find_first_of("{}!=~,\\\"'` \t\r\n\f\v"), rest_.size());
      if (end > 0) word = std::string(rest_.substr(0, end));
    }
    if (!word || !is_valid_utf8(*word)) return std::nullopt;
    rest_.remove_prefix(end);
    skip_blanks();
    return word;
  }

  std::string_view rest_;
};

}  // namespace

bool is_label_name(std::string_view name) {
  return !name.empty() && is_valid_utf8(name);
}

Result<std::vector<Matcher>> parse_matchers(std::string_view text) {
  auto classic = parse_classic_list(text);
  if (classic) return classic;
  auto matchers = Utf8Parser(text).parse();
  return matchers ? Result<std::vector<Matcher>>(std::move(*matchers)) : std::move(classic);
}

Result<Matcher> parse_matcher(std::string_view text) {
  auto classic = parse_classic(text);
  if (classic) return classic;
  auto matchers = Utf8Parser(text).parse();
  const bool one = matchers && matchers->size() == 1 && !trim(text).starts_with('{');
  return one ? Result<Matcher>(std::move(matchers->front())) : std::move(classic);
}

}  // namespace sluice::alerts
