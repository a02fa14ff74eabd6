#include "agent/gate/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant kStart{Duration(1000s)};

TEST(ReadersTest, counts_who_acts_on_an_older_epoch_and_for_how_long) {
  Readers readers;
  EXPECT_THAT(readers.observe(kStart, 6, {{"api-1", "6 1"}, {"api-2", "6 1"}}), IsEmpty());
  EXPECT_EQ(readers.stats(), (ReaderStats{.readers = 2, .slowest = ""}));
  readers.observe(kStart + 10s, 7, {{"api-1", "6 2"}, {"api-2", "6 2"}});
  EXPECT_EQ(readers.stats().behind, 2u);
  EXPECT_EQ(readers.stats().lag, Duration{});
  readers.observe(kStart + 40s, 7, {{"api-1", "7 3"}, {"api-2", "6 2"}});
  EXPECT_EQ(readers.stats(), (ReaderStats{.readers = 2, .behind = 1, .lag = 30s, .slowest = "api-2"}));
  // Further epochs do not make it look younger.
  readers.observe(kStart + 50s, 9, {{"api-1", "9 4"}, {"api-2", "6 2"}});
  EXPECT_EQ(readers.stats().lag, 40s);
  readers.observe(kStart + 55s, 9, {{"api-1", "9 5"}, {"api-2", "9 3"}});
  EXPECT_EQ(readers.stats(), (ReaderStats{.readers = 2, .slowest = ""}));
}

TEST(ReadersTest, forgets_who_went_away_or_has_been_silent_for_long) {
  Readers readers;
  readers.observe(kStart, 1, {{"api-1", "1 1"}, {"api-2", "1 1"}});
  EXPECT_THAT(readers.observe(kStart + 599s, 2, {{"api-1", "1 1"}}), IsEmpty());
  EXPECT_EQ(readers.stats().readers, 1u);
  EXPECT_EQ(readers.stats().behind, 1u);
  EXPECT_THAT(readers.observe(kStart + 600s, 2, {{"api-1", "1 1"}}), ElementsAre("api-1"));
  EXPECT_EQ(readers.stats(), ReaderStats{});
}

TEST(ReadersTest, an_epoch_that_went_back_is_a_new_one) {
  Readers readers;
  readers.observe(kStart, 9, {{"api-1", "9 1"}});
  readers.observe(kStart + 5s, 8, {{"api-1", "9 2"}});
  EXPECT_EQ(readers.stats().behind, 0u);
  readers.observe(kStart + 100s, 9, {{"api-1", "8 3"}});
  EXPECT_EQ(readers.stats().behind, 1u);
  EXPECT_EQ(readers.stats().lag, Duration{});
}

TEST(ReadersTest, nonsense_is_counted_and_removed) {
  Readers readers;
  EXPECT_THAT(readers.observe(kStart, 1, {{"a", ""}, {"b", "x 1"}, {"c", "1"}, {"d", "-1 1"}, {"e", "1x"}}),
              ElementsAre("a", "b", "d", "e"));
  EXPECT_EQ(readers.stats().unreadable, 4u);
  EXPECT_EQ(readers.stats().readers, 1u);
}

TEST(ReadersTest, more_than_it_can_hold_are_not_looked_at) {
  std::vector<std::pair<std::string, std::string>> many;
  for (size_t i = 0; i < kReadersMax + 5; ++i) many.emplace_back("r" + std::to_string(i), "1 1");
  Readers readers;
  EXPECT_THAT(readers.observe(kStart, 1, many), IsEmpty());
  EXPECT_EQ(readers.stats().readers, kReadersMax);
}

}  // namespace
}  // namespace sluice::gate
