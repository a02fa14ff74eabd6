#pragma once
// Is this upstream well, as far as this one agent can see?
//
// HAProxy's counter: one integer walks from 0 to rise + fall - 1, and the upstream is up while it stands at
// rise or above. A bad probe takes one step down, and once below rise falls to 0; a good probe takes one step
// up, and once at rise jumps to the top. So `fall` bad probes in a row take an upstream down, one good probe
// in between restores the full margin, and coming up needs `rise` good ones without a failure between them.
//
//   rise 2, fall 3:   4 (up) -bad-> 3 -bad-> 2 -good-> 4 -bad-> 3 -bad-> 2 -bad-> 0 (down) -good-> 1 -bad-> 0
//
// Unlike HAProxy, an upstream that was never probed is neither up nor down but unknown until `rise` good or
// `fall` bad probes in a row have come: an agent that has just started must not vote on a guess. A probe that
// tells nothing (our own failure, a skipped run) does not come here at all.

#include <optional>
#include <string>
#include <string_view>

#include "agent/gate/config.h"
#include "core/time.h"

namespace sluice::gate {

enum class Verdict { kUnknown, kUp, kDown };
std::string_view to_string(Verdict verdict);  // "unknown", "up", "down"

// How often to look; the scheduler's Pace by another name, so that deciding about health needs no scheduler.
enum class Attention { kNormal, kFast, kSlow };

struct Transition {
  Verdict from = Verdict::kUnknown;
  Verdict to = Verdict::kUnknown;
  std::string reason;  // of the probe that made it: "connect_refused"; "ok" on the way up

  bool operator==(const Transition&) const = default;
};

class Health {
 public:
  explicit Health(const HealthPolicy& policy = {}) : policy_(policy) {}

  Verdict verdict() const { return verdict_; }
  Instant since() const { return since_; }      // of the verdict; Instant{} while unknown
  Instant last_probe() const { return last_; }  // Instant{} before the first
  bool last_failed() const { return last_failed_; }
  const std::string& reason() const { return reason_; }  // of the last probe
  Attention attention() const;

  // One probe has ended. Returns the change of verdict, if there was one. Instants must not go backwards.
  std::optional<Transition> observe(Instant now, bool good, std::string_view reason);
  // New thresholds; the verdict stays, the margin starts full.
  void set_policy(const HealthPolicy& policy);

 private:
  HealthPolicy policy_;
  Verdict verdict_ = Verdict::kUnknown;
  int counter_ = 0;   // HAProxy's health once the verdict is known
  int in_a_row_ = 0;  // while unknown: good probes in a row, or bad ones as a negative number
  Instant since_{};
  Instant last_{};
  bool last_failed_ = false;
  std::string reason_;
};

}  // namespace sluice::gate
