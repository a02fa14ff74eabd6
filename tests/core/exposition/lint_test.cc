#include "core/exposition/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::exposition {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> said(const std::string& name, const std::string& type, const Labels& labels = {},
                              Format format = Format::kText) {
  ParsedFamily family;
  family.name = name;
  family.type = type;
  family.help = "Helpful.";
  family.samples.push_back({name, labels, 1, {}, {}, 1});
  return lint(family, format);
}

TEST(LintTest, has_nothing_to_say_about_good_metrics) {
  EXPECT_THAT(said("http_requests_total", "counter"), IsEmpty());
  EXPECT_THAT(said("http_request_duration_seconds", "histogram", {{"le", "1"}}), IsEmpty());
  EXPECT_THAT(said("rpc_size_bytes", "summary", {{"quantile", "1"}}), IsEmpty());
  EXPECT_THAT(said("temperature_celsius", "gauge"), IsEmpty());
  EXPECT_THAT(said("http_requests", "counter", {}, Format::kOpenMetrics), IsEmpty());
  EXPECT_THAT(said("x_total", "untyped", {{"le", "1"}}), IsEmpty());
}

TEST(LintTest, names_bad_habits) {
  EXPECT_THAT(said("requests", "counter"), ElementsAre("counter metrics should have \"_total\" suffix"));
  EXPECT_THAT(said("x_total", "gauge"), ElementsAre("non-counter metrics should not have \"_total\" suffix"));
  EXPECT_THAT(said("x_bucket", "gauge", {{"le", "1"}}),
              ElementsAre("non-histogram metrics should not have \"_bucket\" suffix",
                          "non-histogram metrics should not have \"le\" label"));
  EXPECT_THAT(said("x_count", "gauge"),
              ElementsAre("non-histogram and non-summary metrics should not have \"_count\" suffix"));
  EXPECT_THAT(said("x_sum", "gauge", {{"quantile", "1"}}),
              ElementsAre("non-histogram and non-summary metrics should not have \"_sum\" suffix",
                          "non-summary metrics should not have \"quantile\" label"));
  EXPECT_THAT(said("x_milliseconds", "gauge"),
              ElementsAre("use base unit \"seconds\" instead of \"milliseconds\""));
  EXPECT_THAT(said("uptime_hours", "gauge"), ElementsAre("use base unit \"seconds\" instead of \"hours\""));
  EXPECT_THAT(said("x_kibibytes", "untyped"),
              ElementsAre("use base unit \"bytes\" instead of \"kibibytes\""));
  EXPECT_THAT(said("x_gauge", "gauge"), ElementsAre("metric name should not include type 'gauge'"));
  EXPECT_THAT(said("job:x", "gauge"), ElementsAre("metric names should not contain ':'"));
  EXPECT_THAT(said("someMetric", "gauge", {{"someLabel", "1"}}),
              ElementsAre("metric names should be written in 'snake_case' not 'camelCase'",
                          "label names should be written in 'snake_case' not 'camelCase'"));
  EXPECT_THAT(said("x_ms", "gauge"), ElementsAre("metric names should not contain abbreviated units"));
  ParsedFamily bare;
  bare.name = "x";
  bare.type = "gauge";
  EXPECT_THAT(lint(bare, Format::kText), ElementsAre("no help text"));
}

}  // namespace
}  // namespace sluice::exposition
