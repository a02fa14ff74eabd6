#pragma once
// Key rotation, as seen from outside over time.
//
// A single look at a key set cannot tell a good rotation from a bad one. The tracker remembers each key by
// its name and its material (kid, thumbprint) and when it was first and last served:
//
//     12:00  {A}        first look: A is as old as our knowledge of it
//     12:05  {A, B}     B appears: one change; B is the newest
//     13:00  {B}        A is withdrawn: one change
//     13:05  {B'}       B' has B's name and other material: every verifier that cached B now rejects every
//     token 13:06  {B}        back again: two replicas that do not agree, a flip
//
// A reused kid stays a problem as long as caches may still hold the former key (the server's own max-age, at
// least ten minutes, at most a day); after that the damage has healed by itself. Two keys of one kid that are
// served side by side are no reuse: judge_jwks speaks about those.
//
// State is bounded: withdrawn keys are forgotten after a day, and the oldest first beyond kKnownMax.

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "core/time.h"
#include "exporters/oidc/jwks.h"

namespace sluice::exporters::oidc {

class KeyTracker {
 public:
  static constexpr size_t kKnownMax = 400;

  struct Known {
    std::string kid;
    std::string thumbprint;
    Timestamp first_seen;
    Timestamp last_seen;
    bool served = false;  // in the latest set
    bool operator==(const Known&) const = default;
  };

  struct Stats {
    uint64_t changes = 0;     // sets that differed from the one before
    uint64_t flips = 0;       // of those, how many brought a withdrawn key back
    uint64_t reuses = 0;      // kids that came to name other material
    Timestamp last_change{};  // of the first look when nothing changed since
    Timestamp last_flip{};    // 0 when there was none
  };

  // A set was fetched at `now` and these are its signing keys. `max_age` is what the server said about
  // caching. Returns kJwksKeyReused problems and kKeySetFlips remarks. Time that runs backwards counts as
  // standing still.
  Report observe(Timestamp now, std::span<const Jwk> signing, std::optional<Duration> max_age);

  const Stats& stats() const { return stats_; }
  // Every remembered key, in the order of first sight.
  const std::vector<Known>& known() const { return known_; }
  // When this key was first served to us; now() of the look that brought it. Null for a key never seen.
  const Known* find(std::string_view kid, std::string_view thumbprint) const;
  // The served key that appeared last; of several, the first in the document. Null before the first look or
  // when the set has no signing key.
  const Known* newest() const;

 private:
  struct Reuse {
    std::string kid;
    std::string thumbprint;  // the new material
    Timestamp since;
  };
  void forget(Timestamp now);

  std::vector<Known> known_;
  std::vector<Reuse> reuses_;
  Stats stats_;
  Timestamp last_look_{};
  std::string newest_kid_, newest_thumbprint_;
  bool looked_ = false;
};

}  // namespace sluice::exporters::oidc
