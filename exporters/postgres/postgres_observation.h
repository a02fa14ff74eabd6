#pragma once
// What one probe of a PostgreSQL server saw, as plain values: filled in by the I/O, judged by postgres_judge.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/fault.h"
#include "core/time.h"

namespace sluice::exporters::postgres {

// The steps of a probe, in order. kTls is skipped when the connection has none.
enum class Phase { kResolve, kConnect, kTls, kAuthenticate, kQuery };
inline constexpr size_t kPhaseCount = 5;
inline constexpr std::array<std::string_view, kPhaseCount> kPhaseNames = {"resolve", "connect", "tls", "auth",
                                                                          "query"};

struct Failure {
  enum class Kind {
    kFault,       // the name or our own configuration: `fault`
    kTimeout,     // the deadline passed in phase `at`
    kServer,      // the server refused: `sqlstate` and `message`
    kConnection,  // TCP, TLS or the start of the conversation failed, `message` is libpq's
    kProtocol,    // the peer says too much, or what no server says
  };
  Kind kind = Kind::kProtocol;
  Phase at = Phase::kConnect;
  std::string message;   // from the peer or libpq: untrusted until judged
  std::string sqlstate;  // five characters
  net::FaultKind fault = net::FaultKind::kInvalid;

  bool operator==(const Failure&) const = default;
};

// A result set as text; a missing value is SQL's NULL.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;

  // The value, or empty when the row, the column or the value is missing.
  std::optional<std::string_view> get(size_t row, std::string_view column) const;
};

// One group of statistics: its rows, or why there are none.
struct Statistics {
  std::string collector;
  std::optional<Table> table;
  std::string error;
  Duration duration{};
};

struct PostgresObservation {
  std::array<std::optional<Duration>, kPhaseCount> phases;  // empty: did not happen, or did not end
  std::optional<Failure> failure;                           // empty: the health query was answered
  std::string address;                                      // the address spoken to: "127.0.0.1:5432"
  bool answered = false;                                    // at least one byte came back
  bool tls = false;
  bool reused = false;  // no fresh connection: reuse_connection, or one that had been waiting since a hang
  size_t connections_waiting =
      0;  // connections the server has not answered yet, kept instead of opening more

  bool health_complete = false;  // false: the server lacks pg_is_in_recovery(), only SELECT 1 was answered
  bool in_recovery = false;
  bool read_only = false;
  std::string version;  // "PostgreSQL 15.20 (Debian ...) on x86_64..."; empty without statistics
  bool shallow = false;  // the statistics were not to be read this time
  std::vector<Statistics> statistics;
  Duration statistics_duration{};
};

}  // namespace sluice::exporters::postgres
