#include "agent/gate/assign.h"

#include <algorithm>

#include "core/random.h"

namespace sluice::gate {
namespace {

uint64_t score(std::string_view agent, std::string_view target) {
  return Random(stable_hash(agent, stable_hash(target))).next();
}

}  // namespace

std::vector<std::string> choose(std::string_view target, const std::vector<std::string>& live, size_t count) {
  std::vector<std::pair<uint64_t, std::string_view>> scored;
  scored.reserve(live.size());
  for (const std::string& agent : live) scored.emplace_back(score(agent, target), agent);
  const size_t wanted = count == 0 ? scored.size() : std::min(count, scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<ptrdiff_t>(wanted), scored.end(),
                    std::greater<>());
  std::vector<std::string> out;
  out.reserve(wanted);
  for (size_t i = 0; i < wanted; ++i) out.emplace_back(scored[i].second);
  return out;
}

bool is_chosen(std::string_view self, std::string_view target, const std::vector<std::string>& live,
               size_t count) {
  if (std::find(live.begin(), live.end(), self) == live.end()) return false;
  if (count == 0 || live.size() <= count) return true;
  const std::pair own(score(self, target), self);
  const auto better = std::count_if(live.begin(), live.end(), [&](const std::string& agent) {
    return std::pair(score(agent, target), std::string_view(agent)) > own;
  });
  return static_cast<size_t>(better) < count;
}

size_t vantages_within(int wanted, size_t live, Duration interval, double per_second) {
  size_t count = wanted > 0 ? std::min(static_cast<size_t>(wanted), live) : live;
  if (per_second > 0) {
    const double most = std::min(per_second * to_seconds(interval) + 1e-9, 1e9);
    count = std::min(count, static_cast<size_t>(most));
  }
  return std::max<size_t>(count, 1);
}

Duration interval_within(Duration wanted, size_t vantages, double per_second) {
  if (per_second <= 0) return wanted;
  return std::max(wanted, from_seconds(static_cast<double>(vantages) / per_second));
}

Duration fleet_phase(std::string_view self, std::string_view target, const std::vector<std::string>& live,
                     size_t count, Duration interval) {
  const std::vector<std::string> chosen = choose(target, live, count);
  const auto place = std::find(chosen.begin(), chosen.end(), self);
  if (place == chosen.end()) return Duration::zero();
  return interval * (place - chosen.begin()) / static_cast<int64_t>(chosen.size());
}

}  // namespace sluice::gate
