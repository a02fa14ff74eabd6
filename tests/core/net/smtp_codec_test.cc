#include "core/net/smtp_codec.h"

#include <gtest/gtest.h>

#include "core/base64.h"

namespace sluice::net {
namespace {

TEST(SmtpCodecTest, takes_one_reply_at_a_time) {
  std::string received = "250-mail.test\r\n250-STARTTLS\r\n250 SIZE 1000\r\n451 later\n";
  auto first = take_smtp_reply(received);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->code, 250);
  EXPECT_EQ((*first)->lines, (std::vector<std::string>{"mail.test", "STARTTLS", "SIZE 1000"}));
  EXPECT_EQ(received, "451 later\n");
  auto second = take_smtp_reply(received);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->text(), "451 later");
  EXPECT_FALSE((*second)->good());
  EXPECT_FALSE((*second)->permanent());
  EXPECT_EQ(received, "");
}

TEST(SmtpCodecTest, waits_for_the_rest_of_a_reply) {
  for (const std::string text : {"", "2", "250", "250-a\r\n", "250-a\r\n250 b"}) {
    std::string received = text;
    const auto reply = take_smtp_reply(received);
    ASSERT_TRUE(reply) << text;
    EXPECT_FALSE(*reply) << text;
    EXPECT_EQ(received, text);
  }
}

TEST(SmtpCodecTest, refuses_what_no_server_says) {
  for (const std::string text : {"HTTP/1.1 400\r\n", "25 x\r\n", "150 x\r\n", "650 x\r\n", "250:x\r\n",
                                 "250-a\r\n251 b\r\n", "\r\n", "2a0 b\r\n"}) {
    std::string received = text;
    EXPECT_FALSE(take_smtp_reply(received)) << text;
  }
  std::string endless(20'000, '2');
  EXPECT_FALSE(take_smtp_reply(endless));
  std::string chatty;
  for (int i = 0; i < 5000; ++i) chatty += "250-x\r\n";
  EXPECT_FALSE(take_smtp_reply(chatty));
}

TEST(SmtpCodecTest, extensions_are_keywords_with_parameters) {
  std::string received =
      "250-mail.test at your service\r\n250-size 1000\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n";
  const SmtpExtensions got = smtp_extensions(**take_smtp_reply(received));
  EXPECT_EQ(got, (SmtpExtensions{{"SIZE", "1000"}, {"AUTH", "PLAIN LOGIN"}, {"STARTTLS", ""}}));
}

TEST(SmtpCodecTest, no_line_of_a_message_ends_it) {
  EXPECT_EQ(smtp_data("a\r\n.\r\n..b\r\n"), "a\r\n..\r\n...b\r\n.\r\n");
  EXPECT_EQ(smtp_data("no line end"), "no line end\r\n.\r\n");
  EXPECT_EQ(smtp_data(""), "\r\n.\r\n");
}

TEST(SmtpCodecTest, the_first_mechanism_with_a_secret_is_chosen) {
  SmtpLogin password{.username = "u", .identity = "", .password = "p", .secret = ""};
  SmtpLogin secret{.username = "u", .identity = "", .password = "", .secret = "s"};
  EXPECT_EQ(choose_smtp_mechanism("CRAM-MD5 LOGIN PLAIN", password), "LOGIN");
  EXPECT_EQ(choose_smtp_mechanism("LOGIN plain CRAM-MD5", secret), "CRAM-MD5");
  EXPECT_EQ(choose_smtp_mechanism("XOAUTH2 GSSAPI", password), "");
  EXPECT_EQ(choose_smtp_mechanism("", password), "");
}

TEST(SmtpCodecTest, challenges_are_answered) {
  const SmtpLogin login{.username = "tim", .identity = "id", .password = "pw", .secret = "tanstaaftanstaaf"};
  EXPECT_EQ(base64_decode(*answer_smtp_challenge("PLAIN", login, "", 0)), std::string("id\0tim\0pw", 9));
  EXPECT_EQ(base64_decode(*answer_smtp_challenge("LOGIN", login, "VXNlcm5hbWU6", 0)), "tim");
  EXPECT_EQ(base64_decode(*answer_smtp_challenge("LOGIN", login, "UGFzc3dvcmQ6", 1)), "pw");
  // The example of RFC 2195.
  const std::string challenge = base64_encode("<1896.697170952@postoffice.reston.mci.net>");
  EXPECT_EQ(base64_decode(*answer_smtp_challenge("CRAM-MD5", login, challenge, 0)),
            "tim b913a602c7eda7a495b4e6e7334d3890");
  EXPECT_EQ(answer_smtp_challenge("CRAM-MD5", login, "not base64", 0), std::nullopt);
  EXPECT_EQ(answer_smtp_challenge("CRAM-MD5", login, challenge, 1), std::nullopt);
  EXPECT_EQ(answer_smtp_challenge("LOGIN", login, "more?", 2), std::nullopt);
  EXPECT_EQ(answer_smtp_challenge("PLAIN", login, "", 1), std::nullopt);
}

}  // namespace
}  // namespace sluice::net
