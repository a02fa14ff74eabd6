#include "core/mistake.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(MistakeTest, says_where_when_it_knows) {
  EXPECT_EQ((Mistake{"a.yml", 3, 7, "unknown key"}).to_string(), "a.yml:3:7: unknown key");
  EXPECT_EQ((Mistake{"a.yml", 0, 0, "cannot be read"}).to_string(), "a.yml: cannot be read");
}

TEST(NearestTest, proposes_what_was_probably_meant) {
  const std::vector<std::string_view> keys = {"targets", "module", "timeout", "interval", "tls_config"};
  EXPECT_EQ(nearest("target", keys), "targets");
  EXPECT_EQ(nearest("modul", keys), "module");
  EXPECT_EQ(nearest("timeuot", keys), "timeout");
  EXPECT_EQ(nearest("intervall", keys), "interval");
  EXPECT_EQ(nearest("tlsconfig", keys), "tls_config");
  EXPECT_EQ(nearest("targets", keys), "targets");
}

TEST(NearestTest, proposes_nothing_far_off) {
  const std::vector<std::string_view> keys = {"targets", "module"};
  EXPECT_EQ(nearest("something", keys), "");
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest("x", {}), "");
  EXPECT_EQ(nearest(std::string(65, 'a'), {std::string_view("a")}), "");
}

}  // namespace
}  // namespace sluice
