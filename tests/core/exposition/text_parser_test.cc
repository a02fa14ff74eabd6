#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/exposition/parse.h"
#include "core/exposition/text_writer.h"
#include "tests/support/suites.h"

namespace sluice::exposition {
namespace {

Result<std::vector<ParsedFamily>> parsed(std::string_view text) {
  std::vector<ParsedFamily> families;
  const Result<void> result =
      parse_text(text, [&](ParsedFamily family) { families.push_back(std::move(family)); });
  if (!result) return result.error();
  return families;
}

TEST(TextParserTest, reads_the_format_with_all_its_freedoms) {
  const auto families = parsed(
      "# a comment\n"
      "\n"
      "#\tHELP  a \tHe\\\\l\\np \"x\"\n"
      "  # TYPE a   counter  \n"
      "a { l = \"v\\\"\\\\\\n\" , m=\"\", } 1.5e3 \t 1700000000101 \n"
      "a 2\n"
      "b NaN\n"
      "a{z=\"1\"} +Inf\n"
      "# TYPE h histogram\n"
      "h_bucket{le=\"1\"} 1\n"
      "h_bucket{le=\"+Inf\"} 2\n"
      "h_sum 3\n"
      "h_count 2\n"
      "# TYPE \"my.name\" gauge\n"
      "{\"my.name\",\"a b\"=\"c\"} 1\n"
      "{\"my.name\"} 2\n");
  ASSERT_TRUE(families.has_value()) << families.error().message;
  ASSERT_EQ(families->size(), 4u);
  const ParsedFamily& a = (*families)[0];
  EXPECT_EQ(a.help, "He\\l\np \"x\"");
  EXPECT_EQ(a.type, "counter");
  ASSERT_EQ(a.samples.size(), 3u);
  EXPECT_EQ(a.samples[0].labels, (Labels{{"l", "v\"\\\n"}}));
  EXPECT_EQ(a.samples[0].value, 1500);
  EXPECT_EQ(a.samples[0].at, from_unix_ms(1700000000101));
  EXPECT_EQ((*families)[1].type, "untyped");
  EXPECT_EQ((*families)[2].samples.size(), 4u);
  EXPECT_EQ((*families)[3].samples[0].labels, (Labels{{"a b", "c"}}));
}

TEST(TextParserTest, refuses_with_the_line_and_the_reason) {
  const std::pair<const char*, const char*> cases[] = {
      {"a 1", "line 1: the last line does not end with a newline"},
      {"a\n", "line 1: expected a value or labels after the metric name \"a\""},
      {"a \n", "line 1: expected float as value, got \"\""},
      {"0a 1\n", "line 1: invalid metric name"},
      {"a-b 1\n", "line 1: expected a value or labels after the metric name \"a\""},
      {"a 1 1.5\n", "line 1: expected integer as timestamp, got \"1.5\""},
      {"a 1 1 1\n", "line 1: spurious text after the timestamp"},
      {"a 0x1p-3\n", "line 1: expected float as value, got \"0x1p-3\""},
      {"a 1_2\n", "line 1: expected float as value, got \"1_2\""},
      {"a{1=\"x\"} 1\n", "line 1: invalid label name"},
      {"a{b} 1\n", "line 1: expected '=' after label name \"b\""},
      {"a{b=c} 1\n", "line 1: expected the value of label \"b\" in double quotes"},
      {"a{b=\"\\q\"} 1\n", "line 1: expected the value of label \"b\" in double quotes"},
      {"a{b=\"1\" c=\"2\"} 1\n", "line 1: expected ',' or '}' after a label"},
      {"a{b=\"1\",,c=\"2\"} 1\n", "line 1: invalid label name"},
      {"a{b=\"1\",b=\"2\"} 1\n", "line 1: duplicate label name \"b\""},
      {"a{__name__=\"b\"} 1\n", "line 1: label name \"__name__\" is reserved"},
      {"{a=\"b\"} 1\n", "line 1: a sample without a metric name"},
      {"a 1\na 1\n", "line 2: duplicate sample of \"a\""},
      {"# HELP a x\n# HELP a y\n", "line 2: second HELP line for metric name \"a\""},
      {"a 1\n# TYPE a gauge\n",
       "line 2: second TYPE line for metric name \"a\", or TYPE reported after samples"},
      {"# TYPE a meh\n", "line 1: unknown metric type \"meh\""},
      {"# TYPE a gauge x\n", "line 1: unexpected text after the metric type"},
      {"# TYPE\n", "line 1: invalid metric name after TYPE"},
      {"# HELP 1a x\n", "line 1: invalid metric name after HELP"},
      {"# HELP a \\q\n", "line 1: invalid escape sequence in HELP"},
      {"# TYPE a histogram\na_bucket 1\n", "line 2: expected float as value for 'le' label"},
      {"# TYPE a summary\na{quantile=\"x\"} 1\n", "line 2: expected float as value for 'quantile' label"},
      {"a{b=\"\xff\"} 1\n", "line 1: not valid UTF-8"},
  };
  for (const auto& [text, message] : cases) {
    const auto result = parsed(text);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().message, message) << text;
  }
}

TEST(TextParserTest, reads_what_real_exporters_write) {
  SLUICE_REQUIRE_SUITE(suite, "golden");
  for (const auto& entry : std::filesystem::directory_iterator(suite)) {
    if (entry.path().extension() != ".prom") continue;
    const auto families = parsed(support::read_file(entry.path()));
    ASSERT_TRUE(families.has_value()) << entry.path() << ": " << families.error().message;
    EXPECT_FALSE(families->empty());
  }
}

// What we write, in both formats, is what we read.
TEST(TextParserTest, both_formats_survive_a_round_trip) {
  const std::vector<ExposedFamily> written = {
      {"c_total",
       MetricType::kCounter,
       "C \\ \n \"q\"",
       {{"", {{"l", "a\"b\\c\nd"}}, 3, from_unix_ms(1500)}}},
      {"g", MetricType::kGauge, "G", {{"", {}, -0.25, {}}, {"", {{"x", "y"}}, 1e300, {}}}},
      {"h",
       MetricType::kHistogram,
       "H",
       {{"_bucket", {{"le", "1"}}, 1, {}},
        {"_bucket", {{"le", "+Inf"}}, 2, {}},
        {"_sum", {}, 3, {}},
        {"_count", {}, 2, {}}}},
      {"old_counter", MetricType::kCounter, "", {{"", {}, 4, {}}}},
  };
  for (const Format format : {Format::kText, Format::kOpenMetrics}) {
    std::string text;
    write(text, written, format);
    std::vector<ParsedFamily> read;
    const auto sink = [&](ParsedFamily family) { read.push_back(std::move(family)); };
    const Result<void> result =
        format == Format::kText ? parse_text(text, sink) : parse_openmetrics(text, sink);
    ASSERT_TRUE(result.has_value()) << result.error().message << "\n" << text;
    ASSERT_EQ(read.size(), 4u) << text;
    EXPECT_EQ(read[0].help, written[0].help);
    EXPECT_EQ(read[0].samples[0].name, "c_total");
    EXPECT_EQ(read[0].samples[0].labels, written[0].samples[0].labels);
    EXPECT_EQ(read[0].samples[0].at, from_unix_ms(1500));
    EXPECT_EQ(read[1].samples[1].value, 1e300);
    EXPECT_EQ(read[2].samples.size(), 4u);
    EXPECT_EQ(read[3].samples[0].name, "old_counter");
  }
}

}  // namespace
}  // namespace sluice::exposition
