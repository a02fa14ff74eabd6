#include "core/exposition/text_writer.h"

#include <gtest/gtest.h>

namespace sluice::exposition {
namespace {

TEST(TextWriterTest, writes_families_sorted_with_metadata_once) {
  std::string out;
  write(out,
        {{"b",
          MetricType::kHistogram,
          "B.",
          {{"_bucket", {{"le", "1"}}, 2, {}},
           {"_bucket", {{"le", "+Inf"}}, 3, {}},
           {"_sum", {}, 4.5, {}},
           {"_count", {}, 3, {}}}},
         {"a", MetricType::kGauge, "", {{"", {{"__name__", "a"}, {"x", "y"}}, 1, from_unix_ms(1500)}}},
         {"empty", MetricType::kGauge, "Never seen.", {}},
         {"b", MetricType::kGauge, "ignored", {{"_count", {{"x", "1"}}, 0, {}}}}},
        Format::kText);
  EXPECT_EQ(out,
            "# TYPE a gauge\n"
            "a{x=\"y\"} 1 1500\n"
            "# HELP b B.\n"
            "# TYPE b histogram\n"
            "b_bucket{le=\"1\"} 2\n"
            "b_bucket{le=\"+Inf\"} 3\n"
            "b_sum 4.5\n"
            "b_count 3\n"
            "b_count{x=\"1\"} 0\n");
}

TEST(TextWriterTest, writes_openmetrics_with_seconds_and_an_end) {
  std::string out;
  write(out,
        {{"a_total",
          MetricType::kCounter,
          "",
          {{"", {}, 1, from_unix_ms(1500)}, {"", {{"x", "1"}}, 2, from_unix_ms(-250)}}}},
        Format::kOpenMetrics);
  EXPECT_EQ(out, "# TYPE a counter\na_total 1 1.500\na_total{x=\"1\"} 2 -0.250\n# EOF\n");
}

TEST(TextWriterTest, percents_as_quantiles_make_an_unknown_family_in_openmetrics) {
  const auto lines = [](std::string quantile, Format format) {
    std::string out;
    write(
        out,
        std::vector<ExposedFamily>{{"s", MetricType::kSummary, "", {{"", {{"quantile", quantile}}, 1, {}}}}},
        format);
    return out.substr(0, out.find('\n'));
  };
  EXPECT_EQ(lines("99", Format::kOpenMetrics), "# TYPE s unknown");
  EXPECT_EQ(lines("0.99", Format::kOpenMetrics), "# TYPE s summary");
  EXPECT_EQ(lines("99", Format::kText), "# TYPE s summary");
}

TEST(TextWriterTest, groups_points_by_family) {
  static constexpr MetricFamily kUp{"up", MetricType::kGauge, "Up."},
      kDown{"down", MetricType::kGauge, "Down."};
  const std::vector<MetricPoint> points = {{&kUp, {{"a", "1"}}, 1}, {&kDown, {}, 0}, {&kUp, {{"a", "2"}}, 0}};
  std::string out;
  write(out, points, Format::kText);
  EXPECT_EQ(out,
            "# HELP down Down.\n# TYPE down gauge\ndown 0\n# HELP up Up.\n# TYPE up gauge\nup{a=\"1\"} "
            "1\nup{a=\"2\"} 0\n");
}

TEST(TextWriterTest, negotiates_the_format) {
  const std::pair<const char*, Format> cases[] = {
      {"", Format::kText},
      {"*/*", Format::kText},
      {"text/plain", Format::kText},
      {"application/openmetrics-text", Format::kOpenMetrics},
      {"application/openmetrics-text; version=1.0.0; charset=utf-8", Format::kOpenMetrics},
      {"application/openmetrics-text;version=2.0.0", Format::kText},
      // What Prometheus 2.42 sends.
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       Format::kOpenMetrics},
      // And Prometheus 3, which also knows names beyond the classic character set.
      {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
       "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
       "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
       Format::kOpenMetrics},
      {"text/plain, application/openmetrics-text;q=0.5", Format::kText},
      {"application/openmetrics-text;q=0, text/plain;q=0.1", Format::kText},
      {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::kText},
      {"application/openmetrics-text;q=nonsense", Format::kText},
      {",,;;=,", Format::kText},
  };
  for (const auto& [accept, format] : cases) EXPECT_EQ(negotiate(accept), format) << accept;
}

}  // namespace
}  // namespace sluice::exposition
