#include "core/store/sample_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "core/random.h"

namespace sluice::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Timestamp at(int64_t seconds) {
  return from_unix_ms(seconds * 1000);
}

TEST(SampleStoreTest, reads_are_open_on_the_left_and_closed_on_the_right) {
  SampleStore store;
  const SeriesId id = *store.intern({{"__name__", "up"}, {"job", "a"}});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(store.append(id, {at(i), i * 1.0}), Append::kAppended);

  std::vector<Sample> out;
  store.read(id, at(1), at(3), out);
  EXPECT_THAT(out, ElementsAre(Sample{at(2), 2}, Sample{at(3), 3}));
  EXPECT_EQ(store.latest(id, at(1), at(3)), (Sample{at(3), 3}));
  EXPECT_EQ(store.latest(id, at(4), at(9)), std::nullopt);
  EXPECT_EQ(store.newest(id), (Sample{at(4), 4}));
}

TEST(SampleStoreTest, refuses_samples_that_go_back_in_time_and_counts_them) {
  SampleStore store;
  const Labels labels{{"__name__", "up"}};
  EXPECT_EQ(store.append(labels, {at(10), 1}), Append::kAppended);
  EXPECT_EQ(store.append(labels, {at(10), 1}), Append::kDuplicate);
  EXPECT_EQ(store.append(labels, {at(10), 2}), Append::kOutOfOrder);
  EXPECT_EQ(store.append(labels, {at(9), 1}), Append::kOutOfOrder);
  EXPECT_EQ(store.stats().out_of_order_total, 2u);
  EXPECT_EQ(store.stats().samples, 1u);
}

TEST(SampleStoreTest, refuses_a_series_beyond_the_limit_and_counts_it) {
  SampleStore store({.retention = 1h, .series_max = 1});
  EXPECT_TRUE(store.intern({{"a", "1"}}));
  EXPECT_FALSE(store.intern({{"a", "2"}}));
  EXPECT_EQ(store.append(Labels{{"a", "2"}}, {at(1), 1}), Append::kSeriesLimit);
  EXPECT_EQ(store.stats().series_refused_total, 2u);
}

std::vector<Sample> all(const SampleStore& store, SeriesId id) {
  std::vector<Sample> out;
  store.read(id, Timestamp::min(), Timestamp::max(), out);
  return out;
}

TEST(SampleStoreTest, ends_series_once_and_always_behind_their_newest_sample) {
  SampleStore store;
  const SeriesId a = *store.intern({{"__name__", "up"}, {"instance", "a"}});
  const SeriesId b = *store.intern({{"__name__", "up"}, {"instance", "b"}});
  store.append(a, {at(10), 1});
  store.append(b, {at(10), 1});
  const std::vector<Matcher> only_a = {*Matcher::make(MatchOp::kEqual, "instance", "a")};
  store.end_series(only_a, at(10));
  store.end_series(only_a, at(20));
  ASSERT_THAT(all(store, a), SizeIs(2));
  EXPECT_EQ(all(store, a)[1].at, at(10) + 1ms);
  EXPECT_TRUE(is_stale(all(store, a)[1].value));
  EXPECT_THAT(all(store, b), SizeIs(1));
}

TEST(SampleStoreTest, expires_samples_then_series_and_uses_their_ids_again) {
  SampleStore store({.retention = 1h, .series_max = 10});
  const Labels old_labels{{"__name__", "old"}}, new_labels{{"__name__", "new"}};
  const SeriesId old_id = *store.intern(old_labels);
  const SeriesId kept = *store.intern({{"__name__", "kept"}});
  store.append(old_id, {at(0), 1});
  store.append(kept, {at(0), 1});
  store.append(kept, {at(3600), 2});
  store.append(kept, {at(3700), 3});

  store.expire(at(3600));
  EXPECT_EQ(store.stats().series, 2u) << "a sample as old as the retention is kept";
  const uint64_t generation = store.generation();
  store.expire(at(3601));
  EXPECT_NE(store.generation(), generation);
  EXPECT_EQ(store.find(old_labels), std::nullopt);
  EXPECT_THAT(all(store, kept), ElementsAre(Sample{at(3600), 2}, Sample{at(3700), 3}));
  EXPECT_EQ(store.stats().series_removed_total, 1u);

  EXPECT_EQ(store.intern(new_labels), old_id);
  EXPECT_THAT(all(store, old_id), IsEmpty());
  EXPECT_EQ(store.labels(old_id), new_labels);
  EXPECT_THAT(store.select(std::vector{*Matcher::make(MatchOp::kEqual, "__name__", "old")}), IsEmpty());
}

