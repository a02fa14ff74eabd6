#pragma once
// Which agent of the fleet tells people?
//
// Every agent knows every alert and could tell. One of them holds a lease in the shared Redis and does; the
// others keep their pipelines warm and stand by. The lease is short (6 s) and whoever finds it free takes it,
// for ever: nothing has to be elected, and nobody who failed once has given up. The holder stops a second
// before its lease ends by its own monotonic clock, so two holders never overlap for longer than messages
// are under way.
//
// Redis away is no reason for silence. An agent that has had no answer for 7 s is alone, and tells by itself
// after a delay that grows with its rank among the agents it knew, at most 15 s: duplicates rather than
// silence, but the ones with the lower rank first. The only agent it knew does not wait at all.
//
//   three agents, a holds the lease, Redis goes away at 0s: a stops at about 4s; alone are a at 7s, b at 12s,
//   c at 17s. Redis is back at 20s: one of them takes the lease, all others stand by again.
//
// The obvious other way, an election with a leader that also decides about upstreams, was refused: a paused
// or lonely leader stops everything (PEERS part 5, row 12); here it is only who speaks.

#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace sluice::fleet {

inline constexpr Duration kLease = 6s;
inline constexpr Duration kLeaseMargin = 1s;  // the holder stops so long before its lease ends
inline constexpr Duration kRenewAfter = 2s;
inline constexpr Duration kAloneAfter = 7s;  // without an answer: by now nobody can hold the lease
inline constexpr Duration kRankStep = 5s;
inline constexpr Duration kRankMax = 15s;  // of the last in rank, however many there are

enum class Role {
  kHolder,   // holds the lease and tells
  kStandby,  // does not tell
  kAlone,    // without Redis: tells by itself
};
std::string_view to_string(Role role);  // "holder", "standby", "alone"

class NotifierRole {
 public:
  NotifierRole(std::string self, Instant started) : self_(std::move(self)), heard_at_(started) {}

  // --- queries ---
  Role role(Instant now) const;
  bool may_tell(Instant now) const { return role(now) != Role::kStandby; }
  // When the role changes if nothing more happens; Instant::max() when it does not.
  Instant next_change(Instant now) const;
  enum class Wish { kNothing, kTake, kRenew };
  Wish wish(Instant now) const;

  // --- events ---
  // Redis answered a question that left at `asked`: who holds the lease (empty: nobody), and who lives.
  void heard(Instant asked, std::string_view holder, std::vector<std::string> live);
  // It does not answer.
  void unreachable() { reachable_ = false; }
  // The lease was taken or renewed with a command that left at `asked`.
  void granted(Instant asked);
  // Somebody else has it, or it was given up.
  void lost() { holds_until_ = Instant::min(); }

 private:
  Instant alone_at() const;

  std::string self_;
  Instant heard_at_;  // the last answer, or the start
  bool reachable_ = true;
  bool ever_heard_ = false;
  bool free_ = false;
  bool mine_ = false;  // Redis says so; after a restart before we know of it
  Instant granted_at_ = Instant::min();
  Instant holds_until_ = Instant::min();
  std::vector<std::string> live_;
};

}  // namespace sluice::fleet
