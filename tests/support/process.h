#pragma once
// Child processes for tests that need the real thing: start, signal, wait, and be sure that nothing is left
// behind.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace sluice::support {

struct ProcessOptions {
  std::string output_file;               // standard output and error, appended; /dev/null when empty
  std::string directory;                 // working directory; inherited when empty
  std::string user;                      // when we are root: become this user first
  std::vector<std::string> environment;  // "NAME=value", added to ours
};

// One child in a process group of its own. The destructor kills the whole group and waits.
class Process {
 public:
  // Aborts the test program when the file cannot be executed at all.
  explicit Process(std::vector<std::string> command, ProcessOptions options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);        // to the child
  void signal_group(int number);  // to the child and its descendants in its group
  // The exit status (128 + signal when killed by one), or -1 when it is still running after `limit`.
  int wait(std::chrono::milliseconds limit = std::chrono::seconds(30));
  void kill();  // SIGKILL to the group, and wait

 private:
  pid_t pid_ = -1;
  int status_ = -1;
  bool reaped_ = false;
};

// Runs to its end; the exit status and all it printed. Aborts when it takes longer than `limit`.
struct RunResult {
  int status = -1;
  std::string output;
};
RunResult run(std::vector<std::string> command, ProcessOptions options = {},
              std::chrono::milliseconds limit = std::chrono::seconds(60));

// A TCP port of 127.0.0.1 that was free a moment ago.
uint16_t free_port();
bool port_answers(uint16_t port);  // somebody accepts connections on 127.0.0.1:port

// Polls until the condition holds; false when it did not within the limit.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(30));

// A fresh folder below /tmp, removed with everything in it. Owned by `owner` when given and we are root.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& owner = "");
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};
void write_file(const std::string& path, const std::string& text);

// A certificate authority and a server certificate for localhost and 127.0.0.1 in `folder`: ca.crt,
// server.crt, server.key (mode 0600).
void make_certificates(const std::string& folder);

}  // namespace sluice::support