TEST(SampleStoreTest, a_series_without_samples_goes_with_the_next_expiry) {
  SampleStore store;
  store.intern({{"a", "1"}});
  EXPECT_EQ(store.newest(0), std::nullopt);
  store.expire(at(0));
  EXPECT_EQ(store.stats().series, 0u);
  EXPECT_THAT(store.label_names({}), IsEmpty());
}

TEST(SampleStoreTest, no_matchers_select_everything) {
  SampleStore store;
  store.intern({{"a", "1"}});
  store.intern({});
  EXPECT_THAT(store.select({}), SizeIs(2));
  EXPECT_THAT(store.label_values("a", {}), ElementsAre("1"));
}

TEST(SampleStoreTest, reads_across_many_chunks) {
  SampleStore store({.retention = 100h, .series_max = 10});
  const SeriesId id = *store.intern({{"a", "1"}});
  for (int i = 0; i < 5000; ++i) store.append(id, {at(15 * i), i * 0.001});
  ASSERT_THAT(all(store, id), SizeIs(5000));
  for (const int i : {0, 1, 239, 240, 241, 2500, 4999}) {
    EXPECT_EQ(store.latest(id, at(15 * i - 1), at(15 * i + 14)), (Sample{at(15 * i), i * 0.001}));
  }
  std::vector<Sample> out;
  store.read(id, at(15 * 1000), at(15 * 1500), out);
  EXPECT_THAT(out, SizeIs(500));
  EXPECT_EQ(out.front().at, at(15 * 1001));
  EXPECT_EQ(store.stats().samples, 5000u);
}

// Readers remember places in the open chunk: windows of several lengths, turn by turn, see what they saw
// before.
TEST(SampleStoreTest, windows_that_move_on_read_the_same_whatever_was_read_before) {
  SampleStore store({.retention = 2h, .series_max = 10});
  const SeriesId id = *store.intern({{"a", "1"}});
  Random random(9);
  for (int i = 0; i < 600; ++i) {
    store.append(id, {at(15 * i), random.below(3) == 0 ? 7.0 : random.unit()});
    if (i < 10) continue;
    for (const int window : {1, 20, 70, 20, 4}) {
      std::vector<Sample> out;
      store.read(id, at(15 * (i - window)), at(15 * (i - window / 8)), out);
      const int first = std::max(0, i - window + 1), last = i - window / 8;
      ASSERT_EQ(out.size(), static_cast<size_t>(last - first + 1));
      for (int k = first; k <= last; ++k) ASSERT_EQ(out[static_cast<size_t>(k - first)].at, at(15 * k));
      ASSERT_EQ(*store.latest(id, at(15 * first - 1), at(15 * last)), out.back());
    }
  }
}

// What an HTTP prober writes: mostly constants, a third durations in whole nanoseconds with a tail, on a
// schedule that rounds to the millisecond.
TEST(SampleStoreTest, an_hour_of_probes_takes_two_bytes_a_sample_at_most) {
  constexpr int kTargets = 50, kMetrics = 20, kRounds = 240;
  SampleStore store;
  std::vector<SeriesId> ids;
  for (int target = 0; target < kTargets; ++target) {
    for (int metric = 0; metric < kMetrics; ++metric) {
      ids.push_back(
          *store.intern({{"__name__", "probe_some_metric_" + std::to_string(metric)},
                         {"instance", "https://auth" + std::to_string(target) + ".example.com:8443/health"},
                         {"job", "auth"}}));
    }
  }
  const size_t empty_bytes = store.stats().bytes;
  Random random(4);
  for (int round = 0; round < kRounds; ++round) {
    for (int target = 0; target < kTargets; ++target) {
      const Timestamp when =
          at(15 * round) + std::chrono::milliseconds(target * 300) + (random.below(3) == 0 ? 1ms : 0ms);
      for (int metric = 0; metric < kMetrics; ++metric) {
        const double tail = random.below(20) == 0 ? 3 * random.unit() : 0;
        const double duration = std::floor((1 + 0.15 * random.unit() + tail) * 1e6 * (1 + target)) / 1e9;
        store.append(ids[static_cast<size_t>(target * kMetrics + metric)],
                     {when, metric < 7 ? duration : metric % 3});
      }
    }
  }
  const StoreStats stats = store.stats();
  const double per_sample =
      static_cast<double>(stats.bytes - empty_bytes) / static_cast<double>(stats.samples);
  EXPECT_LE(per_sample, 2.0);
  // Ten times this is an hour of 10,000 series at 15 s.
  EXPECT_LE(stats.bytes * 10, size_t{12} << 20);
  RecordProperty("bytes_per_sample", std::to_string(per_sample));
  std::printf("%.2f bytes a sample beside labels and index; %.2f MiB for 10,000 series\n", per_sample,
              static_cast<double>(stats.bytes) * 10 / (1 << 20));
}

}  // namespace
}  // namespace sluice::store
