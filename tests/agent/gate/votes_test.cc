#include "agent/gate/votes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"

namespace sluice::gate {
namespace {

using testing::HasSubstr;

AgentVotes example() {
  AgentVotes votes{.agent = "node-1",
                   .zone = "b",
                   .config = "c0ffee",
                   .unwell = "",
                   .at = from_unix_ms(1'700'000'000'123),
                   .ballots = {}};
  votes.ballots["https://a"] = {Verdict::kDown, true, from_unix_ms(1'700'000'000'000),
                                from_unix_ms(1'700'000'000'100), "connect_refused"};
  votes.ballots["https://b"] = {Verdict::kUp, false, from_unix_ms(1'699'999'000'000),
                                from_unix_ms(1'700'000'000'000), "ok"};
  votes.ballots["c"] = {Verdict::kUnknown, false, from_unix_ms(1), from_unix_ms(1), ""};
  return votes;
}

TEST(VotesTest, are_read_back_as_written) {
  EXPECT_EQ(decode_votes("node-1", encode_votes(example())).value(), example());
}

TEST(VotesTest, names_cannot_break_the_format) {
  AgentVotes votes = example();
  votes.zone = "b\tc\n";
  votes.ballots["a\tb"] = {};
  const auto read = decode_votes("node-1", encode_votes(votes));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->zone, "b?c?");
  EXPECT_TRUE(read->ballots.contains("a?b"));
}

TEST(VotesTest, damage_is_an_error_that_names_the_agent) {
  const std::string text = encode_votes(example());
  for (const std::string& bad :
       {std::string(), std::string("v2\t1"), std::string("v1\tyesterday\n"), std::string("v1\t-5\n"),
        text + "x\t0\t1\t1\tr\tt", text + "u\t0\t1\n", text + "u\t0\tx\t1\tr\tt",
        // A time that others cannot be subtracted from, and what would make a record that nobody can read.
        text + "d\t1\t91799199970000\t1\tr\tt", text + "d\t1\t1\t1\tconnect_r\xef\tt"}) {
    const auto read = decode_votes("node-1", bad);
    ASSERT_TRUE(read.has_error()) << bad;
    EXPECT_THAT(read.error().message, HasSubstr("node-1"));
  }
  EXPECT_EQ(decode_votes("n", std::string(kVotesBytesMax + 1, 'v')).error().kind, ErrorKind::kLimit);
}

TEST(VotesTest, survive_random_damage_without_harm) {
  const std::string text = encode_votes(example());
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = text.substr(0, random.below(text.size() + 1));
    for (uint64_t k = random.below(4); k > 0 && !damaged.empty(); --k) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    const auto read = decode_votes("n", damaged);
    if (read.has_value()) EXPECT_LE(read->ballots.size(), 4u);
  }
}

TEST(OverrideTest, is_read_back_as_written) {
  const Override word{.target = "https://a",
                      .action = Override::Action::kDrain,
                      .at = from_unix_ms(1'700'000'000'000),
                      .until = from_unix_ms(1'700'000'360'500),
                      .reason = "kernel \"update\"",
                      .by = "ann"};
  EXPECT_EQ(decode_override(override_field(word), encode_override(word)).value(), word);
  Override freeze = word;
  freeze.action = Override::Action::kFreeze;
  freeze.target = "";
  EXPECT_EQ(override_field(freeze), "*");
  EXPECT_EQ(decode_override("*", encode_override(freeze)).value(), freeze);
}

TEST(OverrideTest, damage_is_an_error_that_says_what_is_wrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "is no JSON"},
      {"[]", "no JSON object"},
      {R"({"at":1,"until":2,"reason":"","by":""})", "\"action\" is missing"},
      {R"({"action":"explode","at":1,"until":2,"reason":"","by":""})",
       "must be disable, drain, enable or freeze"},
      {R"({"action":"freeze","at":1,"until":2,"reason":"","by":""})", "freeze goes with \"*\""},
      {R"({"action":"disable","at":"x","until":2,"reason":"","by":""})", "must be a time"},
      {R"({"action":"disable","at":1,"until":-2,"reason":"","by":""})", "must be a time"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto word = decode_override("t", text);
    ASSERT_TRUE(word.has_error()) << text;
    EXPECT_THAT(word.error().message, HasSubstr(std::string(wanted)));
  }
}

}  // namespace
}  // namespace sluice::gate
