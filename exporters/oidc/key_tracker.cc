#include "exporters/oidc/key_tracker.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporters/detail.h"

namespace sluice::exporters::oidc {
namespace {

constexpr Duration kWithdrawnMemory = std::chrono::hours(24);
constexpr Duration kFlipMemory = std::chrono::hours(1);

// How long verifiers may go on using what they cached: the server's own word, within what libraries really
// do.
Duration cache_horizon(std::optional<Duration> max_age) {
  return std::clamp<Duration>(max_age.value_or(Duration::zero()), std::chrono::minutes(10),
                              std::chrono::hours(24));
}

}  // namespace

Report KeyTracker::observe(Timestamp now, std::span<const Jwk> signing, std::optional<Duration> max_age) {
  now = std::max(now, last_look_);
  bool changed = false, flipped = false;
  std::vector<const Jwk*> arrived;
  for (Known& known : known_) {
    bool served = std::any_of(signing.begin(), signing.end(), [&](const Jwk& key) {
      return key.kid == known.kid && key.thumbprint == known.thumbprint;
    });
    changed |= served != known.served;
    if (served && !known.served) {
      flipped = true;
      for (const Jwk& key : signing) {
        if (key.kid == known.kid && key.thumbprint == known.thumbprint) arrived.push_back(&key);
      }
    }
    known.served = served;
    if (served) known.last_seen = now;
  }
  const Jwk* newest = nullptr;
  for (const Jwk& key : signing) {
    if (find(key.kid, key.thumbprint)) continue;
    known_.push_back({key.kid, key.thumbprint, now, now, true});
    arrived.push_back(&key);
    changed = true;
    if (!newest) newest = &key;
  }
  if (newest) {
    newest_kid_ = newest->kid;
    newest_thumbprint_ = newest->thumbprint;
  }
  if (!looked_ || changed) stats_.last_change = now;
  if (looked_ && changed) ++stats_.changes;
  if (flipped) {
    ++stats_.flips;
    stats_.last_flip = now;
  }

  Duration horizon = cache_horizon(max_age);
  for (const Jwk* key : arrived) {
    // Without a kid verifiers try every key, so no cache is fooled by new material.
    if (key->kid.empty()) continue;
    bool replaces = std::any_of(known_.begin(), known_.end(), [&](const Known& other) {
      return other.kid == key->kid && other.thumbprint != key->thumbprint && !other.served &&
             now - other.last_seen < horizon;
    });
    if (!replaces) continue;
    std::erase_if(reuses_, [&](const Reuse& reuse) { return reuse.kid == key->kid; });
    reuses_.push_back({key->kid, key->thumbprint, now});
    ++stats_.reuses;
  }
  std::erase_if(reuses_, [&](const Reuse& reuse) {
    const Known* known = find(reuse.kid, reuse.thumbprint);
    return now - reuse.since >= horizon || !known || !known->served;
  });

  Report report;
  for (const Reuse& reuse : reuses_) {
    report.fail(Reason::kJwksKeyReused, fmt::format("kid \"{}\" names another key since {}",
                                                    one_line(reuse.kid, 64), format_rfc3339(reuse.since)));
  }
  if (stats_.last_flip != Timestamp{} && now - stats_.last_flip < kFlipMemory) {
    report.warn(Warning::kKeySetFlips, "a withdrawn key came back: replicas may serve different sets");
  }
  last_look_ = now;
  looked_ = true;
  forget(now);
  return report;
}

const KeyTracker::Known* KeyTracker::find(std::string_view kid, std::string_view thumbprint) const {
  for (const Known& known : known_) {
    if (known.kid == kid && known.thumbprint == thumbprint) return &known;
  }
  return nullptr;
}

const KeyTracker::Known* KeyTracker::newest() const {
  const Known* last_arrived = find(newest_kid_, newest_thumbprint_);
  if (last_arrived && last_arrived->served) return last_arrived;
  // The newest was withdrawn again: of those still served, the one that appeared last, earliest in the
  // document.
  const Known* newest = nullptr;
  for (const Known& known : known_) {
    if (known.served && (!newest || known.first_seen > newest->first_seen)) newest = &known;
  }
  return newest;
}

void KeyTracker::forget(Timestamp now) {
  std::erase_if(
      known_, [&](const Known& known) { return !known.served && now - known.last_seen >= kWithdrawnMemory; });
  while (known_.size() > kKnownMax) {
    auto oldest = known_.end();
    for (auto it = known_.begin(); it != known_.end(); ++it) {
      if (!it->served && (oldest == known_.end() || it->last_seen < oldest->last_seen)) oldest = it;
    }
    if (oldest == known_.end()) return;  // all of them are served, and a set is bounded itself
    known_.erase(oldest);
  }
}

}  // namespace sluice::exporters::oidc
