#include "exporters/tcp/tcp_script.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::exporters::tcp {
namespace {

constexpr int64_t kRegexMemoryMax = 8 << 20;

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string_view group(const Match& match, std::string_view name) {
  const bool number = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  size_t index = match.groups.size();
  if (number && name.size() <= 4) {
    index = static_cast<size_t>(std::stoi(std::string(name)));
  } else if (const auto found = match.regex->NamedCapturingGroups().find(std::string(name));
             found != match.regex->NamedCapturingGroups().end()) {
    index = static_cast<size_t>(found->second);
  }
  return index < match.groups.size() ? std::string_view(match.groups[index]) : std::string_view();
}

// The name after a dollar at the start of `text`, and how many bytes it takes; empty when there is none.
std::pair<std::string_view, size_t> reference(std::string_view text) {
  if (text.starts_with('{')) {
    const size_t close = text.find('}');
    if (close == text.npos) return {};
    const std::string_view name = text.substr(1, close - 1);
    if (!std::all_of(name.begin(), name.end(), is_word)) return {};
    return {name, name.empty() ? 0 : close + 1};
  }
  const auto end = std::find_if_not(text.begin(), text.end(), is_word);
  const auto size = static_cast<size_t>(end - text.begin());
  return {text.substr(0, size), size};
}

}  // namespace

Result<std::shared_ptr<const TcpScript>> TcpScript::compile(TcpModule module) {
  if (const auto found = problems(module); !found.empty()) {
    return invalid(fmt::format("{}: {}", found.front().key, found.front().message));
  }
  auto script = std::make_shared<TcpScript>();
  script->module = std::move(module);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryMax);
  for (const QueryResponse& source : script->module.query_response) {
    Step step;
    step.source = &source;
    if (!source.expect.empty()) step.expect = std::make_unique<const re2::RE2>(source.expect, options);
    script->steps.push_back(std::move(step));
  }
  return std::shared_ptr<const TcpScript>(std::move(script));
}

std::optional<Match> match_line(const re2::RE2& regex, std::string_view line) {
  const int count = regex.NumberOfCapturingGroups() + 1;
  std::vector<re2::StringPiece> pieces(static_cast<size_t>(count));
  if (!regex.Match(line, 0, line.size(), re2::RE2::UNANCHORED, pieces.data(), count)) return {};
  Match match;
  match.regex = &regex;
  for (const re2::StringPiece& piece : pieces)
    match.groups.emplace_back(piece.data() != nullptr ? piece.as_string() : "");
  return match;
}

std::string expand(const std::string& text, const Match* match) {
  if (match == nullptr) return text;
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t dollar = std::min(rest.find('$'), rest.size());
    out += rest.substr(0, dollar);
    rest.remove_prefix(dollar);
    if (rest.empty()) break;
    rest.remove_prefix(1);
    if (rest.starts_with('$')) {
      out += '$';
      rest.remove_prefix(1);
      continue;
    }
    const auto [name, size] = reference(rest);
    if (size == 0) {
      out += '$';  // a dollar that refers to nothing stays
      continue;
    }
    out += group(*match, name);
    rest.remove_prefix(size);
  }
  return out;
}

}  // namespace sluice::exporters::tcp
