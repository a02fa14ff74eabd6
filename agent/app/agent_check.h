#pragma once
// HAProxy's agent-check: a server asks, we say whether to use it.
//
//   backend auth
//     default-server check agent-check agent-addr 127.0.0.1 agent-port 9809 agent-inter 1s
//     server auth1 10.0.0.1:443 agent-send "auth https://auth1.example.com\n"
//
// The line is "POOL TARGET" or, where only one pool has it, "TARGET". The answers, of HAProxy's own words:
// "ready up 100%", "ready up 40%" (slow start), "down #why", "drain" (an operator lets it run dry). For what
// we do not know: "ready up 100%", so that what left the configuration is used again.

#include <functional>
#include <string>
#include <string_view>

#include "agent/gate/gate.h"

namespace sluice::app {

// `shared_now` is Redis time as a pool's agents know it: a lease that has run out disables nothing.
std::string agent_check_answer(const gate::Gate& gate, std::string_view line,
                               const std::function<Timestamp(std::string_view pool)>& shared_now);

}  // namespace sluice::app
