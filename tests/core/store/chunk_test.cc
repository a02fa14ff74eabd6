#include "core/store/chunk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "core/random.h"

namespace sluice::store {
namespace {

Timestamp at(int64_t ms) {
  return from_unix_ms(ms);
}

struct Coded {
  std::vector<uint8_t> data;
  uint32_t bits = 0;
};

Coded code(const std::vector<Sample>& samples) {
  Coded coded;
  coded.data.assign(samples.size() * (kSampleBitsMax / 8 + 1) + 16,
                    0xaa);  // the coder must not rely on zeros
  CodecState state = first_state(samples.empty() ? Timestamp() : samples[0].at);
  for (const Sample& sample : samples) append_sample(state, sample, coded.data.data(), coded.bits);
  coded.data.resize((coded.bits + 7) / 8);
  return coded;
}

// From behind any sample the rest reads as it does from the beginning.
void check_places(const std::vector<Sample>& samples, const Coded& coded) {
  const auto count = static_cast<uint32_t>(samples.size());
  ChunkReader whole(coded.data, count, samples[0].at);
  Sample sample;
  while (whole.next(sample)) {
    const Restart place = whole.place();
    ASSERT_EQ(place.samples, whole.passed());
    ChunkReader reader(coded.data, count, place);
    for (size_t i = place.samples; i < std::min<size_t>(place.samples + 3, count); ++i) {
      ASSERT_TRUE(reader.next(sample));
      ASSERT_EQ(sample.at, samples[i].at) << "from behind " << place.samples << " samples";
      ASSERT_EQ(std::bit_cast<uint64_t>(sample.value), std::bit_cast<uint64_t>(samples[i].value));
    }
    ASSERT_EQ(reader.next(sample), place.samples + uint32_t{3} < count);
  }
}

// Codes, decodes and compares bit for bit; gives the bits per sample.
double check(const std::vector<Sample>& samples) {
  const Coded coded = code(samples);
  ChunkReader reader(coded.data, static_cast<uint32_t>(samples.size()),
                     samples.empty() ? Timestamp() : samples[0].at);
  Sample sample;
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_TRUE(reader.next(sample));
    EXPECT_EQ(sample.at, samples[i].at) << "sample " << i;
    EXPECT_EQ(std::bit_cast<uint64_t>(sample.value), std::bit_cast<uint64_t>(samples[i].value))
        << "sample " << i << ": " << samples[i].value;
    if (testing::Test::HasFailure()) return 0;
  }
  EXPECT_FALSE(reader.next(sample));
  if (!samples.empty()) check_places(samples, coded);
  return samples.empty() ? 0 : static_cast<double>(coded.bits) / static_cast<double>(samples.size());
}

std::vector<Sample> series(size_t count, const std::function<double(size_t)>& value, int jitter_ms = 0) {
  Random random(5);
  std::vector<Sample> samples;
  for (size_t i = 0; i < count; ++i) {
    const auto jitter =
        jitter_ms == 0 ? 0 : static_cast<int64_t>(random.below(static_cast<uint64_t>(jitter_ms) + 1));
    samples.push_back({at(1'700'000'000'000 + static_cast<int64_t>(i) * 15'000 + jitter), value(i)});
  }
  return samples;
}

TEST(ChunkTest, an_empty_chunk_has_no_samples) {
  check({});
}

TEST(ChunkTest, keeps_every_kind_of_value) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {0.0,
                                      -0.0,
                                      1,
                                      -1,
                                      0.1,
                                      0.001234567,
                                      1e15,
                                      1e16,
                                      9007199254740991,
                                      9007199254740992,
                                      1e300,
                                      -1e300,
                                      5e-324,
                                      inf,
                                      -inf,
                                      std::nan(""),
                                      stale_marker(),
                                      1.0 / 3,
                                      1e-9,
                                      123456789.123456789,
                                      -0.5,
                                      1e21,
                                      1e22,
                                      std::numeric_limits<double>::max(),
                                      std::numeric_limits<double>::denorm_min()};
  for (const double first : values) {
    for (const double second : values)
      check({{at(1), first}, {at(2), second}, {at(3), first}, {at(4), second}, {at(5), second}});
  }
}

TEST(ChunkTest, keeps_every_kind_of_time) {
  for (const int64_t step : {int64_t{1}, int64_t{15'000}, int64_t{1} << 31, int64_t{1} << 40}) {
    for (const int64_t start : {int64_t{0}, int64_t{-1'000'000'000'000}, int64_t{1'700'000'000'123}}) {
      check({{at(start), 1},
             {at(start + step), 1},
             {at(start + 2 * step), 1},
             {at(start + 2 * step + 1), 1},
             {at(start + 5 * step), 1}});
    }
  }
  check({{at(INT64_MIN + 5), 1}, {at(0), 2}, {at(INT64_MAX - 5), 3}});
}

TEST(ChunkTest, a_series_that_does_not_change_takes_two_bits_a_sample) {
  EXPECT_LT(check(series(240, [](size_t) { return 1.0; })), 2.4);
  EXPECT_LT(check(series(240, [](size_t) { return 0.25; })), 2.6);
}

TEST(ChunkTest, decimals_take_a_few_bits_more_than_their_noise) {
  Random random(1);
  // Durations of about a millisecond in whole nanoseconds, with 100 us of noise: 17 bits of it.
  const auto duration = [&](size_t) { return static_cast<double>(1'000'000 + random.below(100'000)) / 1e9; };
  EXPECT_LT(check(series(240, duration)), 22);
  const auto counter = [&, total = 0.0](size_t) mutable {
    return total += static_cast<double>(random.below(100));
  };
  EXPECT_LT(check(series(240, counter)), 12);
}

TEST(ChunkTest, jitter_costs_what_it_says) {
  EXPECT_LT(check(series(240, [](size_t) { return 1.0; }, 3)), 8);
}

TEST(ChunkTest, numbers_that_are_no_decimals_take_no_more_than_their_bits) {
  Random random(2);
  EXPECT_LT(check(series(240, [&](size_t) { return random.unit(); })), 64);
  // Smooth doubles keep their sign, exponent and some leading digits.
  EXPECT_LT(check(series(240, [](size_t i) { return 1 + std::sin(static_cast<double>(i) / 100) / 10; })), 60);
}

TEST(ChunkTest, survives_any_mixture) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<Sample> samples;
    int64_t time = static_cast<int64_t>(random.next() >> 20) * (random.below(2) == 0 ? 1 : -1);
    double value = 0;
    const size_t count = 1 + random.below(300);
    for (size_t i = 0; i < count; ++i) {
      time += 1 + static_cast<int64_t>(random.next() >> (random.below(3) == 0 ? 24 + random.below(40)
                                                                              : 50 + random.below(14)));
      switch (random.below(9)) {
        case 0:
          value = std::bit_cast<double>(random.next());
          break;
        case 1:
          value = random.unit();
          break;
        case 2:
          value = static_cast<double>(static_cast<int64_t>(random.next() >> random.below(64)));
          break;
        case 3:
          value = static_cast<double>(random.below(100'000)) / std::pow(10, random.below(18));
          break;
        case 4:
          value = -value;
          break;
        case 5:
          value += static_cast<double>(random.below(1000));
          break;
        case 6:
          value = random.below(2) == 0 ? stale_marker() : std::numeric_limits<double>::infinity();
          break;
        default:
          break;
      }
      samples.push_back({at(time), value});
    }
    check(samples);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::store
