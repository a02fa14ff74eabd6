#include "agent/app/series_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace sluice::app {
namespace {

using testing::ElementsAre;

constexpr MetricFamily kWell{"well", MetricType::kGauge, "Whether it is well."};
constexpr MetricFamily kReason{"reason", MetricType::kGauge, "Why it is not."};
const Labels kTarget{{"job", "auth"}, {"instance", "a:1"}};

struct Written {
  store::SampleStore store{{.retention = 1h, .series_max = 10}};
  exposition::MetricsPage page;
  SeriesWriter writer{store, page, kTarget};

  std::vector<double> values(std::string_view name) {
    const std::vector<Matcher> by_name{
        *Matcher::make(MatchOp::kEqual, std::string(kMetricName), std::string(name))};
    std::vector<Sample> samples;
    for (const store::SeriesId id : store.select(by_name)) {
      store.read(id, from_unix_ms(0), from_unix_ms(100'000'000), samples);
    }
    std::vector<double> out;
    for (const Sample& sample : samples) out.push_back(is_stale(sample.value) ? -1 : sample.value);
    return out;
  }
};

TEST(SeriesWriterTest, each_probe_writes_its_points_and_that_it_ran) {
  Written w;
  w.writer.write(from_unix_ms(1'000), std::vector<MetricPoint>{{&kWell, {}, 1}});
  w.writer.write(from_unix_ms(2'000), std::vector<MetricPoint>{{&kWell, {}, 0}});
  EXPECT_THAT(w.values("well"), ElementsAre(1, 0));
  EXPECT_THAT(w.values("up"), ElementsAre(1, 1)) << "the probe ran, whatever it found";
  Labels up = kTarget;
  up.set(kMetricName, "up");
  EXPECT_TRUE(w.store.find(up));
}

TEST(SeriesWriterTest, what_is_not_reported_any_more_ends_and_so_does_all_with_the_target) {
  Written w;
  w.writer.write(from_unix_ms(1'000),
                 std::vector<MetricPoint>{{&kWell, {}, 0}, {&kReason, {{"reason", "x"}}, 1}});
  w.writer.write(from_unix_ms(2'000), std::vector<MetricPoint>{{&kWell, {}, 1}});
  EXPECT_THAT(w.values("reason"), ElementsAre(1, -1));
  w.writer.end(from_unix_ms(3'000));
  EXPECT_THAT(w.values("well"), ElementsAre(0, 1, -1));
  EXPECT_THAT(w.values("up"), ElementsAre(1, 1, -1));
}

// The store gives the ids of expired series to others: a target that paused for long must not write into
// those.
TEST(SeriesWriterTest, a_series_that_expired_meanwhile_is_made_anew) {
  Written w;
  w.writer.write(from_unix_ms(1'000), std::vector<MetricPoint>{{&kWell, {}, 1}});
  w.store.expire(from_unix_ms(10'000'000));
  w.store.append(Labels{{std::string(kMetricName), "another"}}, {from_unix_ms(10'000'000), 7});
  w.store.append(Labels{{std::string(kMetricName), "a_third"}}, {from_unix_ms(10'000'000), 7});
  w.writer.write(from_unix_ms(10'001'000), std::vector<MetricPoint>{{&kWell, {}, 0}});
  EXPECT_THAT(w.values("well"), ElementsAre(0));
  EXPECT_THAT(w.values("another"), ElementsAre(7));
  EXPECT_THAT(w.values("a_third"), ElementsAre(7));
}

TEST(SeriesWriterTest, a_series_beyond_the_limit_is_on_the_page_and_counted_as_refused) {
  store::SampleStore store({.retention = 1h, .series_max = 1});
  exposition::MetricsPage page;
  SeriesWriter writer(store, page, kTarget);
  for (int i = 1; i <= 2; ++i) {
    writer.write(from_unix_ms(i * 1'000), std::vector<MetricPoint>{{&kWell, {}, 1}, {&kReason, {}, 1}});
  }
  EXPECT_EQ(store.stats().series, 1u);
  EXPECT_EQ(store.stats().series_refused_total, 4u);
}

}  // namespace
}  // namespace sluice::app
