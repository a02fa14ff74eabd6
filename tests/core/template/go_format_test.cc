#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/template/template.h"

namespace sluice::gotmpl {
namespace {

struct Case {
  const char* format;
  List args;
  const char* expected;
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_EQ(sprintf(c.format, c.args), c.expected) << c.format;
}

TEST(GoFormatTest, prints_integers) {
  check_all({
      {"%d|%5d|%-5d|%05d|%+d|% d", {1, 2, 3, 4, 5, 6}, "1|    2|3    |00004|+5| 6"},
      {"%d %d", {-7, int64_t{INT64_MIN}}, "-7 -9223372036854775808"},
      {"%x %X %#x %o %#o %O %b %c %q %U",
       {255, 255, 255, 8, 8, 8, 5, 65, 65, 0x1f600},
       "ff FF 0xff 10 010 0o10 101 A 'A' U+1F600"},
      {"%.3d|%8.3d|%-8.3d|%08.3d", {7, 7, 7, 7}, "007|     007|007     |     007"},
      {"%x", {-255}, "-ff"},
      {"%06d", {-12}, "-00012"},
      {"%*d|%-*d|%.*d", {5, 1, 4, 2, 3, 7}, "    1|2   |007"},
      {"%v %s", {3, 3}, "3 %!s(int=3)"},
      {"%t", {3}, "%!t(int=3)"},
      {"%f", {3}, "%!f(int=3)"},
  });
}

TEST(GoFormatTest, prints_floats) {
  const double inf = std::numeric_limits<double>::infinity();
  check_all({
      {"%f|%.2f|%8.2f|%-8.2f|%08.2f|%+.1f",
       {1.5, 2.345, 3.14159, 2.5, -2.5, 1.0},
       "1.500000|2.35|    3.14|2.50    |-0002.50|+1.0"},
      {"%e %E %.2e", {123456.789, 0.00012, 5.0}, "1.234568e+05 1.200000E-04 5.00e+00"},
      {"%g %g %g %G", {1e6, 0.0001, 1e-5, 1e-7}, "1e+06 0.0001 1e-05 1E-07"},
      {"%.3g %.4g %.10g %.0g", {1234.5678, 100000.0, 100.0, 5.6}, "1.23e+03 1e+05 100 6"},
      {"%v %v", {0.1, 100.0}, "0.1 100"},
      {"%v %f %5.1f|%+v|%05f", {inf, -inf, std::nan(""), inf, inf}, "+Inf -Inf   NaN|+Inf| +Inf"},
      {"%d", {1.5}, "%!d(float64=1.5)"},
      {"%s", {1.5}, "%!s(float64=1.5)"},
      {"%.0f %.0f %.0f", {0.5, 1.5, 2.5}, "0 2 2"},
      {"%6.2f%%", {99.555}, " 99.56%"},
      {"%x", {1.0}, "0x1p+00"},
  });
}

TEST(GoFormatTest, prints_text) {
  check_all({
      {"%s|%10s|%-10s|%.2s|%5.1s|",
       {"abc", "abc", "abc", "abc", "abc"},
       "abc|       abc|abc       |ab|    a|"},
      {"%q %q %+q %#q",
       {"a\"b\n", "\xc3\xa9\x01\xff", "\xc3\xa9", "raw"},
       "\"a\\\"b\\n\" \"\xc3\xa9\\x01\\xff\" \"\\u00e9\" `raw`"},
      {"%x %X % x %#x", {"hi", "hi", "hi", "hi"}, "6869 6869 68 69 0x6869"},
      {"%5s|%-5s|", {"\xc3\xa9", "\xc3\xa9"}, "    \xc3\xa9|\xc3\xa9    |"},
      {"%d", {"x"}, "%!d(string=x)"},
      {"%v %T %T %T", {"x", "x", 1, 1.5}, "x string int float64"},
  });
}

TEST(GoFormatTest, prints_other_values) {
  check_all({
      {"%t %v %5t|", {true, false, true}, "true false  true|"},
      {"%d", {true}, "%!d(bool=true)"},
      {"%+v %+d", {5, 5}, "5 +5"},
      {"%v %d", {Value::function({}), Value::function({})}, "func %!d(func=func)"},
      {"%v %s %d", {nullptr, nullptr, nullptr}, "<nil> %!s(<nil>) %!d(<nil>)"},
      {"%v %d %s", {Value::list({1, 2}), Value::list({1, 2}), Value::list({"a", "b"})}, "[1 2] [1 2] [a b]"},
      {"%q %5d", {Value::list({"a", "b"}), Value::list({1, 2})}, "[\"a\" \"b\"] [    1     2]"},
      {"%v %T",
       {Value::map({{"b", 1}, {"a", nullptr}}), Value::map({})},
       "map[a:<nil> b:1] map[string]interface {}"},
      {"%v %+v",
       {Value::object({{"A", 1}, {"B", "x"}}), Value::object({{"A", 1}, {"B", "x"}})},
       "{1 x} {A:1 B:x}"},
      {"%v %s %d %T",
       {Duration(1500ms), Duration(2s), Duration(3ns), Duration(1s)},
       "1.5s 2s 3 time.Duration"},
      {"%v", {Value(from_unix_ms(0))}, "1970-01-01 00:00:00 +0000 UTC"},
      {"%#v %#v %#v", {"a", Value::list({1, "x"}), 2.5}, "\"a\" []interface {}{1, \"x\"} 2.5"},
  });
}

TEST(GoFormatTest, says_what_is_wrong_where_go_says_it) {
  check_all({
      {"%d %d", {1}, "1 %!d(MISSING)"},
      {"%d", {1, "x", 2.5}, "1%!(EXTRA string=x, float64=2.5)"},
      {"%", {}, "%!(NOVERB)"},
      {"%5", {}, "%!(NOVERB)"},
      {"%z %!", {1, 2}, "%!z(int=1) %!!(int=2)"},
      {"100%% %s", {"x"}, "100% x"},
      {"%[2]d %[1]d", {1, 2}, "2 1"},
      {"%[3]d", {1, 2}, "%!d(BADINDEX)"},
      {"%[x]d", {1, 2}, "%!d(BADINDEX)"},
      {"%*d", {"x", 1}, "%!(BADWIDTH)1"},
      {"%.*d", {"x", 1}, "%!(BADPREC)1"},
      {"%s", {Value::list({1})}, "[%!s(int=1)]"},
      {"no verbs", {}, "no verbs"},
  });
  EXPECT_LE(sprintf("%999999999d", List{1}).size(), 10'000u);
}

TEST(GoFormatTest, joins_operands_with_spaces_unless_one_is_text) {
  EXPECT_EQ(sprint(List{1, 2, "a", "b", 3, 4.5, nullptr}), "1 2ab3 4.5 <nil>");
}

TEST(GoTimeTest, formats_by_layout) {
  const Time t{from_unix_ms(1704164645006), 0, "UTC"};  // Tuesday 2024-01-02 03:04:05.006 UTC
  const std::pair<const char*, const char*> cases[] = {
      {"2006-01-02T15:04:05Z07:00", "2024-01-02T03:04:05Z"},
      {"2006-01-02T15:04:05.000000000Z07:00", "2024-01-02T03:04:05.006000000Z"},
      {"2006-01-02T15:04:05.999Z07:00", "2024-01-02T03:04:05.006Z"},
      {"Mon Jan _2 15:04:05 2006", "Tue Jan  2 03:04:05 2024"},
      {"Monday, 02-Jan-06 15:04:05 MST", "Tuesday, 02-Jan-24 03:04:05 UTC"},
      {"Mon, 02 Jan 2006 15:04:05 -0700", "Tue, 02 Jan 2024 03:04:05 +0000"},
      {"3:04PM 3:04pm 03 4 5", "3:04AM 3:04am 03 4 5"},
      {"January 2 1 002 __2", "January 2 1 002   2"},
      {"Jan. Janet Monk", "Jan. Janet Monk"},
      {"15h04m", "03h04m"},
      {"05,000", "05,006"},
      {"plain text", "plain text"},
      {".00 .99x", ".00 x"},
  };
  for (const auto& [layout, expected] : cases) EXPECT_EQ(format_time(t, layout), expected) << layout;
  const Time paris{t.at, 5400, "CET"};
  EXPECT_EQ(format_time(paris, "15:04 -07:00 -0700 -07 Z07:00 MST"), "04:34 +01:30 +0130 +01 +01:30 CET");
  EXPECT_EQ(format_time({t.at, -5 * 3600, "EST"}, "2006-01-02 15:04 -0700"), "2024-01-01 22:04 -0500");
}

TEST(GoTimeTest, prints_durations) {
  const std::pair<Duration, const char*> cases[] = {
      {0s, "0s"},
      {1ns, "1ns"},
      {1100ns, "1.1\xc2\xb5s"},
      {2200us, "2.2ms"},
      {3300ms, "3.3s"},
      {4min + 5s, "4m5s"},
      {5h + 6min + 7s + 1ms, "5h6m7.001s"},
      {-90s, "-1m30s"},
      {8min + 1us, "8m0.000001s"},
      {Duration::min(), "-2562047h47m16.854775808s"},
  };
  for (const auto& [duration, expected] : cases) EXPECT_EQ(format_go_duration(duration), expected);
}

}  // namespace
}  // namespace sluice::gotmpl
