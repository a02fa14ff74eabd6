#include "agent/app/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Timestamp kStart = from_unix_ms(1'767'225'600'000);

std::vector<JournalProbe> some_probes() {
  return {{kStart, "auth", "https://auth1", "", 12ms},
          {kStart + 1s, "database", "db1:5432", "connect_refused", 3ms},
          {kStart + 900ms, "auth", "https://auth1", "timeout", 5s},  // a clock may step back
          {kStart + 16s, "auth", "https://auth 2", "", 0ms}};
}

std::string written(const std::vector<JournalProbe>& probes, const std::string& agent = "node-7") {
  JournalText text(agent);
  text.begin();
  for (const JournalProbe& probe : probes)
    text.add(probe.at, probe.job, probe.instance, probe.reason, probe.took);
  return text.take();
}

TEST(JournalTest, reads_back_what_was_written) {
  const auto journal = parse_journal(written(some_probes()));
  ASSERT_TRUE(journal.has_value()) << journal.error().message;
  EXPECT_EQ(journal->agent, "node-7");
  EXPECT_EQ(journal->probes, some_probes());
  EXPECT_EQ(journal->damaged, 0u);
}

TEST(JournalTest, goes_on_after_a_restart_in_the_same_file) {
  const auto journal = parse_journal(written(some_probes()) + written({some_probes()[1]}));
  ASSERT_TRUE(journal.has_value());
  ASSERT_EQ(journal->probes.size(), 5u);
  EXPECT_EQ(journal->probes.back(), some_probes()[1]);
}

TEST(JournalTest, drops_the_line_that_a_crash_cut_short) {
  const std::string text = written(some_probes());
  for (size_t cut = text.size() - 1; cut > text.size() - 9; --cut) {
    const auto journal = parse_journal(text.substr(0, cut));
    ASSERT_TRUE(journal.has_value());
    EXPECT_EQ(journal->probes.size(), 3u) << cut;
  }
}

TEST(JournalTest, leaves_damaged_lines_out_and_counts_them) {
  const auto journal = parse_journal(
      "sluice-journal 1 n\n= 0 a\tb\n0 1000 5\n7 1 1\nx\n= y z\n0 1 99999999999999999999\n0 5 1 timeout\n");
  ASSERT_TRUE(journal.has_value());
  EXPECT_EQ(journal->damaged, 4u);
  EXPECT_THAT(journal->probes, ElementsAre(JournalProbe{from_unix_ms(1000), "a", "b", "", 5ms},
                                           JournalProbe{from_unix_ms(1005), "a", "b", "timeout", 1ms}));
}

TEST(JournalTest, refuses_what_is_no_journal) {
  EXPECT_TRUE(parse_journal("").has_error());
  EXPECT_TRUE(parse_journal("sluice-journal 2 n\n").has_error());
}

TEST(JournalTest, names_cannot_break_lines) {
  const auto journal = parse_journal(written({{kStart, "a\nb", "c\td", "", 1ms}}, "n\n1"));
  ASSERT_TRUE(journal.has_value());
  EXPECT_EQ(journal->agent, "n?1");
  EXPECT_EQ(journal->damaged, 0u);
  ASSERT_EQ(journal->probes.size(), 1u);
  EXPECT_EQ(journal->probes[0].job, "a?b");
  EXPECT_EQ(journal->probes[0].instance, "c?d");
}

TEST(JournalTest, is_small) {
  JournalText text("n");
  text.begin();
  for (int i = 0; i < 1000; ++i) text.add(kStart + i * 15s, "auth", "https://auth1", "", 12ms);
  EXPECT_LT(text.take().size(), 13'000u);
}

}  // namespace
}  // namespace sluice::app
