#include "exporters/tcp/config.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include "core/labels.h"

namespace sluice::exporters::tcp {

std::vector<ConfigProblem> problems(const TcpModule& module) {
  std::vector<ConfigProblem> found;
  if (!module.source_ip_address.empty() && !net::parse_ip(module.source_ip_address)) {
    found.push_back(
        {"source_ip_address", fmt::format("\"{}\" is not an IP address", module.source_ip_address)});
  }
  for (const QueryResponse& step : module.query_response) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    const re2::RE2 regex(step.expect, options);
    if (!regex.ok()) {
      found.push_back(
          {"query_response", fmt::format("error parsing regexp \"{}\": {}", step.expect, regex.error())});
    }
    for (const QueryResponse::ExpectLabel& label : step.labels) {
      if (!is_classic_label_name(label.name)) {
        found.push_back({"query_response", fmt::format("\"{}\" is not a label name", label.name)});
      }
      if (step.expect.empty()) found.push_back({"query_response", "labels need an expect"});
    }
    if (step.starttls && module.tls) {
      found.push_back({"query_response", "starttls on a connection that speaks TLS from the start"});
    }
  }
  return found;
}

}  // namespace sluice::exporters::tcp
