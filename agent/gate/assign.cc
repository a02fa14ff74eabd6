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

Duration fleet_phase(std::string_view self, std::string_view target, const std::vector<std::string>& live,
                     size_t count, Duration interval) {
  const std::vector<std::string> chosen = choose(target, live, count);
  const auto place = std::find(chosen.begin(), chosen.end(), self);
  if (place == chosen.end()) return Duration::zero();
  return interval * (place - chosen.begin()) / static_cast<int64_t>(chosen.size());
}

}  // namespace sluice::gate
