#include "tests/support/redis_server.h"

#include <signal.h>

#include <filesystem>

#include "core/check.h"

namespace sluice::support {

bool RedisServer::available() {
  return std::filesystem::exists("/usr/bin/redis-server");
}

RedisServer::RedisServer(RedisServerOptions options) : options_(std::move(options)) {
  if (options_.tls) make_certificates(folder_.path());
  start();
}

RedisServer::~RedisServer() {
  kill();
}

void RedisServer::start() {
  if (port_ == 0) port_ = free_port();
  std::string text = "bind 127.0.0.1\nsave \"\"\ndaemonize no\ndir " + folder_.path() + "\n";
  if (options_.tls) {
    text += "port 0\ntls-port " + std::to_string(port_) + "\ntls-cert-file " + folder_.file("server.crt") +
            "\ntls-key-file " + folder_.file("server.key") + "\ntls-ca-cert-file " + folder_.file("ca.crt") +
            "\ntls-auth-clients no\n";
  } else {
    text += "port " + std::to_string(port_) + "\n";
  }
  for (const std::string& line : options_.settings) text += line + "\n";
  write_file(folder_.file("redis.conf"), text);
  ProcessOptions how;
  how.output_file = folder_.file("output");
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"/usr/bin/redis-server", folder_.file("redis.conf")}, how);
  SLUICE_CHECK(eventually([&] { return port_answers(port_) || !process_->running(); }),
               "redis-server does not answer");
  SLUICE_CHECK(process_->running(), "redis-server does not start");
}

std::string RedisServer::cli(std::vector<std::string> command) const {
  std::vector<std::string> words = {"redis-cli", "-p", std::to_string(port_)};
  if (options_.tls) words.insert(words.end(), {"--tls", "--cacert", folder_.file("ca.crt")});
  words.insert(words.end(), command.begin(), command.end());
  std::string output = run(words).output;
  while (output.ends_with('\n')) output.pop_back();
  return output;
}

void RedisServer::freeze() {
  process_->signal(SIGSTOP);
}
void RedisServer::thaw() {
  process_->signal(SIGCONT);
}

void RedisServer::kill() {
  if (process_ != nullptr) process_->kill();
}

}  // namespace sluice::support
