#include "alerts/matcher_text.h"

#include <fmt/format.h>

#include <string>

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

}  // namespace

Result<Matcher> parse_matcher(std::string_view text) {
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

Result<std::vector<Matcher>> parse_matchers(std::string_view text) {
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
    auto matcher = parse_matcher(one);
    if (!matcher) return matcher.error();
    matchers.push_back(std::move(*matcher));
  }
  return matchers;
}

}  // namespace sluice::alerts
