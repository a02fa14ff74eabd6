#include "agent/gate/flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::gate {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

const Member kMember{
    .target = "https://a.example.com", .instance = "a.example.com:443", .carries_the_flags = false};

TEST(FlagTest, renders_keys_from_templates) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"auth_server:disabled:{target}", "auth_server:disabled:https://a.example.com"},
      {"{pool}/{instance}", "auth/a.example.com:443"},
      {"{{auth}}:disabled:{target}", "{auth}:disabled:https://a.example.com"},
      {"{{{pool}}}:{target}", "{auth}:https://a.example.com"},
      {":1:auth_server:disabled:{target}", ":1:auth_server:disabled:https://a.example.com"},
      {"plain", "plain"},
      {"}}{{", "}{"},
  };
  for (const auto& [key_template, wanted] : cases)
    EXPECT_EQ(render_key(key_template, "auth", kMember).value(), wanted);
}

TEST(FlagTest, refuses_templates_that_cannot_be_meant) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"{tarpet}", "unknown placeholder {tarpet}"},
      {"{}", "unknown placeholder {}"},
      {"a{target", "never closed"},
      {"a{", "never closed"},
      {"a{tar{get}", "never closed"},
      {"a}b", "closes nothing"},
      {"", "empty"},
      {"a\nb", "control character"},
      {std::string(2000, 'x'), "longer than 1024"},
  };
  for (const auto& [key_template, wanted] : cases) {
    const auto key = render_key(key_template, "auth", kMember);
    ASSERT_TRUE(key.has_error()) << key_template;
    EXPECT_THAT(key.error().message, HasSubstr(std::string(wanted)));
  }
}

TEST(FlagTest, members_must_not_share_a_flag) {
  PoolPolicy policy;
  policy.pool = "auth";
  policy.flag.key = "auth:down";
  EXPECT_TRUE(check_keys(policy, {kMember}).has_value());
  const auto shared =
      check_keys(policy, {kMember, {.target = "b", .instance = "b", .carries_the_flags = false}});
  ASSERT_TRUE(shared.has_error());
  EXPECT_THAT(shared.error().message, HasSubstr("for both https://a.example.com and b"));
}

TEST(FlagTest, a_raw_flag_is_the_value) {
  FlagPolicy policy;
  policy.value = "down";
  EXPECT_EQ(encode_flag(policy, {}), "down");
}

TEST(FlagTest, a_json_flag_carries_what_a_reader_may_want) {
  FlagPolicy policy;
  policy.encoding = FlagEncoding::kJson;
  const FlagContent content{.epoch = 12,
                            .pool = "auth",
                            .target = "https://a",
                            .reason = "connect_refused",
                            .since = from_unix_ms(1'767'225'600'250),
                            .expires_at = from_unix_ms(1'767'225'900'000),
                            .weight = 0};
  EXPECT_EQ(encode_flag(policy, content),
            R"({"disabled":true,"value":"1","weight":0,"epoch":12,"pool":"auth","target":"https://a",)"
            R"("reason":"connect_refused","since":1767225600.25,"expires_at":1767225900})");
}

// What `pickle.dumps(value, protocol=2)` of CPython means, byte by byte.
TEST(FlagTest, a_pickled_flag_is_an_int_or_a_string_to_python) {
  EXPECT_EQ(pickle("1"), "\x80\x02J\x01\x00\x00\x00."s);
  EXPECT_EQ(pickle("-2"), "\x80\x02J\xfe\xff\xff\xff."s);
  EXPECT_EQ(pickle("4294967296"), "\x80\x02\x8a\x08\x00\x00\x00\x00\x01\x00\x00\x00."s);
  EXPECT_EQ(pickle("true"), "\x80\x02X\x04\x00\x00\x00true."s);
  EXPECT_EQ(pickle("007"), "\x80\x02X\x03\x00\x00\x00\x30\x30\x37."s);
  EXPECT_EQ(pickle(""), "\x80\x02X\x00\x00\x00\x00."s);
}

TEST(FlagTest, on_a_cluster_a_plain_key_is_refused_with_advice) {
  PoolPolicy policy;
  policy.pool = "auth";
  policy.flag.key = "auth:disabled:{target}";
  const auto refused = check_cluster(policy, {kMember}, "sluice:{auth}:record");
  ASSERT_TRUE(refused.has_error());
  EXPECT_THAT(refused.error().message, HasSubstr("\"{{auth}}:disabled:{target}\""));
  policy.flag.key = "{{auth}}:disabled:{target}";
  EXPECT_TRUE(check_cluster(policy, {kMember}, "sluice:{auth}:record").has_value());
}

}  // namespace
}  // namespace sluice::gate
