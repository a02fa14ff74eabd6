#include "agent/app/journal_writer.h"

#include <filesystem>

#include "core/file/file.h"

namespace sluice::app {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr size_t kPendingMax = 1 << 20;
constexpr size_t kMuch = 64 << 10;
constexpr Duration kOld = 5s;

}  // namespace

void JournalWriter::configure(const std::string& folder, size_t bytes_max) {
  bytes_max_ = bytes_max;
  const std::string path = folder.empty() || bytes_max == 0 ? "" : folder + "/" + std::string(kJournalFile);
  if (path == path_) return;
  path_ = path;
  if (path_.empty()) return;
  std::error_code none;
  const auto size = fs::file_size(path_, none);
  bytes_ = none ? 0 : static_cast<size_t>(size);
  // A heading in the middle of a file begins anew: who wrote before knew other targets.
  text_.begin();
}

void JournalWriter::add(Timestamp at, std::string_view job, std::string_view instance,
                        std::string_view reason, Duration took) {
  if (path_.empty()) return;
  if (text_.pending() > kPendingMax) {
    ++dropped_;
  } else {
    text_.add(at, job, instance, reason, took);
  }
}

asio::awaitable<void> JournalWriter::write(bool all) {
  const Instant now = edge_.clock.now();
  const bool due = all || text_.pending() > kMuch || now - written_at_ > kOld;
  if (path_.empty() || text_.pending() == 0 || !due || writing_) co_return;
  writing_ = true;
  written_at_ = now;
  const bool full = bytes_ > 0 && bytes_ + text_.pending() > bytes_max_ / 2;
  const std::string path = path_;
  const std::string text = text_.take();
  // The next lines go to the new file, whose reader knows nothing yet.
  if (full) text_.begin();
  Result<void> written{};
  std::function<void()> work = [&] {
    written = file::append_durably(path, text);
    std::error_code ignored;
    if (full) fs::rename(path, path + ".1", ignored);
  };
  co_await on_disk(edge_, std::move(work));
  bytes_ = full ? 0 : bytes_ + text.size();
  if (written.has_error() && !failing_)
    edge_.log.error("cannot write the probe journal", {{"error", written.error().message}});
  failing_ = written.has_error();
  writing_ = false;
}

}  // namespace sluice::app
