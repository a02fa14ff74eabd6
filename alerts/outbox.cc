#include "alerts/outbox.h"

#include <algorithm>

#include "core/check.h"

namespace sluice::alerts {
namespace {

// How far behind the head of a queue others are looked for to share its message.
constexpr int kMergeSearchMax = 1000;

}  // namespace

Outbox::Endpoint* Outbox::endpoint(const Integration& integration) {
  std::unique_ptr<Endpoint>& slot = endpoints_[integration.endpoint()];
  if (slot == nullptr) {
    slot = std::make_unique<Endpoint>();
    slot->limit = endpoint_limit(integration);
  }
  return slot.get();
}

void Outbox::put(Endpoint* endpoint, ConversationId id, Timestamp now, Timestamp ready_at,
                 uint64_t merge_key) {
  const auto [at, fresh] = endpoint->queue.insert({ready_at, sequence_++, id, now, merge_key});
  SLUICE_CHECK(fresh && endpoint->places.emplace(id, at).second, "a conversation waits once");
  ++waiting_;
}

void Outbox::remove(Endpoint* endpoint, ConversationId id) {
  const auto place = endpoint->places.find(id);
  if (place == endpoint->places.end()) return;
  endpoint->queue.erase(place->second);
  endpoint->places.erase(place);
  --waiting_;
}

std::optional<Outbox::Turn> Outbox::next(Timestamp now) {
  for (const auto& [name, owned] : endpoints_) {
    Endpoint* endpoint = owned.get();
    if (endpoint->queue.empty() || !endpoint->has_room() || endpoint->open_at() > now) continue;
    const Endpoint::Waiting head = *endpoint->queue.begin();
    if (head.ready_at > now) continue;

    Turn turn{endpoint, {head.id}};
    const bool had_to_wait = head.since < now;
    if (had_to_wait && head.merge_key != 0) {
      int searched = 0;
      for (auto at = std::next(endpoint->queue.begin()); at != endpoint->queue.end(); ++at) {
        const bool full = static_cast<int>(turn.ids.size()) >= endpoint->limit.merge_max;
        if (full || at->ready_at > now || ++searched > kMergeSearchMax) break;
        if (at->merge_key == head.merge_key) turn.ids.push_back(at->id);
      }
    }
    for (const ConversationId id : turn.ids) remove(endpoint, id);
    return turn;
  }
  return std::nullopt;
}

void Outbox::sent(Endpoint* endpoint, Timestamp now) {
  ++endpoint->in_flight;
  ++in_flight_;
  endpoint->spaced_until = now + to_ms(endpoint->limit.spacing);
}

void Outbox::on_answer(Endpoint* endpoint) {
  SLUICE_CHECK(endpoint->in_flight > 0, "an answer without a request");
  --endpoint->in_flight;
  --in_flight_;
  endpoint->failures = 0;
}

bool Outbox::on_failure(Endpoint* endpoint, Timestamp now, std::optional<Duration> retry_after,
                        Random& random) {
  SLUICE_CHECK(endpoint->in_flight > 0, "a failure without a request");
  --endpoint->in_flight;
  --in_flight_;
  const bool lived = endpoint->failures++ == 0;
  const Duration wait = retry_delay(Backoff{}, endpoint->failures, retry_after, random);
  endpoint->paused_until =
      std::max(endpoint->paused_until, now + std::chrono::ceil<std::chrono::milliseconds>(wait));
  return lived;
}

std::optional<Timestamp> Outbox::next_wake() const {
  std::optional<Timestamp> wake;
  for (const auto& [name, endpoint] : endpoints_) {
    if (endpoint->queue.empty() || !endpoint->has_room()) continue;
    const Timestamp at = std::max(endpoint->queue.begin()->ready_at, endpoint->open_at());
    if (!wake || at < *wake) wake = at;
  }
  return wake;
}

void Outbox::shift(std::chrono::milliseconds delta) {
  for (const auto& [name, endpoint] : endpoints_) {
    endpoint->paused_until += delta;
    endpoint->spaced_until += delta;
    std::set<Endpoint::Waiting> moved;
    for (Endpoint::Waiting waiting : endpoint->queue) {
      waiting.ready_at += delta;
      waiting.since += delta;
      endpoint->places[waiting.id] = moved.insert(waiting).first;
    }
    endpoint->queue.swap(moved);
  }
}

void Outbox::forget_idle() {
  std::erase_if(endpoints_, [](const auto& named) {
    return named.second->queue.empty() && named.second->in_flight == 0;
  });
}

}  // namespace sluice::alerts
