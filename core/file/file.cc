#include "core/file/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sluice::file {
namespace {

Error failed(std::string_view act, const std::string& path) {
  return unavailable(fmt::format("cannot {} {}: {}", act, path, std::strerror(errno)));
}

// Closes on every way out; release() hands the descriptor over to a close whose result matters.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> write_synced(const std::string& path, std::string_view content) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failed("create", path);
  if (auto written = write_all(file.get(), content, path); written.has_error()) return written;
  if (::fsync(file.get()) != 0) return failed("sync", path);
  if (::close(file.release()) != 0) return failed("close", path);
  return {};
}

}  // namespace

Result<std::string> read(const std::string& path, size_t bytes_max) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return failed("read", path);
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > bytes_max)
      return limit_met(fmt::format("{} is larger than {} bytes", path, bytes_max));
  }
}

Result<std::string> read_secret(const std::string& path) {
  constexpr size_t kSecretBytesMax = 64 << 10;
  Result<std::string> text = read(path, kSecretBytesMax);
  if (text.has_value()) {
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  }
  return text;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

Result<void> write_durably(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  if (auto written = write_synced(temporary, content); written.has_error()) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const Error error = failed("replace", path);
    ::unlink(temporary.c_str());
    return error;
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  Descriptor directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) return failed("sync", folder);
  return {};
}

namespace {

Result<void> append_to(const std::string& path, std::string_view content, bool durably) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.valid()) return failed("open", path);
  const off_t before = ::lseek(file.get(), 0, SEEK_END);
  auto written = write_all(file.get(), content, path);
  if (written.has_value() && durably && ::fdatasync(file.get()) != 0) written = failed("sync", path);
  if (written.has_error() && before >= 0 && ::ftruncate(file.get(), before) != 0) {
    return failed("cut back", path);
  }
  return written;
}

}  // namespace

Result<void> append(const std::string& path, std::string_view content) {
  return append_to(path, content, false);
}

Result<void> append_durably(const std::string& path, std::string_view content) {
  return append_to(path, content, true);
}

Result<void> sync(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return failed("open", path);
  if (::fdatasync(file.get()) != 0) return failed("sync", path);
  return {};
}

Result<std::string> set_aside(const std::string& path) {
  const std::string aside = path + ".damaged";
  if (::rename(path.c_str(), aside.c_str()) != 0) return failed("rename", path);
  return aside;
}

Result<void> make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return unavailable(fmt::format("cannot create {}: {}", path, error.message()));
  return {};
}

}  // namespace sluice::file
