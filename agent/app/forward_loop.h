#pragma once
// Sends alerts on to the Alertmanagers of `alerting.alertmanagers`. Each has a queue and a coroutine of its
// own: one that hangs delays nobody.

#include <memory>
#include <vector>

#include "agent/app/edge.h"
#include "agent/config/config.h"
#include "alerts/forward.h"
#include "core/net/http_pool.h"

namespace sluice::app {

class ForwardLoop {
 public:
  explicit ForwardLoop(Edge& edge) : edge_(edge) {}

  // Alertmanagers that are in both configurations keep what waits for them.
  void configure(const config::Config& config);
  void take_alerts(const std::vector<Alert>& alerts);
  void stop();
  // Nothing waits, or is under way.
  bool idle() const;

  struct View {
    std::string name;
    const alerts::Forwarder& forwarder;
  };
  std::vector<View> views() const;

 private:
  struct Lane;
  boost::asio::awaitable<void> run(std::shared_ptr<Lane> lane);
  boost::asio::awaitable<void> send(Lane& lane, std::vector<Alert> batch);

  Edge& edge_;
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::shared_ptr<net::HttpPool> connections_;  // of this configuration
};

}  // namespace sluice::app
