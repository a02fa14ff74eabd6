#include "tests/support/postgres_server.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/check.h"

namespace sluice::support {
namespace {

const std::string kUserName = "postgres";

std::string programs() {
  std::string newest;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    const std::string bin = entry.path().string() + "/bin";
    if (std::filesystem::exists(bin + "/initdb")) newest = std::max(newest, bin);
  }
  return newest;
}

ProcessOptions as_postgres() {
  ProcessOptions options;
  options.user = kUserName;
  options.directory = "/tmp";
  return options;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; in >> child;) children.push_back(child);
  return children;
}

// initdb takes a second, so it is done once for a test program and copied.
const std::string& template_folder() {
  static const TemporaryFolder folder(kUserName);
  static const std::string data = [] {
    const std::string path = folder.file("data");
    const std::string password = folder.file("password");
    write_file(password, std::string(PostgresServer::kPassword) + "\n");
    chmod(password.c_str(), 0644);
    const RunResult made = run({programs() + "/initdb", "-D", path, "-U", kUserName, "-A", "trust", "-E",
                                "UTF8", "--locale=C", "-N", "--no-instructions", "--pwfile", password},
                               as_postgres());
    SLUICE_CHECK(made.status == 0, "initdb failed: " + made.output);
    return path;
  }();
  return data;
}

}  // namespace

bool PostgresServer::available() {
  return !programs().empty();
}

PostgresServer::PostgresServer(PostgresOptions options)
    : options_(std::move(options)), folder_(kUserName), certificates_(kUserName) {
  const std::vector<std::string> copy = {"cp", "-a", template_folder(), data_folder()};
  const std::vector<std::string> replicate = {programs() + "/pg_basebackup",
                                              "-h",
                                              "127.0.0.1",
                                              "-p",
                                              std::to_string(options_.standby_of),
                                              "-U",
                                              kUserName,
                                              "-D",
                                              data_folder(),
                                              "-R",
                                              "-X",
                                              "stream",
                                              "-c",
                                              "fast"};
  const RunResult copied = run(options_.standby_of == 0 ? copy : replicate, as_postgres());
  SLUICE_CHECK(copied.status == 0, "the data folder cannot be made: " + copied.output);
  std::string settings =
      "listen_addresses='127.0.0.1'\nunix_socket_directories=''\nfsync=off\nsynchronous_commit=off\n"
      "shared_buffers=8MB\nautovacuum=off\nmax_wal_senders=2\n";
  if (options_.tls) {
    make_certificates(certificates_.path());
    // PostgreSQL wants to own its key.
    run({"chown", "-R", kUserName, certificates_.path()});
    settings += "ssl=on\nssl_cert_file='" + certificates_.file("server.crt") + "'\nssl_key_file='" +
                certificates_.file("server.key") + "'\n";
  }
  if (options_.standby_of != 0) {
    settings += "primary_conninfo='host=127.0.0.1 user=postgres port=" + std::to_string(options_.standby_of) +
                "'\nwal_retrieve_retry_interval=100ms\n";
  }
  for (const std::string& line : options_.settings) settings += line + "\n";
  write_file(data_folder() + "/postgresql.auto.conf", settings);
  write_file(data_folder() + "/pg_hba.conf", options_.hba + "host all all 127.0.0.1/32 " + options_.auth +
                                                 "\nhost replication all 127.0.0.1/32 trust\n");
  start();
}

PostgresServer::~PostgresServer() {
  thaw();
  kill();
}

void PostgresServer::start_without_waiting() {
  if (port_ == 0) port_ = free_port();
  ProcessOptions options = as_postgres();
  options.output_file = "/dev/null";
  postmaster_ = std::make_unique<Process>(
      std::vector<std::string>{programs() + "/postgres", "-D", data_folder(), "-p", std::to_string(port_)},
      options);
}

void PostgresServer::start() {
  start_without_waiting();
  SLUICE_CHECK(eventually([&] { return ready() || !postmaster_->running(); }), "PostgreSQL does not answer");
  SLUICE_CHECK(postmaster_->running(), "PostgreSQL does not start");
}

bool PostgresServer::ready() const {
  return run({programs() + "/pg_isready", "-h", "127.0.0.1", "-p", std::to_string(port_)}).status == 0;
}

std::string PostgresServer::sql(const std::string& statement, const std::string& database) const {
  ProcessOptions options;
  options.environment = {"PGPASSWORD=" + std::string(kPassword)};
  RunResult result = run({programs() + "/psql", "-h", "127.0.0.1", "-p", std::to_string(port_), "-U",
                          kUserName, "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement},
                         options);
  SLUICE_CHECK(result.status == 0, "psql failed: " + result.output);
  while (result.output.ends_with('\n')) result.output.pop_back();
  return result.output;
}

void PostgresServer::signal_all(int number, bool postmaster) {
  if (postmaster_ == nullptr || !postmaster_->running()) return;
  // The postmaster first, so that it makes no more children while they are counted.
  if (postmaster) postmaster_->signal(number);
  for (const pid_t child : children_of(postmaster_->pid())) ::kill(child, number);
}

void PostgresServer::freeze() {
  signal_all(SIGSTOP, true);
}
void PostgresServer::freeze_children() {
  signal_all(SIGSTOP, false);
}
void PostgresServer::thaw() {
  signal_all(SIGCONT, true);
}

void PostgresServer::kill() {
  if (postmaster_ == nullptr) return;
  signal_all(SIGKILL, true);
  postmaster_->kill();
  // A postmaster that was killed leaves its lock file; the next one would wait for its dead children to be
  // gone.
  std::error_code ignored;
  std::filesystem::remove(data_folder() + "/postmaster.pid", ignored);
}

void PostgresServer::stop() {
  postmaster_->signal(SIGINT);
  SLUICE_CHECK(postmaster_->wait() != -1, "PostgreSQL does not stop");
}

}  // namespace sluice::support
