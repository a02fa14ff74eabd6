#pragma once
// What a person may say about health and the gate, with the defaults that hold when nothing is said.
// Plain aggregates: agent/config fills them, validate() judges what a parser cannot.

#include <cstdint>
#include <string>
#include <vector>

#include "core/time.h"

namespace sluice::gate {

// `health:` of a probe job. Source of the counter: HAProxy's rise and fall (health.h).
struct HealthPolicy {
  int rise = 2;              // good probes in a row to be up; 1 to 100
  int fall = 3;              // bad probes in a row to be down; 1 to 100
  Duration fast_interval{};  // while in doubt; zero: the probe's interval
  Duration down_interval{};  // while stably down; zero: the probe's interval

  bool operator==(const HealthPolicy&) const = default;
};

enum class Mode { kEnforce, kShadow };
enum class FlagEncoding { kRaw, kJson, kPickle };

// The lease in Redis that readers look at: present means "do not use".
struct FlagPolicy {
  // "{target}" the target as written, "{instance}" its instance label, "{pool}" the pool; "{{" and "}}" are
  // literal.
  std::string key = "{pool}:disabled:{target}";
  std::string value = "1";
  Duration ttl = 300s;  // at least 1s; renewed after a third of it
  FlagEncoding encoding = FlagEncoding::kRaw;

  bool operator==(const FlagPolicy&) const = default;
};

// Least time disabled: min(base * 2^(n-1), max) at the n-th disabling in a row, plus up to jitter_percent of
// it.
struct DisableTime {
  Duration base = 10s;
  Duration max = 300s;
  Duration decay{};         // healthy time after which one step is forgiven; zero: the probe's interval
  int jitter_percent = 10;  // 0 to 100: members disabled together do not return together

  bool operator==(const DisableTime&) const = default;
};

// Does taking members out help what the pool serves? When the API fails no less after `window` than it did
// before, the member comes back, and nothing more is disabled for `hold`: the cause is elsewhere.
struct EfficacyPolicy {
  std::string job;        // the probe job of the pool's API; empty: not judged
  Duration window = 60s;  // from disabling to judgement; at least two intervals of that job
  Duration hold = 600s;

  bool operator==(const EfficacyPolicy&) const = default;
};

// `upstream:` of a probe job.
struct PoolPolicy {
  std::string pool;
  FlagPolicy flag;
  Mode mode = Mode::kEnforce;

  // The budget. At most floor(size * max_disabled_percent / 100) members are disabled at a time, and at least
  // min_available stay enabled: with 50 %, one of two, one of three, two of four; of a single member none.
  int max_disabled_percent = 50;  // 0 to 100
  int min_available = 1;          // at least 0

  DisableTime disable_time;
  EfficacyPolicy efficacy;

  // Votes of the fleet. With one agent all of this comes down to its own verdict.
  double eject_ratio = 0.6;    // of the counted votes say down; above 0.5, at most 1
  double release_ratio = 0.5;  // of the counted votes say up; above 1 - eject_ratio, at most 1
  Duration eject_for{};        // a "down" counts for disabling once it has lasted this long
  Duration release_for{};      // an "up" counts for releasing once it has lasted this long
  int min_votes = 1;           // counted votes needed for any decision
  int min_zones = 1;           // zones that these votes, and for disabling the "down" among them, must span
  int vantages = 5;            // agents that probe each target; 0: all of them
  // Probes of each target by the whole fleet, at the normal interval and in doubt; 0: no limit. Fewer agents
  // probe it, and less often while in doubt, rather than more.
  double max_probes_per_second = 0;
  Duration agent_memory = 600s;  // an agent is expected to vote until it has been silent for this long

  // Correlated failure. When members that make up more than this share of the pool (and at least two) began
  // to fail within freeze_window of each other, the cause is probably shared, and nothing new is disabled
  // while it lasts. So too when at least freeze_pools other pools are frozen that way. 100 and 0 turn the
  // rules off.
  int freeze_percent = 50;
  Duration freeze_window = 60s;
  int freeze_pools = 2;

  // After release the weight in the flag climbs from 10 to 100 over this time; needs the json encoding, whose
  // readers look at "weight". Zero: no slow start.
  Duration slow_start{};

  Duration interval = 15s;  // the probe's: one new disabling per pool and interval
  // How long a vote counts after the probe it rests on. Zero: three times the longest of interval, down
  // interval, timeout and 1 s, which Gate::configure fills in; alone, three intervals.
  Duration vote_lifetime{};

  bool operator==(const PoolPolicy&) const = default;
};

// What is wrong with it, one sentence each, naming the key as in the file ("flag.ttl ..."); empty when
// nothing is.
std::vector<std::string> validate(const HealthPolicy& policy);
std::vector<std::string> validate(const PoolPolicy& policy);

}  // namespace sluice::gate
