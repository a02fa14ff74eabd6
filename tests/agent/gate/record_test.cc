#include "agent/gate/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"

namespace sluice::gate {
namespace {

using testing::HasSubstr;

Record example() {
  Record record;
  record.epoch = 12;
  record.last_disable = from_unix_ms(1'700'000'000'250);
  Entry entry;
  entry.state = Entry::State::kDisabled;
  entry.reason = "connect_refused";
  entry.evidence = "7 of 9 fail: zone b 3/3";
  entry.key = "auth:disabled:\"a\"";
  entry.since = from_unix_ms(1'700'000'000'250);
  entry.until = from_unix_ms(1'700'000'010'250);
  entry.lease = from_unix_ms(1'700'000'300'001);
  entry.streak = 3;
  record.entries["https://a"] = entry;
  entry.state = Entry::State::kReturning;
  entry.weight = 40;
  record.entries["https://b"] = entry;
  entry.state = Entry::State::kEnabled;
  entry.mode = Mode::kShadow;
  entry.by_operator = true;
  record.entries["c"] = entry;
  return record;
}

TEST(RecordTest, is_read_back_as_written) {
  EXPECT_EQ(parse_record(write_record(example())).value(), example());
}

TEST(RecordTest, an_empty_one_is_read_back_too) {
  EXPECT_EQ(parse_record(write_record({})).value(), Record{});
}

TEST(RecordTest, damage_is_an_error_that_says_where) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"", "is no JSON"},
      {"7", "is no JSON object"},
      {R"({"version":2,"epoch":1,"last_disable":0,"targets":{}})",
       "\"version\" must be a whole number from 1 to 1"},
      {R"({"version":1,"epoch":-1,"last_disable":0,"targets":{}})", "\"epoch\" must be a whole number"},
      {R"({"version":1,"epoch":1,"last_disable":0,"targets":[]})", "\"targets\" must be an object"},
      {R"({"version":1,"epoch":1,"last_disable":0,"targets":{"a":1}})", "\"a\": is no object"},
      {R"({"version":1,"epoch":1,"last_disable":0,"targets":{"a":{"state":"odd"}}})",
       "\"a\": \"mode\" is missing"},
      {std::string(kRecordBytesMax + 1, ' '), "longer than"},
      {std::string(100, '[') + std::string(100, ']'), "is no JSON"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto record = parse_record(text);
    ASSERT_TRUE(record.has_error()) << text.substr(0, 80);
    EXPECT_THAT(record.error().message, HasSubstr(std::string(wanted)));
  }
}

TEST(RecordTest, survives_random_damage_without_harm) {
  const std::string text = write_record(example());
  Random random(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = text;
    for (uint64_t k = 1 + random.below(4); k > 0; --k) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    const auto record = parse_record(damaged);
    if (record.has_value()) EXPECT_LE(record->entries.size(), 4u);
  }
}

}  // namespace
}  // namespace sluice::gate
