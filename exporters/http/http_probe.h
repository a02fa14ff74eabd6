#pragma once
// The HTTP prober: one fresh connection per request, to one address, as blackbox_exporter does it. The
// target's name is resolved first and the first address of the preferred family is asked; redirects are
// followed at most ten times, with their own look-ups and without the target's credentials on other hosts.

#include <memory>
#include <string>

#include "core/net/net.h"
#include "exporters/http/http_observation.h"
#include "exporters/http/http_rules.h"
#include "exporters/probe.h"

namespace sluice::exporters::http {

class HttpProber final : public Prober {
 public:
  // What `net` refers to must outlive the prober.
  HttpProber(net::Net net, std::shared_ptr<const HttpRules> rules, std::string target);
  boost::asio::awaitable<ProbeResult> probe(ProbeContext context) override;

 private:
  net::Net net_;
  std::shared_ptr<const HttpRules> rules_;
  std::string target_;
};

// The I/O alone: what the prober judges, also for probers that build on HTTP.
boost::asio::awaitable<HttpObservation> observe(net::Net& net, const HttpRules& rules, std::string target,
                                                Instant deadline);

}  // namespace sluice::exporters::http
