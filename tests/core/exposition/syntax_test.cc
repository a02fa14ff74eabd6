#include "core/exposition/syntax.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::exposition {
namespace {

TEST(SyntaxTest, numbers_are_decimal_infinite_or_nan) {
  EXPECT_EQ(parse_number("1.5e3"), 1500.0);
  EXPECT_EQ(parse_number("-Inf"), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(parse_number("NaN").value()));
  for (const char* text : {"", "0x1p3", "1_0", "1p3", "abc", " 1"}) EXPECT_FALSE(parse_number(text)) << text;
}

TEST(SyntaxTest, timestamps_clamp) {
  EXPECT_EQ(clamp_to_timestamp(1.9), from_unix_ms(1));
  EXPECT_EQ(clamp_to_timestamp(-1.1), from_unix_ms(-2));
  EXPECT_EQ(clamp_to_timestamp(std::nan("")), from_unix_ms(0));
  EXPECT_GT(clamp_to_timestamp(HUGE_VAL), from_unix_ms(int64_t{1} << 62));
}

TEST(SyntaxTest, a_cursor_takes_what_is_there_and_nothing_else) {
  LineCursor cursor("name:x{a=\"b\\\"\\n\\q\"} 1\t2 rest of it");
  EXPECT_EQ(cursor.take_name(false), "name");
  EXPECT_EQ(cursor.take_name(true), ":x");
  EXPECT_FALSE(cursor.take('['));
  EXPECT_TRUE(cursor.take("{a="));
  EXPECT_EQ(cursor.take_quoted(true), "b\"\n\\q");
  EXPECT_TRUE(cursor.take('}'));
  cursor.skip_blanks();
  EXPECT_EQ(cursor.take_word(), "1");
  cursor.skip_blanks();
  EXPECT_EQ(cursor.take_word(), "2");
  EXPECT_EQ(cursor.take_rest(), " rest of it");
  EXPECT_TRUE(cursor.at_end());
  EXPECT_EQ(cursor.peek(), '\0');
  EXPECT_EQ(cursor.take_word(), "");
}

TEST(SyntaxTest, quoted_text_must_end_and_escape_as_the_format_allows) {
  EXPECT_FALSE(LineCursor("\"abc").take_quoted(true));
  EXPECT_FALSE(LineCursor("\"abc\\").take_quoted(true));
  EXPECT_FALSE(LineCursor("abc").take_quoted(true));
  EXPECT_FALSE(LineCursor("\"\\q\"").take_quoted(false));
}

TEST(SyntaxTest, lines_are_counted_and_an_open_end_is_told) {
  LineReader reader("a\n\nb");
  EXPECT_EQ(reader.next(), "a");
  EXPECT_EQ(reader.next(), "");
  EXPECT_TRUE(reader.ended_with_newline());
  EXPECT_EQ(reader.next(), "b");
  EXPECT_FALSE(reader.ended_with_newline());
  EXPECT_EQ(reader.line(), 3);
  EXPECT_EQ(reader.next(), std::nullopt);
}

}  // namespace
}  // namespace sluice::exposition
