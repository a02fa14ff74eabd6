#include "rules/promql/series_notation.h"

#include <gtest/gtest.h>

#include "core/sample.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

std::string values_of(const std::string& text) {
  const auto points = parse_series_values(text);
  if (!points) return points.error().message;
  std::string out;
  for (const SeriesPoint& point : *points) {
    if (!out.empty()) out += ' ';
    if (point.kind == SeriesPoint::Kind::kOmitted) out += '_';
    if (point.kind == SeriesPoint::Kind::kHistogram) out += 'H';
    if (point.kind == SeriesPoint::Kind::kValue)
      out += is_stale(point.value) ? "stale" : go_float(point.value);
  }
  return out;
}

TEST(SeriesNotationTest, expands_sequences) {
  EXPECT_EQ(values_of(""), "");
  EXPECT_EQ(values_of("1 2.5 -3 +4 .5 1e3 NaN Inf -Inf"), "1 2.5 -3 4 0.5 1000 NaN +Inf -Inf");
  EXPECT_EQ(values_of("_ _x3 1"), "_ _ _ _ 1");
  EXPECT_EQ(values_of("7x3"), "7 7 7 7");
  EXPECT_EQ(values_of("0x10"), "0 0 0 0 0 0 0 0 0 0 0");
  EXPECT_EQ(values_of("1+2x3 9-2x3 -1-1x2"), "1 3 5 7 9 7 5 3 -1 -2 -3");
  EXPECT_EQ(values_of("1 stale 2"), "1 stale 2");
  EXPECT_EQ(values_of("{{count:1 sum:2}} {{}}x2 {{sum:1}}+{{sum:1}}x1 3"), "H H H H H H 3");
}

TEST(SeriesNotationTest, says_where_a_sequence_is_wrong) {
  EXPECT_EQ(values_of("1 two"), "1:3: parse error: unexpected \"two\" in series values");
  EXPECT_EQ(values_of("1+2"), "1:4: parse error: unexpected end of input in series values");
  EXPECT_EQ(values_of("1x"), "1:2: parse error: unexpected \"x\" in series values");
  EXPECT_EQ(values_of("1 {{count:1"), "1:5: parse error: unexpected \"count:1\" in series values");
  EXPECT_EQ(values_of("1;2"), "1:2: parse error: unexpected \";2\" in series values");
  const auto many = parse_series_values("0x999999999");
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().kind, ErrorKind::kLimit);
}

TEST(SeriesNotationTest, reads_labels_before_values) {
  const auto series = parse_series("up{job=\"a b\"}  1 0");
  ASSERT_TRUE(series);
  EXPECT_EQ(series->labels, (Labels{{"__name__", "up"}, {"job", "a b"}}));
  EXPECT_EQ(series->points.size(), 2u);
  EXPECT_EQ(parse_series("metric {{count:1}}")->labels, (Labels{{"__name__", "metric"}}));
  EXPECT_EQ(parse_series("{} 1")->labels, Labels());
  EXPECT_FALSE(parse_series("up{job} 1"));
}

}  // namespace
}  // namespace sluice::promql
