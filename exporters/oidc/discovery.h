#pragma once
// Does the discovery document say what its clients will insist on?
//
// A client fetches `{issuer}/.well-known/openid-configuration` and then compares the `issuer` inside, byte
// for byte, with the one it was configured with: OpenID Connect Discovery 1.0 section 4.3 says they MUST be
// identical, and libraries reject every token otherwise. A trailing slash is the classic:
// "https://auth.example.com" against "https://auth.example.com/". It has a reason of its own, because the
// repair is different from that of a document that belongs to another tenant.
//
// The document also tells the agent where to fetch the keys. That address comes from the watched server, so
// it is only followed when it uses https (or the configured issuer does not) and stays on the issuer's own
// site or on a host the configuration names: a compromised or misrouted answer must not steer probes
// elsewhere.

#include <string>
#include <string_view>
#include <vector>

#include "exporters/oidc/report.h"

namespace sluice::exporters::oidc {

struct DiscoveryPolicy {
  std::string issuer;  // as configured
  // At least these must be offered for ID tokens. Empty: RS256, which the specification requires of
  // everybody.
  std::vector<std::string> algorithms;
  // Hosts besides the issuer's site that the document's URLs may point to: "www.googleapis.com", or with a
  // leading dot
  // ".googleapis.com" for all below.
  std::vector<std::string> allowed_hosts;
};

struct DiscoveryReport : Report {
  std::string issuer;
  std::string jwks_uri;                 // "" when it is missing or must not be followed
  std::vector<std::string> algorithms;  // id_token_signing_alg_values_supported
};

// The document must already be bounded in size.
DiscoveryReport judge_discovery(std::string_view document, const DiscoveryPolicy& policy);

// Where the document is: a terminating slash of the base is dropped, then the well-known path is appended.
std::string discovery_url(std::string_view base);

// Whether two hosts belong to one registrable domain ("auth.example.com" and "keys.example.com", not
// "example.com" and "example.org"). IP addresses and single words must be equal. Without a public suffix
// list: a country suffix with a short or generic second level ("co.uk", "com.au") counts as one suffix.
bool same_site(std::string_view a, std::string_view b);

}  // namespace sluice::exporters::oidc
