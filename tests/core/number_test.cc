#include "core/number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "core/random.h"

namespace sluice {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Layout {
  double value;
  const char *json, *f, *g;
};

// The three columns were printed by Go.
TEST(NumberTest, lays_digits_out_as_go_does) {
  const Layout cases[] = {
      {0, "0", "0", "0"},
      {-0.0, "-0", "-0", "-0"},
      {1, "1", "1", "1"},
      {-15, "-15", "-15", "-15"},
      {0.1, "0.1", "0.1", "0.1"},
      {0.30000000000000004, "0.30000000000000004", "0.30000000000000004", "0.30000000000000004"},
      {100000, "100000", "100000", "100000"},
      {999999, "999999", "999999", "999999"},
      {1e6, "1000000", "1000000", "1e+06"},
      {123456.789, "123456.789", "123456.789", "123456.789"},
      {123456789, "123456789", "123456789", "1.23456789e+08"},
      {1.795392664883682e9, "1795392664.883682", "1795392664.883682", "1.795392664883682e+09"},
      {1e15, "1000000000000000", "1000000000000000", "1e+15"},
      {123456789012345680000.0, "123456789012345680000", "123456789012345680000", "1.2345678901234568e+20"},
      {1e21, "1e+21", "1000000000000000000000", "1e+21"},
      {-1.5e300, "-1.5e+300", nullptr, "-1.5e+300"},
      {0.001, "0.001", "0.001", "0.001"},
      {0.0001, "0.0001", "0.0001", "0.0001"},
      {0.00001, "0.00001", "0.00001", "1e-05"},
      {2.3986e-05, "0.000023986", "0.000023986", "2.3986e-05"},
      {-0.000006379396048879495, "-0.000006379396048879495", "-0.000006379396048879495",
       "-6.379396048879495e-06"},
      {1e-6, "0.000001", "0.000001", "1e-06"},
      {9.9e-7, "9.9e-07", "0.00000099", "9.9e-07"},
      {5e-324, "5e-324", nullptr, "5e-324"},
      {kInf, "+Inf", "+Inf", "+Inf"},
      {-kInf, "-Inf", "-Inf", "-Inf"},
      {std::nan(""), "NaN", "NaN", "NaN"},
  };
  for (const Layout& c : cases) {
    EXPECT_EQ(format_float(c.value), c.json);
    EXPECT_EQ(format_float_g(c.value), c.g);
    if (c.f != nullptr) EXPECT_EQ(format_float_f(c.value), c.f);
  }
  EXPECT_EQ(format_float_f(1e300).size(), 301u);
  EXPECT_EQ(format_float_f(5e-324).size(), 326u);
}

TEST(NumberTest, what_is_printed_reads_back_to_the_same_bits) {
  const uint64_t seed = 7;
  Random random(seed);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(random.next());
    if (std::isnan(value)) continue;
    for (const std::string& text : {format_float(value), format_float_f(value), format_float_g(value)}) {
      const auto back = parse_float(text);
      ASSERT_TRUE(back.has_value()) << text << " seed " << seed;
      ASSERT_EQ(std::bit_cast<uint64_t>(*back), std::bit_cast<uint64_t>(value)) << text << " seed " << seed;
    }
  }
}

TEST(NumberTest, reads_what_go_reads) {
  const std::pair<const char*, double> cases[] = {
      {"0", 0},           {"-0", -0.0},         {"+1", 1},       {"1.", 1},
      {".5", 0.5},        {"1e3", 1000},        {"1E+3", 1000},  {"1e-2", 0.01},
      {"0x1p3", 8},       {"-0x1.8p1", -3},     {"0X.8P1", 1},   {"inf", kInf},
      {"+Inf", kInf},     {"-INFINITY", -kInf}, {"1e999", kInf}, {"-1e999", -kInf},
      {"1e-999", 0},      {"1_000.5", 1000.5},  {"0x_1p0", 1},   {"00012", 12},
      {"5e-324", 5e-324},
  };
  for (const auto& [text, value] : cases) {
    const auto parsed = parse_float(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(std::bit_cast<uint64_t>(*parsed), std::bit_cast<uint64_t>(value)) << text;
  }
  EXPECT_TRUE(std::isnan(parse_float("NaN").value()));
  EXPECT_TRUE(std::isnan(parse_float("nan").value()));
  // Out of range on the small side although no exponent says so.
  EXPECT_EQ(parse_float("0." + std::string(400, '0') + "1"), 0.0);
  EXPECT_EQ(parse_float("1" + std::string(400, '0')), kInf);
}

TEST(NumberTest, refuses_what_go_refuses) {
  for (const char* text :
       {"",     " 1",    "1 ",   "+",   "-",  ".",     "e5",      "1e",   "1e+",  "--1",     "+-1", "0x",
        "0x1",  "0x1.8", "0xp1", "1p3", "in", "infin", "infinit", "+nan", "-nan", "nan(1)",  "1_",  "_1",
        "1__0", "1_.5",  "1._5", "1,5", "1f", "0b1",   "1e5_",    "0x1p", "one",  "\xc2\xb2"}) {
    EXPECT_FALSE(parse_float(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_float(std::string_view("1\0", 2)).has_value());
}

}  // namespace
}  // namespace sluice
