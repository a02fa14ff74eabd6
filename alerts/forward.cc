#include "alerts/forward.h"

#include <algorithm>

#include "alerts/retry.h"
#include "core/check.h"

namespace sluice::alerts {
namespace {

constexpr Backoff kBackoff{.longest = 30s};

}  // namespace

std::optional<Timestamp> Forwarder::next_due() const {
  if (queue_.empty() || !under_way_.empty()) return std::nullopt;
  return paused_until_;
}

void Forwarder::put(const std::vector<Alert>& alerts) {
  for (const Alert& alert : alerts) {
    const auto [place, fresh] = places_.try_emplace(alert.fingerprint());
    if (!fresh) {
      *place->second = alert;
      continue;
    }
    queue_.push_back(alert);
    place->second = std::prev(queue_.end());
  }
  while (queue_.size() > queue_max_) drop_oldest();
}

void Forwarder::drop_oldest() {
  places_.erase(queue_.front().fingerprint());
  queue_.pop_front();
  ++stats_.dropped_total;
}

std::vector<Alert> Forwarder::take(Timestamp now) {
  const auto due = next_due();
  if (!due || *due > now) return {};
  while (!queue_.empty() && under_way_.size() < kForwardBatchMax) {
    places_.erase(queue_.front().fingerprint());
    under_way_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return under_way_;
}

void Forwarder::answered(Timestamp now, Answer answer, std::optional<Duration> retry_after) {
  SLUICE_CHECK(!under_way_.empty(), "an answer without a batch");
  std::vector<Alert> batch;
  batch.swap(under_way_);
  if (answer == Answer::kTaken) {
    failures_ = 0;
    stats_.sent_total += batch.size();
    return;
  }
  stats_.errors_total += batch.size();
  if (answer == Answer::kRefused) {
    failures_ = 0;
    stats_.dropped_total += batch.size();
    return;
  }
  const Duration wait = retry_delay(kBackoff, ++failures_, retry_after, random_);
  paused_until_ = now + std::chrono::ceil<std::chrono::milliseconds>(wait);
  // Back to where they were, except those about which there is a newer word.
  for (auto alert = batch.rbegin(); alert != batch.rend(); ++alert) {
    const auto [place, fresh] = places_.try_emplace(alert->fingerprint());
    if (!fresh) continue;
    queue_.push_front(std::move(*alert));
    place->second = queue_.begin();
  }
  while (queue_.size() > queue_max_) drop_oldest();
}

}  // namespace sluice::alerts
