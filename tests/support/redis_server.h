#pragma once
// A real redis-server in a temporary folder, on a free port of 127.0.0.1, for one test.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace sluice::support {

struct RedisServerOptions {
  bool tls = false;  // then port() speaks TLS only; certificates() holds ca.crt for localhost
  std::vector<std::string> settings;  // lines of redis.conf: "requirepass secret"
};

class RedisServer {
 public:
  static bool available();

  // Returns when the server accepts connections.
  explicit RedisServer(RedisServerOptions options = {});
  ~RedisServer();

  uint16_t port() const { return port_; }
  const std::string& certificates() const { return folder_.path(); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  pid_t pid() const { return process_->pid(); }

  // redis-cli's raw output without the last line end.
  std::string cli(std::vector<std::string> command) const;

  void freeze();
  void thaw();
  void kill();   // SIGKILL
  void start();  // after kill(), on the same port and with the same data

 private:
  RedisServerOptions options_;
  TemporaryFolder folder_;
  uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace sluice::support

#define SLUICE_REQUIRE_REDIS() \
  if (!::sluice::support::RedisServer::available()) GTEST_SKIP() << "skipped: redis-server is not installed"
