#include "core/store/sample_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Timestamp at(int64_t seconds) { return from_unix_ms(seconds * 1000); }

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

}  // namespace
}  // namespace sluice::store
