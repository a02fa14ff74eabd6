#include "agent/gate/readers.h"

#include <algorithm>
#include <charconv>

namespace sluice::gate {
namespace {

bool read_epoch(const std::string& said, uint64_t& epoch) {
  const char* const begin = said.data();
  const char* const end = begin + said.size();
  const auto [stop, code] = std::from_chars(begin, end, epoch);
  return code == std::errc() && (stop == end || *stop == ' ');
}

}  // namespace

std::vector<std::string> Readers::observe(Instant now, uint64_t epoch,
                                          const std::vector<std::pair<std::string, std::string>>& fields) {
  // After a fail-over that lost writes an epoch may be used again.
  epochs_.erase(epochs_.upper_bound(epoch), epochs_.end());
  epochs_.try_emplace(epoch, now);

  std::vector<std::string> silent;
  std::map<std::string, Reader> heard;
  for (const auto& [name, said] : fields) {
    if (heard.size() >= kReadersMax) break;
    Reader reader{said, now, 0};
    if (!read_epoch(said, reader.epoch)) {
      ++stats_.unreadable;
      silent.push_back(name);
      continue;
    }
    const auto known = readers_.find(name);
    if (known != readers_.end() && known->second.said == said) reader.changed_at = known->second.changed_at;
    if (now - reader.changed_at >= kReaderMemory) {
      silent.push_back(name);
    } else {
      heard.emplace(name, std::move(reader));
    }
  }
  readers_ = std::move(heard);

  stats_.readers = readers_.size();
  stats_.behind = 0;
  stats_.lag = {};
  stats_.slowest.clear();
  uint64_t oldest = epoch;
  for (const auto& [name, reader] : readers_) {
    oldest = std::min(oldest, reader.epoch);
    const auto missed = epochs_.upper_bound(reader.epoch);  // the first one that it does not know
    if (missed == epochs_.end()) continue;
    ++stats_.behind;
    const Duration lag = now - missed->second;
    if (lag < stats_.lag || (lag == stats_.lag && !stats_.slowest.empty())) continue;
    stats_.lag = lag;
    stats_.slowest = name;
  }
  epochs_.erase(epochs_.begin(), epochs_.lower_bound(oldest));
  return silent;
}

}  // namespace sluice::gate
