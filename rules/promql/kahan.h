#pragma once
// Kahan summation in Neumaier's variant: the running error of a sum of floats is carried along, so that
// 1 + 1e100 + 1 - 1e100 is 2. Results agree with Prometheus to the bit only if every sum is done this way.

#include <cmath>

namespace sluice::promql {

struct KahanSum {
  double sum = 0;
  double error = 0;

  void add(double value) {
    const double next = sum + value;
    if (std::isinf(next)) {
      error = 0;
    } else if (std::abs(sum) >= std::abs(value)) {
      error += (sum - next) + value;
    } else {
      error += (value - next) + sum;
    }
    sum = next;
  }
  double total() const { return sum + error; }
};

// A mean that stays direct (sum over count) until the sum would overflow, and goes on incrementally from
// there.
class KahanMean {
 public:
  void add(double value) {
    count_ += 1;
    if (count_ == 1) {
      state_ = {value, 0};
      return;
    }
    if (!incremental_) {
      KahanSum next = state_;
      next.add(value);
      if (!std::isinf(next.sum)) {
        state_ = next;
        return;
      }
      incremental_ = true;
      state_ = {state_.sum / (count_ - 1), state_.error / (count_ - 1)};
    }
    const double q = (count_ - 1) / count_;
    state_ = {q * state_.sum, q * state_.error};
    state_.add(value / count_);
  }
  double mean() const { return incremental_ ? state_.total() : state_.sum / count_ + state_.error / count_; }
  bool empty() const { return count_ == 0; }

 private:
  KahanSum state_;  // of the sum, or of the mean once incremental
  double count_ = 0;
  bool incremental_ = false;
};

}  // namespace sluice::promql
