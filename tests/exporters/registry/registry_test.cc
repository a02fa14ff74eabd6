#include "exporters/registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "core/net/clock.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"

namespace sluice::exporters {
namespace {

using testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  boost::asio::io_context io_;
  net::RealClock clock_;
  net::Resolver resolver_{io_.get_executor()};
  net::TlsContexts tls_;
  Registry registry_{{clock_, resolver_, tls_}};
};

Module of_kind(std::string_view kind) {
  Module module;
  module.name = "m";
  module.prober = kind;
  return module;
}

TEST_F(RegistryTest, every_kind_makes_a_prober_of_its_targets) {
  const struct {
    const char* kind;
    std::vector<std::string> targets;
  } cases[] = {
      {"http", {"http://a.example/health", "a.example"}},
      {"tcp", {"a.example:25", "[::1]:25"}},
      {"oidc", {"https://auth.example.com"}},
      {"postgres", {"db:5432", "db", "postgres://ann:secret@db/app?sslmode=require"}},
      {"redis", {"cache:6379", "rediss://:secret@cache:6380/2"}},
  };
  ASSERT_EQ(std::size(cases), prober_kinds().size());
  for (const auto& c : cases) {
    EXPECT_THAT(prober_kinds(), testing::Contains(c.kind));
    for (const std::string& target : c.targets) {
      const auto made = registry_.make_prober(of_kind(c.kind), target);
      ASSERT_TRUE(made.has_value()) << c.kind << " " << target << ": " << made.error().message;
      EXPECT_NE(*made, nullptr);
    }
  }
}

TEST_F(RegistryTest, what_cannot_be_a_target_is_refused_and_no_password_is_repeated) {
  const struct {
    const char* kind;
    const char* target;
  } cases[] = {{"tcp", "no-port"},
               {"postgres", "ann:secret@db"},
               {"postgres", "postgres://ann:secret@db:0/app"},
               {"redis", "redis://:secret@cache:99999"},
               {"redis", "http://:secret@cache"}};
  for (const auto& c : cases) {
    const auto made = registry_.make_prober(of_kind(c.kind), c.target);
    ASSERT_TRUE(made.has_error()) << c.kind << " " << c.target;
    EXPECT_THAT(made.error().message, testing::Not(HasSubstr("secret")));
  }
}

TEST_F(RegistryTest, a_module_with_a_mistake_is_named) {
  const auto unknown = registry_.make_prober(of_kind("carrier_pigeon"), "x");
  ASSERT_TRUE(unknown.has_error());
  EXPECT_EQ(unknown.error().message, "module \"m\": there is no prober \"carrier_pigeon\"");

  Module module = of_kind("http");
  module.http.fail_if_body_matches_regexp = {"("};
  const auto broken = registry_.make_prober(module, "http://a.example");
  ASSERT_TRUE(broken.has_error());
  EXPECT_THAT(broken.error().message, HasSubstr("module \"m\": "));
}

TEST_F(RegistryTest, a_module_that_changes_under_its_name_is_compiled_anew) {
  EXPECT_TRUE(registry_.make_prober(of_kind("http"), "http://a.example").has_value());
  Module changed = of_kind("http");
  changed.http.fail_if_body_matches_regexp = {"("};
  EXPECT_TRUE(registry_.make_prober(changed, "http://a.example").has_error());
  EXPECT_TRUE(registry_.make_prober(of_kind("http"), "http://a.example").has_value()) << "and back";
}

}  // namespace
}  // namespace sluice::exporters
