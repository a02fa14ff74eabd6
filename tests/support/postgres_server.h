#pragma once
// A real PostgreSQL cluster in a temporary folder, on a free port of 127.0.0.1, for one test.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace sluice::support {

struct PostgresOptions {
  std::string auth = "trust";         // or "scram-sha-256": method for everybody
  bool tls = false;                   // certificates() then holds ca.crt and server.crt for localhost
  std::vector<std::string> settings;  // "max_connections=5"
  std::string hba;                    // lines before the default ones of pg_hba.conf
  uint16_t standby_of = 0;            // port of a running PostgresServer to replicate; 0 for a primary
};

class PostgresServer {
 public:
  static bool available();  // the server's programs are installed
  static constexpr const char* kUser = "postgres";
  static constexpr const char* kPassword = "correct horse";  // of the superuser, whatever the method

  // Returns when the server answers.
  explicit PostgresServer(PostgresOptions options = {});
  ~PostgresServer();  // also when it is stopped or frozen

  uint16_t port() const { return port_; }
  const std::string& certificates() const { return certificates_.path(); }
  std::string data_folder() const { return folder_.file("data"); }

  // psql's unaligned output, without the last line end; aborts when the statement fails.
  std::string sql(const std::string& statement, const std::string& database = "postgres") const;

  // SIGSTOP and SIGCONT to the server and every process it has made.
  void freeze();
  void freeze_children();  // the backends, but not the postmaster
  void thaw();
  void kill();   // SIGKILL, no farewell
  void stop();   // fast shutdown: clients are told
  void start();  // after kill() or stop(), on the same port
  void start_without_waiting();
  bool ready() const;

 private:
  void signal_all(int number, bool postmaster);

  PostgresOptions options_;
  TemporaryFolder folder_;
  TemporaryFolder certificates_;
  uint16_t port_ = 0;
  std::unique_ptr<Process> postmaster_;
};

}  // namespace sluice::support

#define SLUICE_REQUIRE_POSTGRES()                      \
  if (!::sluice::support::PostgresServer::available()) \
  GTEST_SKIP() << "skipped: PostgreSQL is not "        \
                  "installed"
