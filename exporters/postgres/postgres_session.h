#pragma once
// The connections of one agent to one PostgreSQL server, over all its probes: at most two.
//
// A frozen server still lets its kernel accept connections, and when it thaws it works through all of them. A
// probe that opened a new one every second would add its own outage to the one it watches. So a connection
// the server has not answered is kept when the probe gives up, and the next probe opens one more beside it
// (perhaps only the first was lost); from then on probes wait on those two, until one of them moves and is
// used, or breaks and is replaced.
//
//     probe 1   connects A, no answer: timeout     server knows A
//     probe 2   A still silent, connects B         server knows A, B
//     probe 3   waits on A and B: timeout          server knows A, B
//     thaw      A is answered: probe 4 uses it     B and then A are closed
//
// Connections to a dead host do not stay: TCP keepalive and the user timeout break them after 15 s. A
// connection whose TCP handshake is not through is never kept, since the server knows nothing of it.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/net/address.h"
#include "core/net/clock.h"
#include "exporters/postgres/config.h"
#include "exporters/postgres/postgres_link.h"
#include "exporters/postgres/postgres_target.h"

namespace sluice::exporters::postgres {

// Everything here runs on one executor, that of the PostgresThread.
class PostgresSession {
 public:
  PostgresSession(net::Clock& clock, PostgresModule module, PostgresTarget target);
  ~PostgresSession();

  // One probe after the name has been resolved. Ends by `deadline`. One at a time.
  boost::asio::awaitable<PostgresObservation> probe(std::vector<net::IpAddress> addresses, Instant deadline,
                                                    bool statistics);

 private:
  struct Entry;
  enum class Options { kAll, kWithoutCheckInterval, kNone };

  Parameters parameters(const net::IpAddress& address, const std::string& password, Instant deadline) const;
  boost::asio::awaitable<Entry*> connect(const std::vector<net::IpAddress>& addresses, Instant deadline,
                                         PostgresObservation& seen);
  boost::asio::awaitable<void> ask_health(Entry& entry, Instant deadline, PostgresObservation& seen);
  boost::asio::awaitable<void> ask_statistics(Entry& entry, Instant deadline, PostgresObservation& seen);
  boost::asio::awaitable<Statistics> ask_group(Entry& entry, std::string name, std::string sql,
                                               Instant deadline);
  boost::asio::awaitable<std::optional<PostgresLink::Outcome>> ask(Entry& entry, std::string sql,
                                                                   Instant deadline);
  bool retry_with_fewer_options(const Failure& failure);
  void describe(const Entry& entry, PostgresObservation& seen) const;
  void forget(const Entry* entry);

  net::Clock& clock_;
  PostgresModule module_;
  PostgresTarget target_;
  Options options_ = Options::kAll;  // what this server, or the pooler before it, has accepted so far
  std::vector<std::unique_ptr<Entry>> entries_;
  struct Kept {
    Table table;
    Instant until{};
  };
  std::map<std::string, Kept> kept_;  // answers of custom queries, by name
};

}  // namespace sluice::exporters::postgres
