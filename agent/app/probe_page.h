#pragma once
// /probe?target=&module=: blackbox_exporter's contract, so that a Prometheus configured for it can be pointed
// here. Pure.

#include <string>
#include <string_view>

#include "agent/config/config.h"
#include "agent/gate/gate.h"
#include "core/exposition/text_writer.h"
#include "core/http_message.h"
#include "exporters/probe.h"

namespace sluice::app {

struct ProbePageRequest {
  std::string error;  // answered with 400; empty when the rest is valid
  std::string target;
  exporters::Module module;
  Duration timeout{};
  bool debug = false;
};

// The module defaults to http_2xx. The timeout is the smaller of the module's and the scraper's own
// (X-Prometheus-Scrape-Timeout-Seconds) less half a second.
ProbePageRequest probe_page_request(const config::Config& config, const HttpRequest& request,
                                    const HttpTarget& target);
// The metrics; with ?debug=true the explanation around them.
HttpResponse probe_page(const ProbePageRequest& request, const exporters::ProbeResult& result,
                        exposition::Format format);
// What is said about a probe in lines: each phase and assertion, then the verdict.
std::string explain(const exporters::ProbeResult& result);

// The pool of an upstream; `pool` may be empty when only one has such a target. The target "*" stands for the
// pool itself.
Result<std::string> find_upstream(const gate::Gate& gate, std::string_view pool, std::string_view target);

}  // namespace sluice::app
