#pragma once
// The order in which conversations that have something to say may speak to their endpoints.
//
// Each endpoint (a Slack webhook, a PagerDuty key, a URL) has a queue of its own, so a receiver that hangs
// delays nobody but itself. A conversation waits there until it is ready (its own backoff), the endpoint is
// not paused (Retry-After, the endpoint's backoff), its spacing has passed and there is room among the
// requests under way. What had to wait is merged: of a hundred groups that a Slack channel could not take at
// once, twenty at a time share a message.
//
// Example, one message a second: groups A, B, C are put at 0s. A goes at once, B and C together at 1s.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "alerts/retry.h"
#include "core/random.h"
#include "core/time.h"

namespace sluice::alerts {

using ConversationId = uint64_t;

class Outbox {
 public:
  class Endpoint;

  // The endpoint of an integration; made when it is new. Valid until forget_idle().
  Endpoint* endpoint(const Integration& integration);

  // Queues a conversation, not to be sent before `ready_at`. Those with equal `merge_key` may share a
  // message; 0 never shares. It must not be queued already.
  void put(Endpoint* endpoint, ConversationId id, Timestamp now, Timestamp ready_at, uint64_t merge_key);
  void remove(Endpoint* endpoint, ConversationId id);

  struct Turn {
    Endpoint* endpoint = nullptr;
    std::vector<ConversationId> ids;  // no longer queued
  };
  // Whose turn it is now; empty when nobody may speak. Call until empty; after each, sent() if a request
  // leaves.
  std::optional<Turn> next(Timestamp now);
  void sent(Endpoint* endpoint, Timestamp now);

  // The request was answered well enough: the endpoint lives.
  void on_answer(Endpoint* endpoint);
  // It failed; the endpoint is left alone for a while. Returns whether it lived until now.
  bool on_failure(Endpoint* endpoint, Timestamp now, std::optional<Duration> retry_after, Random& random);

  std::optional<Timestamp> next_wake() const;
  size_t waiting() const { return waiting_; }
  size_t in_flight() const { return in_flight_; }
  // Adds `delta` to every time held: the clock was set.
  void shift(std::chrono::milliseconds delta);
  // Drops endpoints with nothing queued or under way.
  void forget_idle();

 private:
  std::map<std::string, std::unique_ptr<Endpoint>> endpoints_;
  size_t waiting_ = 0;
  size_t in_flight_ = 0;
  uint64_t sequence_ = 0;
};

class Outbox::Endpoint {
 private:
  friend class Outbox;
  struct Waiting {
    Timestamp ready_at{};
    uint64_t sequence = 0;
    ConversationId id = 0;
    Timestamp since{};
    uint64_t merge_key = 0;
    bool operator<(const Waiting& o) const {
      return std::tie(ready_at, sequence) < std::tie(o.ready_at, o.sequence);
    }
  };

  bool has_room() const { return in_flight < (failures > 0 ? 1 : limit.in_flight_max); }
  Timestamp open_at() const { return std::max(paused_until, spaced_until); }

  EndpointLimit limit;
  std::set<Waiting> queue;
  std::map<ConversationId, std::set<Waiting>::iterator> places;
  Timestamp paused_until{};
  Timestamp spaced_until{};
  int in_flight = 0;
  int failures = 0;
};

}  // namespace sluice::alerts
