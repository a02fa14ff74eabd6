#pragma once
// Do the API servers obey? Readers may say which epoch of a pool they act on, and an agent keeps watch.
//
// A reader writes one field of the pool's hash `<prefix>:{<pool>}:readers` each time it has looked at the
// flags: its name, and "<epoch> <anything>", the epoch as it read it (from `<prefix>:{<pool>}:epoch`, before
// the flags) and something that is different each time, a count or a time. Nobody's clock is believed: a
// reader is silent when its field has not changed for a while, and late when its epoch is behind the one that
// this agent has known for some time. A reader that ends takes its field away; one that dies stays "late" if
// the epoch moves on, which is what should be looked into, and is forgotten after ten minutes.
//
//   epoch 7 since 12:00:00; at 12:00:30 api-1 says "7 991", api-2 says "6 412": 2 readers, 1 behind, lag 30 s

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/time.h"

namespace sluice::gate {

inline constexpr size_t kReadersMax = 10'000;  // of one pool; more are not looked at
inline constexpr Duration kReaderMemory = 600s;
inline constexpr Duration kReadersInterval = 5s;  // how often the hash is looked at

struct ReaderStats {
  size_t readers = 0;       // heard of within kReaderMemory
  size_t behind = 0;        // of these, how many have not acknowledged the epoch
  Duration lag{};           // for how long the slowest of them has been behind
  std::string slowest;      // its name
  uint64_t unreadable = 0;  // fields that made no sense, ever

  bool operator==(const ReaderStats&) const = default;
};

class Readers {
 public:
  // What the hash says, with the pool's epoch as of now. Returns fields to remove: of readers that have been
  // silent for kReaderMemory.
  std::vector<std::string> observe(Instant now, uint64_t epoch,
                                   const std::vector<std::pair<std::string, std::string>>& fields);
  const ReaderStats& stats() const { return stats_; }

 private:
  struct Reader {
    std::string said;
    Instant changed_at{};
    uint64_t epoch = 0;
  };

  std::map<std::string, Reader> readers_;
  std::map<uint64_t, Instant> epochs_;  // when each epoch that somebody may be behind was first seen
  ReaderStats stats_;
};

}  // namespace sluice::gate
