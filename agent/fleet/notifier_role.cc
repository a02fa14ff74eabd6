#include "agent/fleet/notifier_role.h"

#include <algorithm>

namespace sluice::fleet {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kHolder:
      return "holder";
    case Role::kAlone:
      return "alone";
    case Role::kStandby:
      break;
  }
  return "standby";
}

// The instant from which an agent without Redis tells by itself.
Instant NotifierRole::alone_at() const {
  if (ever_heard_ && live_.size() <= 1) return heard_at_;
  const auto place = std::find(live_.begin(), live_.end(), self_) - live_.begin();
  const auto others = static_cast<int64_t>(live_.size()) - 1;
  const Duration step = others > 0 ? std::min(kRankStep, kRankMax / others) : Duration::zero();
  return heard_at_ + kAloneAfter + step * std::min<int64_t>(place, std::max<int64_t>(others, 0));
}

Role NotifierRole::role(Instant now) const {
  if (now < holds_until_) return Role::kHolder;
  return !reachable_ && now >= alone_at() ? Role::kAlone : Role::kStandby;
}

Instant NotifierRole::next_change(Instant now) const {
  if (now < holds_until_) return holds_until_;
  if (!reachable_ && now < alone_at()) return alone_at();
  return Instant::max();
}

NotifierRole::Wish NotifierRole::wish(Instant now) const {
  if (!reachable_) return Wish::kNothing;
  if (mine_) return now < holds_until_ && now < granted_at_ + kRenewAfter ? Wish::kNothing : Wish::kRenew;
  return free_ ? Wish::kTake : Wish::kNothing;
}

void NotifierRole::heard(Instant asked, std::string_view holder, std::vector<std::string> live) {
  heard_at_ = std::max(heard_at_, asked);
  reachable_ = ever_heard_ = true;
  free_ = holder.empty();
  mine_ = holder == self_;
  if (!mine_) lost();
  std::sort(live.begin(), live.end());
  live_ = std::move(live);
}

void NotifierRole::granted(Instant asked) {
  free_ = false;
  mine_ = true;
  granted_at_ = asked;
  holds_until_ = asked + kLease - kLeaseMargin;
}

}  // namespace sluice::fleet
