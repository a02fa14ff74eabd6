#include "core/net/redis_codec.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

using namespace std::string_literals;

using Kind = RedisReply::Kind;

RedisReply text(Kind kind, std::string text) {
  RedisReply reply;
  reply.kind = kind;
  reply.text = std::move(text);
  return reply;
}
RedisReply integer(int64_t value) {
  RedisReply reply;
  reply.kind = Kind::kInteger;
  reply.integer = value;
  return reply;
}
RedisReply array(std::vector<RedisReply> elements) {
  RedisReply reply;
  reply.kind = Kind::kArray;
  reply.elements = std::move(elements);
  return reply;
}

TEST(RedisCodecTest, commands_are_arrays_of_binary_strings) {
  EXPECT_EQ(encode({"SET", "k", std::string("a\0\r\n", 4)}),
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\0\r\n\r\n"s);
  EXPECT_EQ(encode({"PING"}), "*1\r\n$4\r\nPING\r\n");
}

struct Parsed {
  std::string bytes;
  RedisReply reply;
};

TEST(RedisCodecTest, every_kind_of_reply_is_read_whole_or_byte_by_byte) {
  const Parsed kCases[] = {
      {"+OK\r\n", text(Kind::kStatus, "OK")},
      {"-READONLY You can't\r\n", text(Kind::kError, "READONLY You can't")},
      {":-42\r\n", integer(-42)},
      {"$5\r\na\r\nbc\r\n", text(Kind::kString, "a\r\nbc")},
      {"$0\r\n\r\n", text(Kind::kString, "")},
      {"$-1\r\n", {}},
      {"*-1\r\n", {}},
      {"*0\r\n", array({})},
      {"*2\r\n:1\r\n*2\r\n$1\r\nx\r\n+y\r\n",
       array({integer(1), array({text(Kind::kString, "x"), text(Kind::kStatus, "y")})})},
      {"*3\r\n*0\r\n*-1\r\n:7\r\n", array({array({}), {}, integer(7)})},
  };
  for (const Parsed& c : kCases) {
    RedisDecoder whole;
    whole.feed(c.bytes + c.bytes);
    for (int i = 0; i < 2; ++i) {
      const auto reply = whole.next();
      ASSERT_TRUE(reply) << c.bytes << reply.error().message;
      ASSERT_TRUE(*reply) << c.bytes;
      EXPECT_EQ(**reply, c.reply) << c.bytes;
    }
    EXPECT_EQ(whole.buffered(), 0u);
    RedisDecoder dripping;
    for (size_t i = 0; i < c.bytes.size(); ++i) {
      dripping.feed(c.bytes.substr(i, 1));
      const auto reply = dripping.next();
      ASSERT_TRUE(reply) << c.bytes;
      EXPECT_EQ(reply->has_value(), i + 1 == c.bytes.size()) << c.bytes << i;
      if (*reply) EXPECT_EQ(**reply, c.reply);
    }
  }
}

TEST(RedisCodecTest, the_first_word_of_an_error_is_its_code) {
  EXPECT_EQ(text(Kind::kError, "NOAUTH Authentication required.").error_code(), "NOAUTH");
  EXPECT_EQ(text(Kind::kError, "LOADING").error_code(), "LOADING");
  EXPECT_EQ(text(Kind::kString, "NOAUTH x").error_code(), "");
}

struct Hostile {
  std::string bytes;
  FaultKind kind;
};

TEST(RedisCodecTest, lies_about_lengths_are_refused_before_anything_is_allocated) {
  RedisLimits limits;
  limits.reply_bytes_max = 1000;
  limits.line_bytes_max = 100;
  limits.elements_max = 50;
  limits.depth_max = 3;
  const Hostile kCases[] = {
      {"*2147483647\r\n", FaultKind::kBodyTooLarge},
      {"*51\r\n", FaultKind::kBodyTooLarge},
      {"$99999999999\r\n", FaultKind::kBodyTooLarge},
      {"$1001\r\n", FaultKind::kBodyTooLarge},
      {"$-2\r\n", FaultKind::kProtocol},
      {"*-2\r\n", FaultKind::kProtocol},
      {"$1x\r\n", FaultKind::kProtocol},
      {"$99999999999999999999999\r\n", FaultKind::kProtocol},
      {":99999999999999999999999\r\n", FaultKind::kProtocol},
      {"$3\r\nabcd\r\n", FaultKind::kProtocol},
      {"+" + std::string(200, 'a'), FaultKind::kBodyTooLarge},
      {"*1\r\n*1\r\n*1\r\n*1\r\n", FaultKind::kProtocol},
      {"HTTP/1.1 400 Bad Request\r\n", FaultKind::kProtocol},
      {"%1\r\n+a\r\n:1\r\n", FaultKind::kProtocol},  // RESP3, which we do not ask for
      {std::string("\x16\x03\x01\x00", 4), FaultKind::kProtocol},
  };
  for (const Hostile& c : kCases) {
    RedisDecoder decoder(limits);
    decoder.feed(c.bytes);
    const auto reply = decoder.next();
    ASSERT_FALSE(reply) << c.bytes;
    EXPECT_EQ(reply.error().kind, c.kind) << c.bytes << ": " << reply.error().message;
    decoder.feed("+OK\r\n");
    EXPECT_FALSE(decoder.next()) << "a lost stream stays lost";
  }
}

TEST(RedisCodecTest, many_small_parts_count_together) {
  RedisLimits limits;
  limits.elements_max = 50;
  limits.reply_bytes_max = 1000;
  RedisDecoder elements(limits);
  elements.feed("*2\r\n*30\r\n");
  for (int i = 0; i < 30; ++i) elements.feed(":1\r\n");
  ASSERT_TRUE(elements.next());
  elements.feed("*30\r\n");
  EXPECT_FALSE(elements.next());

  RedisDecoder bytes(limits);
  bytes.feed("*10\r\n");
  bool refused = false;
  for (int i = 0; i < 10 && !refused; ++i) {
    bytes.feed("$200\r\n" + std::string(200, 'x') + "\r\n");
    refused = !bytes.next();
  }
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace sluice::net
