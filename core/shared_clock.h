#pragma once
// Redis's time as an agent knows it between two looks: the last answer of TIME plus monotonic time since.
// Half the round trip is its error; the agent's own wall clock does not matter at all.

#include "core/time.h"

namespace sluice {

class SharedClock {
 public:
  bool known() const { return known_; }
  // Redis's time at the monotonic instant `now`. Before the first answer: the epoch.
  Timestamp at(Instant now) const {
    return known_ ? shared_ + std::chrono::floor<std::chrono::milliseconds>(now - local_) : Timestamp{};
  }
  // TIME was asked at `asked`, answered `time` at `answered`.
  void learn(Instant asked, Instant answered, Timestamp time) {
    known_ = true;
    local_ = asked + (answered - asked) / 2;
    shared_ = time;
  }

 private:
  bool known_ = false;
  Instant local_{};
  Timestamp shared_{};
};

}  // namespace sluice
