#pragma once
// The `oidc:` part of a module. A plain aggregate; `problems()` says what is wrong with one.

#include <string>
#include <vector>

#include "exporters/http/config.h"

namespace sluice::exporters::oidc {

struct OidcModule {
  // The issuer that clients are configured with, byte for byte. Empty: the target, as it is written.
  std::string issuer;
  // Asked besides discovery and keys: "/health", joined to the target. Empty: there is none.
  std::string health_path;
  // Where the keys are, instead of where the discovery document says. Absolute.
  std::string jwks_uri;
  // What ID tokens must be signed with, and what a key's `alg` may be. Empty: the document must offer RS256,
  // as the specification wants it, and keys may be for any asymmetric algorithm.
  std::vector<std::string> algorithms;
  // Hosts besides the issuer's own site that the discovery document may point to; ".example.com" for all
  // below.
  std::vector<std::string> allowed_hosts;
  int min_rsa_bits = 2048;
  // How each of the three is asked: TLS, addresses, credentials, headers, and `valid_status_codes` for
  // health_path. Its assertions on bodies and headers apply to health_path only. Read from the module's
  // `http:` part.
  http::HttpModule http;

  bool operator==(const OidcModule&) const = default;
};

// A URL that is none, an issuer with a query, a path without "/", an algorithm that does not sign or is
// symmetric. Those of `http` are http::problems's to tell.
std::vector<http::ConfigProblem> problems(const OidcModule& module);

}  // namespace sluice::exporters::oidc
