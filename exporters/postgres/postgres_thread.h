#pragma once
// The one thread on which all PostgreSQL connections live.
//
// libpq computes the SCRAM password hash inside PQconnectPoll, 3 ms of CPU for each connection. On the state
// thread that would delay every other probe; here it delays only its own kind. Nothing on this thread ever
// waits for a peer.

#include <boost/asio/any_io_executor.hpp>
#include <memory>

namespace sluice::exporters::postgres {

class PostgresThread {
 public:
  // Also removes libpq's PG* variables (PGPASSWORD, PGOPTIONS, PGSERVICE, ...) from the environment: what a
  // probe does is said by its configuration and nothing else. Therefore make it before other threads read the
  // environment, and after the configuration has taken from it what it wants.
  PostgresThread();
  // Stops; what was under way is dropped, its connections are closed. Before it goes, whoever awaits a probe
  // must not run any more.
  ~PostgresThread();
  PostgresThread(const PostgresThread&) = delete;
  PostgresThread& operator=(const PostgresThread&) = delete;

  boost::asio::any_io_executor executor();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::exporters::postgres
