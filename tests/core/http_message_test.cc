#include "core/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(HttpHeadersTest, finds_the_first_in_any_letter_case) {
  const HttpHeaders headers = {{"Content-Type", "a"}, {"X-Y", "1"}, {"content-type", "b"}};
  EXPECT_EQ(find_header(headers, "CONTENT-type"), "a");
  EXPECT_EQ(find_header(headers, "x-y"), "1");
  EXPECT_EQ(find_header(headers, "x"), "");
  EXPECT_EQ(find_header({}, "x"), "");
}

TEST(HttpTargetTest, takes_path_and_query_apart) {
  const HttpTarget target = parse_target("/a%20b/c+d?x=1&y=%2F+z&x=2&flag&=v&&e=a=b");
  EXPECT_EQ(target.path, "/a b/c+d");
  EXPECT_THAT(target.query, ElementsAre(Pair("x", "1"), Pair("y", "/ z"), Pair("x", "2"), Pair("flag", ""),
                                        Pair("", "v"), Pair("e", "a=b")));
  EXPECT_EQ(target.param("x"), "1");
  EXPECT_THAT(target.params("x"), ElementsAre("1", "2"));
  EXPECT_EQ(target.param("none"), "");
  EXPECT_THAT(target.params("none"), IsEmpty());
}

TEST(HttpTargetTest, leaves_malformed_escapes_as_they_are) {
  EXPECT_EQ(parse_target("/%zz%4%").path, "/%zz%4%");
  EXPECT_THAT(parse_form("a=%&b=%2&c=%41"), ElementsAre(Pair("a", "%"), Pair("b", "%2"), Pair("c", "A")));
}

TEST(HttpTargetTest, has_no_query_without_one) {
  EXPECT_THAT(parse_target("/").query, IsEmpty());
  EXPECT_THAT(parse_target("/?").query, IsEmpty());
  EXPECT_EQ(parse_target("").path, "");
  EXPECT_THAT(parse_form("&&"), IsEmpty());
}

TEST(HttpTargetTest, a_query_may_hold_question_marks_and_any_bytes) {
  EXPECT_EQ(parse_target("/q?query=up?1").param("query"), "up?1");
  EXPECT_EQ(parse_target("/q?x=%00%ff").param("x"), std::string_view("\0\xff", 2));
}

}  // namespace
}  // namespace sluice
