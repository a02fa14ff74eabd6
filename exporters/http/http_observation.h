#pragma once
// What an HTTP probe saw, before anybody judged it.

#include <optional>
#include <vector>

#include "core/net/http_client.h"

namespace sluice::exporters::http {

struct HttpObservation {
  // Before or between exchanges: a bad target URL, a secret that cannot be read, a name that does not
  // resolve, a redirect that leads nowhere. Faults of an exchange are in the exchange.
  std::optional<net::Fault> fault;
  Duration resolve{};                        // the look-up of the target's own name
  std::optional<net::IpAddress> address;     // the one chosen for it
  std::vector<net::HttpExchange> exchanges;  // one, and one more for each redirect followed
  int redirects = 0;                         // redirects met, also the one that was not followed
  bool redirect_stopped = false;             // the last response is a redirect that was not followed, ...
  bool redirects_exhausted = false;          // ... because there were too many
  bool sent_credentials = false;
};

}  // namespace sluice::exporters::http
