#include "core/time.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/random.h"

namespace sluice {
namespace {

TEST(DurationTest, reads_prometheus_durations) {
  const std::pair<const char*, Duration> cases[] = {
      {"0", 0s},
      {"0s", 0s},
      {"0w", 0s},
      {"324ms", 324ms},
      {"3s", 3s},
      {"5m", 5min},
      {"1h", 1h},
      {"4d", 96h},
      {"4d1h", 97h},
      {"14d", 336h},
      {"3w", 504h},
      {"3w2d1h", 553h},
      {"10y", 87600h},
      {"1h30m", 90min},
      {"1m5ms", 1min + 5ms},
      {"1y1w1d1h1m1s1ms", 8760h + 168h + 24h + 1h + 1min + 1s + 1ms},
      {"007s", 7s},
      {"292y", 24h * 365 * 292},
  };
  for (const auto& [text, duration] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(*parsed, duration) << text;
  }
}

TEST(DurationTest, refuses_what_prometheus_refuses) {
  for (const char* text : {"1",       "1y1m1d",   "-1w",  "1.5d",  "d",   "294y", "200y10400w",
                           "107675d", "2584200h", "1s1s", "1ms1s", " 1s", "1s ",  "1 s",
                           "1S",      "1us",      "1mm",  "s1",    "+1s", "1h30", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_EQ(parse_duration("").error().message, "empty duration string");
  EXPECT_EQ(parse_duration("1x").error().message, "not a valid duration string: \"1x\"");
  EXPECT_EQ(parse_duration("294y").error().message, "duration out of range");
}

TEST(DurationTest, prints_as_prometheus_does) {
  const std::pair<Duration, const char*> cases[] = {
      {0s, "0s"},      {324ms, "324ms"},       {3s, "3s"},     {5min, "5m"},        {1h, "1h"},
      {96h, "4d"},     {97h, "4d1h"},          {336h, "2w"},   {192h, "8d"},        {504h, "3w"},
      {553h, "23d1h"}, {87600h, "10y"},        {90s, "1m30s"}, {1h + 1ms, "1h1ms"}, {-90s, "-1m30s"},
      {999us, "0s"},   {8760h + 1h, "365d1h"},
  };
  for (const auto& [duration, text] : cases) EXPECT_EQ(format_duration(duration), text);
}

TEST(DurationTest, what_is_printed_reads_back) {
  Random random(9);
  for (int i = 0; i < 20000; ++i) {
    const Duration d = std::chrono::milliseconds(random.next() >> (21 + random.below(43)));
    if (d < 0s) continue;
    ASSERT_EQ(parse_duration(format_duration(d)).value(), d);
  }
}

TEST(DurationTest, prints_for_people_with_two_units) {
  const std::pair<Duration, const char*> cases[] = {
      {0s, "0ms"},        {340ms, "340ms"},      {2500ms, "2.5s"}, {2s, "2s"},
      {59990ms, "59.9s"}, {4min + 12s, "4m12s"}, {5min, "5m"},     {3h + 5min + 59s, "3h5m"},
      {52h, "2d4h"},      {48h, "2d"},           {-90s, "-1m30s"}, {400 * 24h, "400d"},
  };
  for (const auto& [duration, text] : cases) EXPECT_EQ(format_human(duration), text);
  EXPECT_EQ(format_human(Duration::min()), "-106751d23h");
}

TEST(DurationTest, from_seconds_rounds_and_saturates) {
  EXPECT_EQ(from_seconds(1.5), 1500ms);
  EXPECT_EQ(from_seconds(-0.001), -1ms);
  EXPECT_EQ(from_seconds(1e-9), 1ns);
  EXPECT_EQ(from_seconds(std::nan("")), 0s);
  EXPECT_EQ(from_seconds(1e300), Duration::max());
  EXPECT_EQ(from_seconds(-std::numeric_limits<double>::infinity()), Duration::min());
}

TEST(TimestampTest, prints_and_reads_rfc3339) {
  const std::pair<int64_t, const char*> cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {1769860800250, "2026-01-31T12:00:00.25Z"},
      {951782400000, "2000-02-29T00:00:00Z"},
      {-1, "1969-12-31T23:59:59.999Z"},
      {-62167219200000, "0000-01-01T00:00:00Z"},
      {253402300799999, "9999-12-31T23:59:59.999Z"},
      {1, "1970-01-01T00:00:00.001Z"},
  };
  for (const auto& [ms, text] : cases) {
    EXPECT_EQ(format_rfc3339(from_unix_ms(ms)), text);
    EXPECT_EQ(parse_rfc3339(text).value(), from_unix_ms(ms)) << text;
  }
  EXPECT_EQ(format_rfc3339(Timestamp::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(format_rfc3339(Timestamp::min()), "0000-01-01T00:00:00Z");
}

TEST(TimestampTest, reads_offsets_and_fractions) {
  const std::pair<const char*, int64_t> cases[] = {
      {"2026-01-31T12:00:00+01:00", 1769857200000},      {"2026-01-31T12:00:00-05:30", 1769880600000},
      {"2026-01-31T12:00:00.123456789Z", 1769860800123}, {"2026-01-31t12:00:00z", 1769860800000},
      {"2026-01-31 12:00:00Z", 1769860800000},
  };
  for (const auto& [text, ms] : cases) EXPECT_EQ(parse_rfc3339(text).value(), from_unix_ms(ms)) << text;
}

TEST(TimestampTest, refuses_what_is_no_time) {
  for (const char* text :
       {"", "2026", "2026-01-31", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:60Z", "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00ZZ", "2026-1-31T12:00:00Z", "x026-01-31T12:00:00Z",
        "2026-01-31T12:00:00+24:00", "2026-00-10T12:00:00Z", "2026-01-00T12:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sluice
