#include "exporters/http/config.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "exporters/http/http_rules.h"

namespace sluice::exporters::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// Whether "gzip;q=0.5, *;q=0" lets a response be compressed with `compression`.
bool accepts(std::string_view accept, std::string_view compression) {
  bool by_star = false;
  while (!accept.empty()) {
    std::string_view part = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), part.size() + 1));
    const size_t semicolon = std::min(part.find(';'), part.size());
    std::string_view coding = part.substr(0, semicolon);
    while (!coding.empty() && coding.front() == ' ') coding.remove_prefix(1);
    while (!coding.empty() && coding.back() == ' ') coding.remove_suffix(1);
    const size_t q = part.find("q=", semicolon);
    const bool wanted = q == part.npos || part.substr(q + 2).find_first_of("123456789") != part.npos;
    if (same_name(coding, compression)) return wanted;
    if (coding == "*") by_star = wanted;
  }
  return by_star;
}

void check_regexes(const std::vector<std::string>& regexes, const char* key,
                   std::vector<ConfigProblem>& found) {
  for (const std::string& regex : regexes) {
    if (const std::string error = regex_error(regex); !error.empty()) found.push_back({key, error});
  }
}

void check_matches(const std::vector<HeaderMatch>& matches, const char* key,
                   std::vector<ConfigProblem>& found) {
  for (const HeaderMatch& match : matches) {
    if (match.header.empty()) found.push_back({key, "header name must be set for HTTP header matchers"});
    if (match.regexp.empty()) found.push_back({key, "regexp must be set for HTTP header matchers"});
    if (const std::string error = regex_error(match.regexp); !error.empty()) found.push_back({key, error});
  }
}

void check_auth(const HttpModule& module, std::vector<ConfigProblem>& found) {
  if (module.basic_auth && module.authorization) {
    found.push_back({"basic_auth", "at most one of basic_auth and authorization may be configured"});
  }
  if (const auto& basic = module.basic_auth) {
    if (!basic->username.empty() && !basic->username_file.empty()) {
      found.push_back({"basic_auth", "at most one of username and username_file may be configured"});
    }
    if (!basic->password.empty() && !basic->password_file.empty()) {
      found.push_back({"basic_auth", "at most one of password and password_file may be configured"});
    }
  }
  if (const auto& token = module.authorization) {
    if (!token->credentials.empty() && !token->credentials_file.empty()) {
      found.push_back({"authorization", "at most one of credentials and credentials_file may be configured"});
    }
    if (same_name(token->type, "basic")) {
      found.push_back(
          {"authorization", "authorization type cannot be set to \"basic\", use basic_auth instead"});
    }
  }
}

}  // namespace

std::vector<ConfigProblem> problems(const HttpModule& module) {
  std::vector<ConfigProblem> found;
  for (const int status : module.valid_status_codes) {
    if (status < 100 || status > 599) {
      found.push_back({"valid_status_codes", fmt::format("{} is not an HTTP status", status)});
    }
  }
  const bool method_ok =
      !module.method.empty() && std::all_of(module.method.begin(), module.method.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
      });
  if (!method_ok) found.push_back({"method", fmt::format("\"{}\" is not an HTTP method", module.method)});
  if (!module.body.empty() && !module.body_file.empty()) {
    found.push_back({"body", "setting body and body_file both is not allowed"});
  }
  const std::string& compression = module.compression;
  const bool known =
      compression.empty() || compression == "identity" || compression == "gzip" || compression == "deflate";
  if (!known) {
    found.push_back(
        {"compression", fmt::format("\"{}\" is not supported: use gzip, deflate or identity", compression)});
  } else if (!compression.empty()) {
    for (const HttpHeader& header : module.headers) {
      if (!same_name(header.name, "accept-encoding") || accepts(header.value, compression)) continue;
      found.push_back(
          {"compression", fmt::format("invalid configuration \"Accept-Encoding: {}\", \"compression: {}\"",
                                      header.value, compression)});
    }
  }
  check_regexes(module.fail_if_body_matches_regexp, "fail_if_body_matches_regexp", found);
  check_regexes(module.fail_if_body_not_matches_regexp, "fail_if_body_not_matches_regexp", found);
  check_matches(module.fail_if_header_matches, "fail_if_header_matches", found);
  check_matches(module.fail_if_header_not_matches, "fail_if_header_not_matches", found);
  if (module.fail_if_ssl && module.fail_if_not_ssl) {
    found.push_back({"fail_if_ssl", "fail_if_ssl and fail_if_not_ssl exclude each other"});
  }
  check_auth(module, found);
  return found;
}

}  // namespace sluice::exporters::http
