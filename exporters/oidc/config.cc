#include "exporters/oidc/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/net/url.h"
#include "exporters/oidc/jwks.h"

namespace sluice::exporters::oidc {
namespace {

std::string judge_url(std::string_view text) {
  auto url = net::parse_url(text);
  return url ? "" : url.error().message;
}

std::string judge_issuer(std::string_view text) {
  std::string problem = judge_url(text);
  if (problem.empty() && text.find_first_of("?#") != std::string_view::npos) {
    problem = "an issuer has no query and no fragment";
  }
  return problem;
}

bool is_host_pattern(std::string_view host) {
  return !host.empty() && host.find_first_of("/: \t@*") == std::string_view::npos && host != ".";
}

}  // namespace

std::vector<http::ConfigProblem> problems(const OidcModule& module) {
  std::vector<http::ConfigProblem> found;
  auto judge = [&](std::string key, std::string problem) {
    if (!problem.empty()) found.push_back({std::move(key), std::move(problem)});
  };
  if (!module.issuer.empty()) judge("issuer", judge_issuer(module.issuer));
  if (!module.jwks_uri.empty()) judge("jwks_uri", judge_url(module.jwks_uri));
  if (!module.health_path.empty() && module.health_path.front() != '/') {
    judge("health_path", fmt::format("\"{}\" does not begin with /", module.health_path));
  }
  std::vector<std::string_view> known = signature_algorithms();
  for (const std::string& algorithm : module.algorithms) {
    if (std::find(known.begin(), known.end(), algorithm) == known.end()) {
      judge("algorithms", fmt::format("\"{}\" is no algorithm that signs with a key pair; these are: {}",
                                      algorithm, fmt::join(known, ", ")));
    }
  }
  for (const std::string& host : module.allowed_hosts) {
    if (!is_host_pattern(host)) {
      judge("allowed_hosts", fmt::format("\"{}\" is not a host name, or a dot and a domain", host));
    }
  }
  if (module.min_rsa_bits < 1024 || module.min_rsa_bits > 16384) {
    judge("min_rsa_bits", fmt::format("{} is not between 1024 and 16384", module.min_rsa_bits));
  }
  return found;
}

}  // namespace sluice::exporters::oidc
