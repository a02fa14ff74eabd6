#pragma once
// Silences: "do not tell anybody about alerts like these until then".
//
// A silence is pending before starts_at, active until ends_at, expired afterwards, and forgotten when the
// retention is over. What it matches never changes under its id: to change matchers, or anything of an
// expired silence, ends the old one and begins a new one. Source of the semantics: Alertmanager's silence
// package and API.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/random.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::alerts {

enum class SilenceState { kPending, kActive, kExpired };
std::string_view to_string(SilenceState state);  // "pending", "active", "expired"

struct Silence {
  std::string id;  // a UUID; empty for one that is to be made
  std::vector<Matcher> matchers;
  Timestamp starts_at{};
  Timestamp ends_at{};
  Timestamp updated_at{};
  std::string created_by;
  std::string comment;

  SilenceState state(Timestamp now) const;
  bool matches(const Labels& labels) const;
  bool operator==(const Silence&) const = default;
};

class Silences {
 public:
  explicit Silences(size_t silences_max = 10'000, Duration retention = 120h)
      : silences_max_(silences_max), retention_(retention) {}

  const Silence* find(std::string_view id) const;
  const std::map<std::string, Silence, std::less<>>& all() const { return silences_; }
  // The ids of the active silences that match, sorted.
  std::vector<std::string> silencing(Timestamp now, const Labels& labels) const;

  struct Change {
    std::string id;
    std::vector<Silence> changed;  // what must be journaled: the silence itself and one that it replaced
  };
  // Without an id: a new silence, from now on if starts_at lies in the past. With an id: changes that silence
  // in place if only times, comment or author differ, else ends it and makes a new one.
  Result<Change> set(Timestamp now, Silence silence, Random& random);
  Result<Change> expire(Timestamp now, std::string_view id);
  // Puts a silence back as it was journaled.
  void restore(Silence silence);
  // Forgets what ended longer ago than the retention; returns the ids.
  std::vector<std::string> collect(Timestamp now);
  // When the next silence is to be forgotten.
  std::optional<Timestamp> next_collect() const;

  // Grows whenever any silence may begin or cease to match: a cached answer is good while neither this nor
  // the instant `next_transition` has passed.
  uint64_t version() const { return version_; }
  std::optional<Timestamp> next_transition(Timestamp now) const;

 private:
  void put(Silence silence);

  std::map<std::string, Silence, std::less<>> silences_;
  size_t silences_max_;
  Duration retention_;
  uint64_t version_ = 1;
};

}  // namespace sluice::alerts
