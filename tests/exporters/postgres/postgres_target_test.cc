#include "exporters/postgres/postgres_target.h"

#include <gtest/gtest.h>

namespace sluice::exporters::postgres {
namespace {

struct Accepted {
  std::string text;
  std::string instance;
  std::string user;
  std::string password;
  std::string database;
  std::string ssl_mode;
};

TEST(PostgresTargetTest, plain_targets_and_urls_are_read) {
  const Accepted kCases[] = {
      {"db1", "db1:5432", "", "", "", ""},
      {"db1:6432", "db1:6432", "", "", "", ""},
      {"[::1]:5433", "[::1]:5433", "", "", "", ""},
      {"postgres://db1", "db1:5432", "", "", "", ""},
      {"postgresql://me:s%40cret@db1:5433/app?sslmode=verify-full", "db1:5433", "me", "s@cret", "app",
       "verify-full"},
      {"postgresql+asyncpg://me@[::1]/app?pool_size=5", "[::1]:5432", "me", "", "app", ""},
      {"postgres://db1/?user=me&password=x&dbname=app&sslmode=disable", "db1:5432", "me", "x", "app",
       "disable"},
  };
  for (const Accepted& c : kCases) {
    const auto target = parse_target(c.text);
    ASSERT_TRUE(target) << c.text << ": " << target.error().message;
    EXPECT_EQ(instance(*target), c.instance);
    EXPECT_EQ(target->user.value_or(""), c.user);
    EXPECT_EQ(target->password.value_or(""), c.password);
    EXPECT_EQ(target->database.value_or(""), c.database);
    EXPECT_EQ(target->ssl_mode ? to_string(*target->ssl_mode) : "", c.ssl_mode);
  }
}

TEST(PostgresTargetTest, what_is_wrong_is_refused_without_repeating_the_password) {
  for (const std::string text :
       {"", "db1:0", "db1:99999", "db1:x", "a b", "mysql://db1", "me:hunter2@db1", "postgres://",
        "postgres://:hunter2@/x", "postgres://me:hunter2@a,b/app", "postgres://me:hunter2@db1:99999/app",
        "postgres://me:hunter#2@db1/app", "postgres://me:hunter2@db1/app?sslmode=maybe",
        "postgres://me:hunter2@db1/app?sslcrl=x", "postgres://me:hunter2@db1/app?hostaddr=10.0.0.1"}) {
    const auto target = parse_target(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().message.find("hunter2"), std::string::npos) << target.error().message;
  }
  EXPECT_FALSE(parse_target(std::string("db\0", 3)));
  EXPECT_FALSE(parse_target(std::string(5000, 'a')));
}

}  // namespace
}  // namespace sluice::exporters::postgres
