#pragma once
// Watches what readers acknowledge (agent/gate/readers.h): one agent per pool does, by rendezvous over the
// live ones.

#include <map>
#include <string>

#include "agent/app/edge.h"
#include "agent/app/gate_loop.h"
#include "agent/gate/readers.h"

namespace sluice::app {

class ReaderWatch {
 public:
  ReaderWatch(Edge& edge, GateLoop& gate_loop) : edge_(edge), gate_loop_(gate_loop), alarm_(edge) {}

  // Until stop().
  boost::asio::awaitable<void> run();
  void stop();
  // Of the pools that this agent watches and that have readers who speak.
  const std::map<std::string, gate::Readers>& pools() const { return pools_; }

 private:
  boost::asio::awaitable<void> look(std::string pool);

  Edge& edge_;
  GateLoop& gate_loop_;
  Wakeup alarm_;
  std::map<std::string, gate::Readers> pools_;
  bool stopping_ = false;
};

}  // namespace sluice::app
