#pragma once
// The PostgreSQL prober: resolve, connect, authenticate, `SELECT 1` and whether the server would take a
// write; then, when asked for, the statistics. See postgres_session.h for how it treats a server that does
// not answer.

#include <memory>

#include "core/net/net.h"
#include "exporters/postgres/config.h"
#include "exporters/postgres/postgres_target.h"
#include "exporters/probe.h"

namespace sluice::exporters::postgres {

class PostgresSession;

class PostgresProber final : public Prober {
 public:
  // `connections` is the executor of a PostgresThread: the connections live there, names are resolved and
  // results judged on the caller's. Both must outlive the prober's probes.
  PostgresProber(net::Net net, boost::asio::any_io_executor connections, PostgresModule module,
                 PostgresTarget target);
  ~PostgresProber() override;

  boost::asio::awaitable<ProbeResult> probe(ProbeContext context) override;

 private:
  net::Net net_;
  boost::asio::any_io_executor connections_;
  PostgresModule module_;
  PostgresTarget target_;
  std::shared_ptr<PostgresSession> session_;  // touched only on `connections_`
  uint64_t scrapes_ = 0;
};

}  // namespace sluice::exporters::postgres
