#include "agent/gate/health.h"

#include <algorithm>

namespace sluice::gate {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kUp:
      return "up";
    case Verdict::kDown:
      return "down";
    case Verdict::kUnknown:
      break;
  }
  return "unknown";
}

Attention Health::attention() const {
  if (verdict_ == Verdict::kDown && counter_ == 0) return Attention::kSlow;
  if (verdict_ == Verdict::kUp && counter_ == policy_.rise + policy_.fall - 1) return Attention::kNormal;
  return Attention::kFast;
}

std::optional<Transition> Health::observe(Instant now, bool good, std::string_view reason) {
  last_ = now;
  last_failed_ = !good;
  reason_ = reason;

  const Verdict before = verdict_;
  if (verdict_ == Verdict::kUnknown) {
    in_a_row_ = good ? std::max(in_a_row_, 0) + 1 : std::min(in_a_row_, 0) - 1;
    if (in_a_row_ >= policy_.rise) {
      verdict_ = Verdict::kUp;
      counter_ = policy_.rise + policy_.fall - 1;
    } else if (-in_a_row_ >= policy_.fall) {
      verdict_ = Verdict::kDown;
      counter_ = 0;
    }
  } else if (good) {
    if (++counter_ >= policy_.rise) counter_ = policy_.rise + policy_.fall - 1;
    if (counter_ >= policy_.rise) verdict_ = Verdict::kUp;
  } else {
    if (--counter_ < policy_.rise) counter_ = 0;
    if (counter_ < policy_.rise) verdict_ = Verdict::kDown;
  }
  if (verdict_ == before) return std::nullopt;
  since_ = now;
  return Transition{before, verdict_, reason_};
}

void Health::set_policy(const HealthPolicy& policy) {
  if (policy == policy_) return;
  policy_ = policy;
  counter_ = verdict_ == Verdict::kUp ? policy.rise + policy.fall - 1 : 0;
  in_a_row_ = 0;
}

}  // namespace sluice::gate
