#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/exposition/parse.h"
#include "tests/support/suites.h"

namespace sluice::exposition {
namespace {

Result<std::vector<ParsedFamily>> parsed(std::string_view text) {
  std::vector<ParsedFamily> families;
  const Result<void> result =
      parse_openmetrics(text, [&](ParsedFamily family) { families.push_back(std::move(family)); });
  if (!result) return result.error();
  return families;
}

TEST(OpenMetricsParserTest, gives_the_verdicts_of_the_public_suite) {
  SLUICE_REQUIRE_SUITE(suite, "openmetrics");
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(suite)) {
    if (!entry.is_directory()) continue;
    const std::string verdict = support::read_file(entry.path() / "test.json");
    const bool should_parse = verdict.find("\"shouldParse\": true") != std::string::npos;
    ASSERT_TRUE(should_parse || verdict.find("\"shouldParse\": false") != std::string::npos) << entry.path();
    const auto result = parsed(support::read_file(entry.path() / "metrics"));
    EXPECT_EQ(result.has_value(), should_parse)
        << entry.path() << (result ? "" : ": " + result.error().message);
    ++cases;
  }
  EXPECT_GE(cases, 60u);
}

TEST(OpenMetricsParserTest, reads_families_with_everything_they_may_have) {
  const auto families = parsed(
      "# TYPE a_seconds counter\n"
      "# UNIT a_seconds seconds\n"
      "# HELP a_seconds He\\\\l\\np \\\"x\\\" \\z\n"
      "a_seconds_total{l=\"v\\\"\\\\\\n\\z\",m=\"\"} 1.5 1700000000.101 # {id=\"x # }\"} 0.5 12\n"
      "a_seconds_created 1e9 1700000000.101\n"
      "# TYPE h histogram\n"
      "h_bucket{le=\"-1.0\"} 1\n"
      "h_bucket{le=\"+Inf\"} 2\n"
      "plain -Inf\n"
      "# EOF\n");
  // The two samples of the counter differ in labels, so they are two metrics.
  ASSERT_TRUE(families.has_value()) << families.error().message;
  ASSERT_EQ(families->size(), 3u);
  const ParsedFamily& a = (*families)[0];
  EXPECT_EQ(a.name, "a_seconds");
  EXPECT_EQ(a.type, "counter");
  EXPECT_EQ(a.unit, "seconds");
  EXPECT_EQ(a.help, "He\\l\np \"x\" \\z");
  ASSERT_EQ(a.samples.size(), 2u);
  EXPECT_EQ(a.samples[0].name, "a_seconds_total");
  EXPECT_EQ(a.samples[0].labels, (Labels{{"l", "v\"\\\n\\z"}}));
  EXPECT_EQ(a.samples[0].at, from_unix_ms(1700000000101));
  ASSERT_TRUE(a.samples[0].exemplar.has_value());
  EXPECT_EQ(a.samples[0].exemplar->labels, (Labels{{"id", "x # }"}}));
  EXPECT_EQ(a.samples[0].exemplar->value, 0.5);
  EXPECT_EQ((*families)[1].samples.size(), 2u);
  EXPECT_EQ((*families)[2].type, "unknown");
}

TEST(OpenMetricsParserTest, keeps_milliseconds_of_timestamps_exactly) {
  const std::pair<const char*, int64_t> cases[] = {
      {"1700000000.101", 1700000000101},
      {"0.0", 0},
      {"000", 0},
      {"1.5e3", 1500000},
      {"-1.1", -1100},
      {"1.1", 1100},
      {"0.999999", 999},
      {"1700000000", 1700000000000},
      {"+3.", 3000},
      {"-0.25", -250},
  };
  for (const auto& [text, ms] : cases) {
    const auto families = parsed("a 1 " + std::string(text) + "\n# EOF\n");
    ASSERT_TRUE(families.has_value()) << text << families.error().message;
    EXPECT_EQ((*families)[0].samples[0].at, from_unix_ms(ms)) << text;
  }
  EXPECT_TRUE(parsed("a 1 12345678901234567890.1234567890\n# EOF\n").has_value());
}

TEST(OpenMetricsParserTest, accepts) {
  for (const char* text : {
           "# EOF",
           "# TYPE a summary\na_count 1\na_sum 2\na{quantile=\"0.5\"} 0.7\na{quantile=\"1\"} NaN\n# EOF\n",
           "# TYPE a gaugehistogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 3\na_gcount 3\na_gsum "
           "-5\n# EOF\n",
           "# TYPE a info\na_info{x=\"1\"} 1 1\na_info{x=\"2\"} 1 0\n# EOF\n",
           "# TYPE a stateset\na{a=\"on\"} 0\na{a=\"off\"} 1.0\n# EOF\n",
           "# HELP a \n# UNIT a \n# EOF\n",
           "a{x=\"1\"} 1 0.0000000000\na{x=\"1\"} 2 0.0000000001\na{x=\"1\"} 3 0.000000001\n# EOF\n",
           "# TYPE a histogram\na_bucket{x=\"1\",le=\"+Inf\"} 1\na_bucket{x=\"2\",le=\"+Inf\"} 1\n# EOF\n",
           "a{} +Inf\n# EOF\n",
           "a inf\nb -INFINITY\nc nan\nd .5\ne 1.\n# EOF\n",
           "a:b 1\n# EOF\n",
           "# TYPE a counter\na_total 1\n# TYPE b gauge\nb 1\n# EOF\n",
       }) {
    const auto result = parsed(text);
    EXPECT_TRUE(result.has_value()) << text << (result ? "" : result.error().message);
  }
}

struct Refusal {
  const char* text;
  const char* message;
};

TEST(OpenMetricsParserTest, refuses_with_the_line_and_the_reason) {
  const Refusal cases[] = {
      {"", "line 0: # EOF is missing at the end"},
      {"a 1\n", "line 1: # EOF is missing at the end"},
      {"a 1\n# EOF\n\n", "line 3: there is text after # EOF"},
      {"a 1\n\n# EOF\n", "line 2: blank line"},
      {" a 1\n# EOF\n", "line 1: expected a metric name"},
      {"a{a=\"1\",} 1\n# EOF\n", "line 1: expected a label name"},
      {"a{a=\"1\"b=\"2\"} 1\n# EOF\n", "line 1: expected , or } after a label"},
      {"a{a=\"1} 1\n# EOF\n", "line 1: expected the value of label a in double quotes"},
      {"a{a:b=\"1\"} 1\n# EOF\n", "line 1: expected = after the label name a"},
      {"a{__name__=\"1\"} 1\n# EOF\n", "line 1: the label __name__ is reserved"},
      {"a{a=\"1\"}1\n# EOF\n", "line 1: expected a space before the value"},
      {"a\n# EOF\n", "line 1: expected a space before the value"},
      {"a \n# EOF\n", "line 1: expected a number as the value"},
      {"a  1\n# EOF\n", "line 1: expected a number as the value"},
      {"a 0x1\n# EOF\n", "line 1: expected a number as the value"},
      {"a 1_0\n# EOF\n", "line 1: expected a number as the value"},
      {"a 1\r\n# EOF\n", "line 1: expected a number as the value"},
      {"a 1 \n# EOF\n", "line 1: expected an exemplar or the end of the line"},
      {"a 1 Inf\n# EOF\n", "line 1: expected a timestamp in seconds"},
      {"a 1 1 \n# EOF\n", "line 1: expected an exemplar or the end of the line"},
      {"a 1 1 1\n# EOF\n", "line 1: expected an exemplar or the end of the line"},
      {"a\xff 1\n# EOF\n", "line 1: not valid UTF-8"},
      {"# TYPE a\n# EOF\n", "line 1: TYPE: expected a metric name and a space"},
      {"# TYPE a gauge \n# EOF\n", "line 1: \"gauge \" is not a metric type"},
      {"# TYPE a untyped\n# EOF\n", "line 1: \"untyped\" is not a metric type"},
      {"#TYPE a gauge\n# EOF\n", "line 1: a line that starts with # must be HELP, TYPE, UNIT or EOF"},
      {"# TYPE a gauge\na 1\n# HELP a x\n# EOF\n", "line 3: HELP of a after its samples"},
      {"# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "line 2: second TYPE for a"},
      {"# UNIT a_s s\n# UNIT a_s s\n# EOF\n", "line 2: second UNIT for a_s"},
      {"# UNIT a seconds\n# EOF\n", "line 2: the unit seconds is not the suffix of the name a"},
      {"# TYPE x_u info\n# UNIT x_u u\n# EOF\n", "line 3: x_u: a metric of type info has no unit"},
      {"a 1\nb 1\na 2\n# EOF\n", "line 4: the name a is already taken by another metric"},
      {"# TYPE a counter\n# TYPE a_total gauge\n# EOF\n",
       "line 3: the name a_total is already taken by another metric"},
      {"# TYPE a counter\na 1\n# EOF\n", "line 3: the name a is already taken by another metric"},
      {"a 1\na 1\n# EOF\n", "line 2: duplicate sample"},
      {"a 1 1\na 2\n# EOF\n", "line 2: some samples of this metric have timestamps and others have none"},
      {"a 0 -1\na 0 -1.1\n# EOF\n", "line 2: timestamps go back"},
      {"a{x=\"1\"} 1\na{x=\"2\"} 1\na{x=\"1\"} 1\n# EOF\n",
       "line 3: samples of one metric do not stand together"},
      {"# TYPE a stateset\na 0\n# EOF\n", "line 2: a stateset needs a label with its own name"},
      {"# TYPE a stateset\na{a=\"x\"} 2\n# EOF\n", "line 2: a stateset is 0 or 1"},
      {"# TYPE a info\na_info 2\n# EOF\n", "line 2: an info metric is 1"},
      {"# TYPE a summary\na{quantile=\"1.01\"} 0\n# EOF\n",
       "line 2: a summary's sample needs a label quantile between 0 and 1"},
      {"# TYPE a summary\na{quantile=\"0.5\"} -1\n# EOF\n", "line 2: a quantile cannot be negative"},
      {"# TYPE a summary\na_count 0.5\n# EOF\n", "line 2: a count must be a whole number"},
      {"# TYPE a counter\na_total -1\n# EOF\n", "line 2: a value that counts cannot be negative"},
      {"# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 1\na_gsum NaN\n# EOF\n",
       "line 3: a value that counts cannot be NaN"},
      {"# TYPE a histogram\na_bucket 0\n# EOF\n", "line 2: a bucket needs a label le with a number"},
      {"# TYPE a histogram\na_bucket{le=\"Inf\"} 0\n# EOF\n",
       "line 2: a bucket needs a label le with a number"},
      {"# TYPE a histogram\na_bucket{le=\"1\"} 0\n# EOF\n", "line 3: a: the +Inf bucket is missing"},
      {"# TYPE a histogram\na_bucket{le=\"2\"} 0\na_bucket{le=\"1\"} 0\n# EOF\n",
       "line 3: a: buckets are out of order"},
      {"# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n# EOF\n",
       "line 3: a: bucket values go down"},
      {"# TYPE a histogram\na_count 1\na_bucket{le=\"+Inf\"} 0\n# EOF\n",
       "line 4: a: the count is not the value of the +Inf bucket"},
      {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 0\na_sum 0\n# EOF\n",
       "line 4: a: there is a _sum but no _count"},
      {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 0\na_count 0\n# EOF\n",
       "line 4: a: there is a count but no sum"},
      {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 0.5\n# EOF\n", "line 2: a count must be a whole number"},
      {"a 1 # {} 1\n# EOF\n", "line 1: only buckets and counters have exemplars"},
      {"# TYPE a counter\na_total 1 #\n# EOF\n", "line 2: expected an exemplar's labels after #"},
      {"# TYPE a counter\na_total 1 # {}1\n# EOF\n", "line 2: expected a space before the exemplar's value"},
      {"# TYPE a counter\na_total 1 # {} x\n# EOF\n", "line 2: expected a number as the exemplar's value"},
      {"# TYPE a counter\na_total 1 # {} 1 x\n# EOF\n", "line 2: expected the exemplar's timestamp"},
      {"# TYPE a counter\na_total 1 # {} 1 1 \n# EOF\n",
       "line 2: expected the end of the line behind the exemplar"},
  };
  for (const Refusal& c : cases) {
    const auto result = parsed(c.text);
    ASSERT_FALSE(result.has_value()) << c.text;
    EXPECT_EQ(result.error().message, c.message) << c.text;
  }
}

TEST(OpenMetricsParserTest, bounds_lines_labels_and_samples) {
  const auto refusal = [](std::string_view text, const ParseLimits& limits) {
    const Result<void> result = parse_openmetrics(text, [](const ParsedFamily&) {}, limits);
    return result ? std::string("accepted") : result.error().message;
  };
  EXPECT_EQ(refusal("abcdef 1\n# EOF\n", {.line_bytes_max = 5}), "line 1: the line is too long");
  EXPECT_EQ(refusal("a{b=\"1\",c=\"2\"} 1\n# EOF\n", {.labels_max = 1}), "line 1: too many labels");
  EXPECT_EQ(refusal("a 1\nb 1\n# EOF\n", {.samples_max = 1}), "more than 1 samples");
}

TEST(LoadOpenMetricsTest, fills_a_store) {
  store::SampleStore store;
  const auto loaded = load_openmetrics(
      "# TYPE a gauge\na{x=\"1\"} 1 10\na{x=\"1\"} 2 25.5\na{x=\"2\"} 7 10\n# TYPE c counter\nc_total 3 "
      "1.001\n# EOF\n",
      store);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(*loaded, 4u);
  EXPECT_EQ(store.newest(*store.find({{"__name__", "a"}, {"x", "1"}})), (Sample{from_unix_ms(25500), 2}));
  EXPECT_EQ(store.newest(*store.find({{"__name__", "c_total"}})), (Sample{from_unix_ms(1001), 3}));
}

TEST(LoadOpenMetricsTest, refuses_samples_without_a_time_and_what_does_not_parse) {
  store::SampleStore store;
  EXPECT_EQ(load_openmetrics("a 1 1\nb 1\n# EOF\n", store).error().message,
            "line 2: a sample without a timestamp cannot be loaded");
  EXPECT_EQ(load_openmetrics("a 1 1\n", store).error().message, "line 1: # EOF is missing at the end");
}

TEST(LoadOpenMetricsTest, loads_the_data_of_the_public_queries) {
  SLUICE_REQUIRE_SUITE(suite, "promql_answers");
  store::SampleStore store({.retention = 100000h});
  const auto loaded = load_openmetrics(support::read_file(suite + "data.om"), store);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_GT(*loaded, 30'000u);
  EXPECT_EQ(store.stats().samples, *loaded);
}

}  // namespace
}  // namespace sluice::exposition
