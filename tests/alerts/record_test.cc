#include "alerts/record.h"

#include <gtest/gtest.h>

#include "alerts/pipeline.h"
#include "alerts/silence.h"

namespace sluice::alerts {
namespace {

TEST(RecordTest, reads_back_what_was_written) {
  std::string text;
  RecordWriter('X')
      .text("tab\t newline\n back\\slash")
      .integer(-5)
      .bits(~uint64_t{0})
      .labels(Labels{{"a", "b"}, {"c", "\t"}})
      .fingerprints({1, 2, 3})
      .text("")
      .append_to(text);
  const auto records = split_records(text);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1u);
  RecordReader in(records->front());
  EXPECT_EQ(in.kind(), 'X');
  EXPECT_EQ(in.text(), "tab\t newline\n back\\slash");
  EXPECT_EQ(in.integer(), -5);
  EXPECT_EQ(in.bits(), ~uint64_t{0});
  EXPECT_EQ(in.labels(), (Labels{{"a", "b"}, {"c", "\t"}}));
  EXPECT_EQ(in.fingerprints(), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(in.text(), "");
  EXPECT_TRUE(in.ok());
  (void)in.text();
  EXPECT_FALSE(in.ok()) << "there is no further field";
}

TEST(RecordTest, an_empty_annotation_survives) {
  std::string text;
  const Labels annotations = Labels::keeping_empty({{"a", ""}, {"b", "c"}});
  RecordWriter('X').labels(annotations).append_to(text);
  EXPECT_EQ(RecordReader(split_records(text)->at(0)).annotations(), annotations);
}

TEST(RecordTest, a_count_larger_than_the_record_is_refused_before_memory_is_taken) {
  RecordReader in("X\t99999999999\tx");
  EXPECT_TRUE(in.fingerprints().empty());
  EXPECT_FALSE(in.ok());
}

TEST(RecordTest, a_last_line_cut_anywhere_is_dropped_and_damage_before_it_is_named) {
  std::string text;
  for (int i = 0; i < 3; ++i) RecordWriter('X').integer(i).append_to(text);
  const size_t two = split_records(text)->at(0).size() * 2 + 2 * 18;
  for (size_t n = two; n < text.size(); ++n) {
    const auto records = split_records(std::string_view(text).substr(0, n));
    ASSERT_TRUE(records) << n;
    EXPECT_EQ(records->size(), 2u) << n;
  }
  text[30] ^= 1;
  const auto damaged = split_records(text);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().message, "line 2 of the notification state is damaged");
}

std::shared_ptr<const Config> a_config() {
  auto config = std::make_shared<Config>();
  config->receivers = {{"ops", {}}};
  config->route.receiver = "ops";
  return config;
}

TEST(SnapshotTest, damage_is_an_error_and_leaves_the_pipeline_as_it_was) {
  const Timestamp now = from_unix_ms(1'800'000'000'000);
  Pipeline pipeline(a_config(), {});
  Silence silence;
  silence.matchers = {Matcher::make(MatchOp::kRegex, "a", "b|c").value()};
  silence.starts_at = now;
  silence.ends_at = now + std::chrono::hours(1);
  silence.comment = "tabs\tand\nlines";
  Effects effects;
  const std::string id = pipeline.set_silence(now, silence, effects).value();
  Alert alert;
  alert.labels = Labels{{"alertname", "A"}};
  pipeline.step(now, std::span(&alert, 1));
  const std::string text = pipeline.snapshot(now);

  Pipeline restored(a_config(), {});
  ASSERT_TRUE(restored.restore(now, text));
  EXPECT_EQ(*restored.silences().find(id), *pipeline.silences().find(id));
  EXPECT_EQ(restored.alerts(now).size(), 1u);
  EXPECT_EQ(restored.snapshot(now), text);

  for (size_t i = 0; i + 1 < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    Pipeline victim(a_config(), {});
    const auto result = victim.restore(now, damaged);
    // The last line may be what a crash left; anything else must be noticed.
    const bool in_last_line = damaged.find('\n', i) + 1 >= damaged.size();
    EXPECT_TRUE(!result || in_last_line) << i;
    if (!result) EXPECT_TRUE(victim.silences().all().empty());
  }
}

TEST(SnapshotTest, a_newer_version_is_refused) {
  std::string text;
  RecordWriter('V').integer(2).append_to(text);
  RecordWriter('V').integer(1).append_to(text);
  Pipeline pipeline(a_config(), {});
  EXPECT_FALSE(pipeline.restore(from_unix_ms(1'800'000'000'000), text));
}

TEST(SnapshotTest, time_spent_dead_does_not_resolve) {
  const Timestamp now = from_unix_ms(1'800'000'000'000);
  Pipeline pipeline(a_config(), {});
  Alert alert;
  alert.labels = Labels{{"alertname", "A"}};
  alert.starts_at = now;
  alert.ends_at = now + std::chrono::minutes(4);
  pipeline.step(now, std::span(&alert, 1));
  Pipeline restored(a_config(), {});
  const Timestamp later = now + std::chrono::hours(1);
  ASSERT_TRUE(restored.restore(later, pipeline.snapshot(now)));
  ASSERT_EQ(restored.alerts(later).size(), 1u);
  EXPECT_EQ(restored.alerts(later)[0]->ends_at, later + std::chrono::minutes(4));
}

}  // namespace
}  // namespace sluice::alerts
