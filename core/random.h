#pragma once
// A seeded generator (SplitMix64): small, reproducible everywhere, good enough for jitter and simulations.

#include <cstdint>
#include <string_view>

#include "core/time.h"

namespace sluice {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound); 0 when bound is 0. The bias of the modulus is below 2^-32 for any bound used here.
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // Uniform in [low, high]; `low` when the range is empty.
  Duration between(Duration low, Duration high) {
    if (high <= low) return low;
    return low + Duration(static_cast<int64_t>(below(static_cast<uint64_t>((high - low).count()) + 1)));
  }

 private:
  uint64_t state_;
};

// FNV-1a: stable across processes and releases, so phases and rendezvous choices agree over a fleet.
constexpr uint64_t stable_hash(std::string_view text, uint64_t seed = 14695981039346656037ULL) {
  for (const char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return seed;
}

}  // namespace sluice
