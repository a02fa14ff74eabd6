#pragma once
// The Redis prober: resolve, connect, TLS, AUTH, PING, ROLE and, where allowed, a write canary; then, when
// asked for, INFO and what else redis_exporter shows. A fresh connection each time, so that nothing can stay
// wedged.
//
// What an ACL forbids beyond AUTH and PING costs its own series and nothing else: the least an agent needs is
// `ACL SETUSER sluice on >password +ping`, and with everything
// `+ping +role +info +config|get +slowlog +latency +select` and, for the canary, `+set +get +del
// ~sluice:canary*`.

#include "core/net/net.h"
#include "core/net/redis_link.h"
#include "exporters/probe.h"
#include "exporters/redis/config.h"
#include "exporters/redis/redis_observation.h"

namespace sluice::exporters::redis {

class RedisProber final : public Prober {
 public:
  // What `net` refers to must outlive the prober's probes.
  RedisProber(net::Net net, RedisModule module, net::RedisUrl target);

  boost::asio::awaitable<ProbeResult> probe(ProbeContext context) override;

 private:
  net::Net net_;
  RedisModule module_;
  net::RedisUrl target_;
  uint64_t scrapes_ = 0;
};

}  // namespace sluice::exporters::redis
