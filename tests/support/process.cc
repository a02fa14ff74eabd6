#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "core/check.h"
#include "tests/support/suites.h"

namespace sluice::support {
namespace {

struct Identity {
  bool change = false;
  uid_t uid = 0;
  gid_t gid = 0;
};

Identity identity_of(const std::string& user) {
  if (user.empty() || geteuid() != 0) return {};
  const passwd* entry = getpwnam(user.c_str());
  SLUICE_CHECK(entry != nullptr, "no user named " + user);
  return {true, entry->pw_uid, entry->pw_gid};
}

int exit_status(int raw) {
  return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

}  // namespace

Process::Process(std::vector<std::string> command, ProcessOptions options) {
  SLUICE_CHECK(!command.empty(), "a command has a name");
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const Identity identity = identity_of(options.user);
  const std::string output = options.output_file.empty() ? "/dev/null" : options.output_file;
  for (std::string& variable : options.environment) {
    SLUICE_CHECK(variable.find('=') != std::string::npos, "an environment entry is NAME=value");
  }
  pid_ = fork();
  SLUICE_CHECK(pid_ >= 0, "fork failed");
  if (pid_ == 0) {
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int in = open("/dev/null", O_RDONLY);
    const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    for (int fd = 3; fd < 1024; ++fd) close(fd);
    if (identity.change &&
        (setgroups(0, nullptr) != 0 || setgid(identity.gid) != 0 || setuid(identity.uid) != 0)) {
      _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the change of user, which clears it
    if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
    for (std::string& variable : options.environment) putenv(variable.data());
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  setpgid(pid_, pid_);
}

Process::~Process() {
  kill();
}

bool Process::running() {
  if (reaped_) return false;
  int raw = 0;
  if (waitpid(pid_, &raw, WNOHANG) == pid_) {
    reaped_ = true;
    status_ = exit_status(raw);
  }
  return !reaped_;
}

void Process::signal(int number) {
  if (running()) ::kill(pid_, number);
}

void Process::signal_group(int number) {
  ::kill(-pid_, number);
}

int Process::wait(std::chrono::milliseconds limit) {
  return eventually([&] { return !running(); }, limit) ? status_ : -1;
}

void Process::kill() {
  ::kill(-pid_, SIGKILL);
  if (reaped_) return;
  int raw = 0;
  while (waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  status_ = exit_status(raw);
}

RunResult run(std::vector<std::string> command, ProcessOptions options, std::chrono::milliseconds limit) {
  const TemporaryFolder folder;
  options.output_file = folder.file("output");
  const std::string name = command.empty() ? "" : command[0];
  // The file is opened before the child changes its user, so the folder may stay ours.
  Process process(std::move(command), options);
  RunResult result;
  result.status = process.wait(limit);
  SLUICE_CHECK(result.status != -1, name + " did not end in time");
  SLUICE_CHECK(result.status != 127, name + " cannot be executed");
  result.output = read_file(options.output_file);
  return result;
}

namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

uint16_t free_port() {
  // Below the range of outgoing connections, so that none of those takes it before its server does.
  static std::random_device random;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto port = static_cast<uint16_t>(20000 + random() % 12000);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (bound) return port;
  }
  SLUICE_CHECK(false, "no free port");
}

bool port_answers(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TemporaryFolder::TemporaryFolder(const std::string& owner) {
  std::string pattern = "/tmp/sluice-test-XXXXXX";
  SLUICE_CHECK(mkdtemp(pattern.data()) != nullptr, "cannot make a folder in /tmp");
  path_ = pattern;
  const Identity identity = identity_of(owner);
  if (identity.change) SLUICE_CHECK(chown(path_.c_str(), identity.uid, identity.gid) == 0, "chown failed");
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  SLUICE_CHECK(out.good(), "cannot write " + path);
}

void make_certificates(const std::string& folder) {
  const auto openssl = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    ProcessOptions options;
    options.directory = folder;
    const RunResult result = run(arguments, options);
    SLUICE_CHECK(result.status == 0, "openssl failed: " + result.output);
  };
  write_file(folder + "/server.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
           "2", "-subj", "/CN=sluice test CA", "-keyout", "ca.key", "-out", "ca.crt"});
  openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
           "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"});
  openssl({"x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
           "-days", "2", "-extfile", "server.ext", "-out", "server.crt"});
  chmod((folder + "/server.key").c_str(), 0600);
}

}  // namespace sluice::support
