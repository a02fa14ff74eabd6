#pragma once
// The parts of an http or https URL that a client needs, and redirects as pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/http_message.h"
#include "core/result.h"

namespace sluice::net {

struct Url {
  std::string scheme;    // "http" or "https", lower case
  std::string user;      // decoded
  std::string password;  // decoded
  std::string host;      // lower case, decoded, IPv6 without brackets
  uint16_t port = 0;     // as given, or 80 and 443
  bool has_port = false;
  std::string target;  // path and query as sent: "/", "/a?b=c"

  bool https() const { return scheme == "https"; }
  // As the Host header has it: "[::1]:8080", without a default port.
  std::string authority() const;
  std::string to_string() const;  // without user and password
};

// Absolute http or https only; at most 8 KiB. Spaces and control characters are refused.
Result<Url> parse_url(std::string_view text);
// `reference` as seen from `base`: absolute, "//host/x", "/x", "x", "?q".
Result<Url> resolve_reference(const Url& base, std::string_view reference);

bool is_redirect(int status);  // 301, 302, 303, 307, 308
// The request that follows a redirect, as Go's client makes it: 301, 302 and 303 turn anything but HEAD into
// GET and drop the body, 307 and 308 repeat it. Authorization, Cookie and Www-Authenticate stay behind when
// the host changes to one that is not the same or a sub-domain of it. Fails when Location is missing or
// unusable.
Result<HttpRequest> redirected(const HttpRequest& request, int status, std::string_view location);

}  // namespace sluice::net
