#pragma once
// One connection to a PostgreSQL server that never blocks: the only code that knows libpq and libpqxx.
//
// libpq makes the connection (PQconnectStart, PQconnectPoll), libpqxx then adopts the finished handle and
// runs the queries through a pipeline that retains nothing. The link itself waits for nothing: it says which
// readiness it wants, and is told when that has come. So a coroutine can watch several links at once, and a
// link whose server has fallen silent can simply be kept until the server moves again.
//
//     link.start(...)            kConnecting --on_ready()--> kIdle --send()--> kQuerying --on_ready()-->
//     kIdle
//                                     \________________________\_____________________\--> kBroken: failure()

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/time.h"
#include "exporters/postgres/postgres_observation.h"

namespace sluice::exporters::postgres {

// libpq's connection parameters, as PQconnectStartParams takes them.
using Parameters = std::vector<std::pair<std::string, std::string>>;

class PostgresLink {
 public:
  enum class State { kConnecting, kIdle, kQuerying, kBroken };
  enum class Readiness { kNone, kRead, kWrite };

  // Begins to connect: a system call or two, no waiting. `host` and `hostaddr` must be given, so that libpq
  // resolves no name.
  PostgresLink(const Parameters& parameters, Instant now);
  // Never blocks, whatever the server does: a query under way is abandoned, not cancelled (libpq's cancel
  // waits for the server; the server ends the query by its statement_timeout).
  ~PostgresLink();
  PostgresLink(const PostgresLink&) = delete;
  PostgresLink& operator=(const PostgresLink&) = delete;

  State state() const;
  Readiness wants() const;
  // The socket to watch. It may be another one after each on_ready(), so nobody may keep it registered across
  // a call.
  int socket() const;
  void on_ready(Instant now);

  // kIdle only. One statement; its outcome is taken by take_result() once the link is kIdle again.
  void send(const std::string& sql, Instant now);
  // The rows, or what the server said against the statement (the link stays usable after a kServer failure).
  struct Outcome {
    std::optional<Table> table;
    std::optional<Failure> failure;
  };
  Outcome take_result();

  const Failure& failure() const;  // kBroken only
  // Where a link that is still connecting has got to.
  Phase phase() const;
  // kConnect, kTls and kAuthenticate as far as they ended.
  const std::array<std::optional<Duration>, kPhaseCount>& phases() const;
  bool established() const;  // the TCP connection stands, so the server knows of us or will
  bool answered() const;     // at least one byte has been received
  bool tls() const;

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

// "FATAL:  28P01: password authentication failed" -> {"28P01", "password authentication failed"}. The
// SQLSTATE is empty when the text has none. The text is libpq's, with verbose errors; only its first line
// counts.
struct ServerMessage {
  std::string sqlstate;
  std::string message;
};
ServerMessage parse_server_message(std::string_view text);

}  // namespace sluice::exporters::postgres
