#pragma once
// Alerts for an Alertmanager that people already have: what is to be sent to it next, and what became of it.
//
// Senders of alerts repeat themselves: a rule that fires says so every minute, each time with an end a few
// intervals ahead, and repeats a resolve for a quarter of an hour (rules/group.h, as Prometheus does). So
// what waits here is not a list of messages but the latest word about each alert: a queue in which a newer
// word takes the place of the older one. An Alertmanager that was away for an hour gets every alert once, as
// it is then.
//
// Example: A fires, B fires; the Alertmanager is down: the batch {A, B} comes back and is due again after
// half a second, then longer, at most half a minute. A resolves meanwhile: the batch is {A resolved, B}.
//
// Prometheus drops a batch that fails and waits for the next repetition; here it is tried again, because the
// first word of an outage should not be a minute late.

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerts/config.h"
#include "core/alert.h"
#include "core/random.h"

namespace sluice::alerts {

// One entry of `alerting.alertmanagers`: one Alertmanager and how to speak to it.
struct ForwardTarget {
  std::string url;   // of its API: "http://alertmanager:9093/prefix/api/v2/alerts"
  std::string name;  // for people and metrics: without user, password and path
  HttpClientConfig http;
  Duration timeout = 10s;

  bool operator==(const ForwardTarget&) const = default;
};

// Source of the numbers: Prometheus's notifier.
inline constexpr size_t kForwardQueueMax = 10'000;
inline constexpr size_t kForwardBatchMax = 64;

struct ForwardStats {
  uint64_t sent_total = 0;     // alerts that were taken
  uint64_t errors_total = 0;   // alerts in requests that failed, each time
  uint64_t dropped_total = 0;  // alerts given up: the queue was full, or they were refused for good
};

class Forwarder {
 public:
  explicit Forwarder(uint64_t seed, size_t queue_max = kForwardQueueMax)
      : random_(seed), queue_max_(queue_max) {}

  // --- queries ---
  size_t waiting() const { return queue_.size(); }
  const ForwardStats& stats() const { return stats_; }
  // When take() has something; empty while nothing waits or a batch is under way.
  std::optional<Timestamp> next_due() const;

  // --- events in, effects out ---
  // Beyond the limit the oldest are dropped.
  void put(const std::vector<Alert>& alerts);
  // The next batch, oldest first; empty when nothing is due. It must be followed by answered().
  std::vector<Alert> take(Timestamp now);
  enum class Answer { kTaken, kRefused, kFailed };  // kRefused: this batch will never be taken
  void answered(Timestamp now, Answer answer, std::optional<Duration> retry_after = {});

 private:
  void drop_oldest();

  Random random_;
  size_t queue_max_;
  std::list<Alert> queue_;  // oldest first
  std::unordered_map<Fingerprint, std::list<Alert>::iterator> places_;
  std::vector<Alert> under_way_;
  int failures_ = 0;
  Timestamp paused_until_{};
  ForwardStats stats_;
};

}  // namespace sluice::alerts
