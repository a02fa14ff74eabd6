#pragma once
// The TCP prober: connect, speak TLS if told to, and play the module's query_response script line by line.

#include <memory>
#include <string>

#include "core/net/net.h"
#include "exporters/probe.h"
#include "exporters/tcp/tcp_observation.h"
#include "exporters/tcp/tcp_script.h"

namespace sluice::exporters::tcp {

class TcpProber final : public Prober {
 public:
  // `target` is "host:port". What `net` refers to must outlive the prober.
  TcpProber(net::Net net, std::shared_ptr<const TcpScript> script, std::string target);
  boost::asio::awaitable<ProbeResult> probe(ProbeContext context) override;

 private:
  net::Net net_;
  std::shared_ptr<const TcpScript> script_;
  std::string target_;
};

}  // namespace sluice::exporters::tcp
