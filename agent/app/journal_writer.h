#pragma once
// Keeps the probe journal (journal.h) on disk, in two files of half the allowed size.

#include <string>
#include <string_view>

#include "agent/app/edge.h"
#include "agent/app/journal.h"

namespace sluice::app {

class JournalWriter {
 public:
  JournalWriter(Edge& edge, std::string agent) : edge_(edge), text_(std::move(agent)) {}

  // An empty folder or a size of 0: nothing is written.
  void configure(const std::string& folder, size_t bytes_max);
  // `reason` is empty when the probe was good. Dropped while a megabyte waits for the disk.
  void add(Timestamp at, std::string_view job, std::string_view instance, std::string_view reason,
           Duration took);
  // Writes what has come, if it is much or some seconds old; with `all` in any case.
  boost::asio::awaitable<void> write(bool all);
  uint64_t dropped() const { return dropped_; }

 private:
  Edge& edge_;
  JournalText text_;
  std::string path_;  // empty: off
  size_t bytes_max_ = 0;
  size_t bytes_ = 0;  // of the file that is written to
  Instant written_at_{};
  uint64_t dropped_ = 0;
  bool failing_ = false;
  bool writing_ = false;
};

}  // namespace sluice::app
