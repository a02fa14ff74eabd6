#include "rules/promql/lexer.h"

#include <gtest/gtest.h>

namespace sluice::promql {
namespace {

// The tokens as messages name them.
std::string tokens(const std::string& query) {
  Lexer lexer(query);
  std::string out;
  for (;;) {
    const Token token = lexer.next();
    if (!out.empty()) out += " ";
    out += token.describe();
    if (token.kind == TokenKind::kEnd || token.kind == TokenKind::kError) return out;
  }
}

TEST(LexerTest, names_tokens_as_messages_do) {
  EXPECT_EQ(tokens("foo"), "identifier \"foo\" end of input");
  EXPECT_EQ(tokens("a:b + 5m"), "metric identifier \"a:b\" <op:+> duration \"5m\" end of input");
  EXPECT_EQ(tokens("SUM By bool"), "<aggr:SUM> <By> <bool> end of input");
  EXPECT_EQ(tokens("x >= 1.5e-3"), "identifier \"x\" <op:>=> number \"1.5e-3\" end of input");
  EXPECT_EQ(tokens("{a!~'b'}"), "\"{\" identifier \"a\" <op:!~> string \"'b'\" \"}\" end of input");
  EXPECT_EQ(tokens("\"a long string\""), "string \"\\\"a long st\"... end of input");
  EXPECT_EQ(tokens("inf NaN"), "number \"inf\" number \"NaN\" end of input");
  EXPECT_EQ(tokens("x[5m:]"), "identifier \"x\" \"[\" duration \"5m\" \":\" \"]\" end of input");
  EXPECT_EQ(tokens("x @ end()"), "identifier \"x\" <op:@> \"end\" \"(\" \")\" end of input");
  EXPECT_EQ(tokens(" # all comment"), "end of input");
  EXPECT_EQ(tokens("sum{sum=\"x\"}"),
            "<aggr:sum> \"{\" identifier \"sum\" \"=\" string \"\\\"x\\\"\" \"}\" end of input");
}

TEST(LexerTest, ends_with_the_first_error) {
  Lexer lexer("1 ? 2");
  EXPECT_EQ(lexer.next().kind, TokenKind::kNumber);
  EXPECT_EQ(lexer.next().kind, TokenKind::kError);
  const Token again = lexer.next();
  EXPECT_EQ(again.kind, TokenKind::kError);
  EXPECT_EQ(again.message, "unexpected character: '?'");
  EXPECT_EQ(tokens("x{\xc3\xa4=\"1\"}"), "identifier \"x\" \"{\" unexpected character inside braces: 'ä'");
}

TEST(LexerTest, takes_numbers_of_all_notations) {
  for (const char* number : {"1", "1.", ".5", "0x1f", "0X_1F", "1_000", "1e3", "1.5E+10", "0755"}) {
    EXPECT_EQ(tokens(number), "number \"" + std::string(number) + "\" end of input");
  }
  for (const char* bad : {"1..2", "1e", "1__0", "0x1.5", "1x", "5mx", "1h2", "1e5e5"}) {
    EXPECT_TRUE(tokens(bad).starts_with("bad number or duration syntax: ")) << bad;
  }
}

}  // namespace
}  // namespace sluice::promql
