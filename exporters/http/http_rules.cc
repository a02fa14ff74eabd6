#include "exporters/http/http_rules.h"

#include <fmt/format.h>

namespace sluice::exporters::http {
namespace {

constexpr int64_t kRegexMemoryMax = 8 << 20;

std::vector<Regex> compile_all(const std::vector<std::string>& texts) {
  std::vector<Regex> regexes;
  for (const std::string& text : texts) regexes.push_back(compile_regex(text));
  return regexes;
}

std::vector<HttpRules::HeaderRule> compile_all(const std::vector<HeaderMatch>& matches) {
  std::vector<HttpRules::HeaderRule> rules;
  for (const HeaderMatch& match : matches) {
    HttpRules::HeaderRule& rule = rules.emplace_back();
    rule.header = match.header;
    rule.regex = compile_regex(match.regexp);
    rule.allow_missing = match.allow_missing;
  }
  return rules;
}

}  // namespace

Regex compile_regex(const std::string& text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryMax);
  return std::make_unique<const re2::RE2>(text, options);
}

std::string regex_error(const std::string& text) {
  const Regex regex = compile_regex(text);
  return regex->ok() ? "" : fmt::format("error parsing regexp \"{}\": {}", text, regex->error());
}

Result<std::shared_ptr<const HttpRules>> HttpRules::compile(HttpModule module) {
  if (const auto found = problems(module); !found.empty()) {
    return invalid(fmt::format("{}: {}", found.front().key, found.front().message));
  }
  auto rules = std::make_shared<HttpRules>();
  rules->body_matches = compile_all(module.fail_if_body_matches_regexp);
  rules->body_not_matches = compile_all(module.fail_if_body_not_matches_regexp);
  rules->header_matches = compile_all(module.fail_if_header_matches);
  rules->header_not_matches = compile_all(module.fail_if_header_not_matches);
  rules->module = std::move(module);
  return std::shared_ptr<const HttpRules>(std::move(rules));
}

}  // namespace sluice::exporters::http
