#include "rules/promql/parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rules/promql/ast.h"

namespace sluice::promql {
namespace {

std::string error_of(const std::string& query) {
  const Result<ExprPtr> expr = parse(query);
  return expr ? "no error: " + to_string(**expr) : expr.error().message;
}

std::string printed(const std::string& query) {
  const Result<ExprPtr> expr = parse(query);
  return expr ? to_string(**expr) : expr.error().message;
}

struct Case {
  std::string query;
  std::string expected;
};

TEST(ParserTest, prints_what_it_read_in_one_way) {
  const std::vector<Case> cases = {
      {"1", "1"},
      {"+Inf", "Inf"},
      {"1 - inf ^ a", "1 - Inf ^ a"},
      {"-.5e-3", "-0.0005"},
      {"0x1F", "31"},
      {"0755", "493"},
      {"1_000.25", "1000.25"},
      {"5m", "5m"},
      {"1h30m*2", "1h30m * 2"},
      {"'it''s'", "1:5: parse error: unexpected string \"'s'\""},
      {"'a\\'b\"c'", "\"a'b\\\"c\""},
      {"`raw\\n`", "\"raw\\\\n\""},
      {"\"\\x41\\u00e9\\101\"", "\"A\u00e9A\""},
      {"foo", "foo"},
      {"foo{}", "foo"},
      {"foo{a=\"b\",c!='d',e=~`f.*`,g!~\"h\",}", "foo{a=\"b\",c!=\"d\",e=~\"f.*\",g!~\"h\"}"},
      {"{\"a.b\",\"c d\"=\"e\"}", "{__name__=\"a.b\",\"c d\"=\"e\"}"},
      {"foo[5m]", "foo[5m]"},
      {"foo[300]", "foo[5m]"},
      {"foo[1.5]", "foo[1s500ms]"},
      {"foo offset 5m", "foo offset 5m"},
      {"foo[1m] offset -1w", "foo[1m] offset -1w"},
      {"foo OFFSET 90", "foo offset 1m30s"},
      {"foo @ 1609746000", "foo @ 1609746000.000"},
      {"foo @ -1.5 offset 1m", "foo @ -1.500 offset 1m"},
      {"foo[5m] offset 1m @ start()", "foo[5m] @ start() offset 1m"},
      {"foo @ end()", "foo @ end()"},
      {"foo @ 1m40s", "foo @ 100.000"},
      {"foo[5m:]", "foo[5m:]"},
      {"(foo + bar)[1h:10s] @ 10 offset 5m", "(foo + bar)[1h:10s] @ 10.000 offset 5m"},
      {"sum(foo)by(a,\"b c\")", "sum by (a, \"b c\") (foo)"},
      {"SUM WITHOUT () (foo)", "sum without () (foo)"},
      {"topk by (a) (3, foo)", "topk by (a) (3, foo)"},
      {"count_values(\"v\", foo)", "count_values(\"v\", foo)"},
      {"a+b*c^d^e", "a + b * c ^ d ^ e"},
      {"a == bool on(x) b", "a == bool on (x) b"},
      {"a / ignoring(x,y) group_left b", "a / ignoring (x, y) group_left () b"},
      {"a * on() group_right(z) b", "a * on () group_right (z) b"},
      {"a and on(x) b or c unless d", "a and on (x) b or c unless d"},
      {"-a^2", "-a ^ 2"},
      {"- - 1", "1"},
      {"time()", "time()"},
      {"rate(foo[5m]) # a comment", "rate(foo[5m])"},
      {"sum", "sum"},
      {"sum{a=\"b\"} + by", "sum{a=\"b\"} + by"},
      {"start + end + offset + step", "start + end + offset + step"},
      {"fill + fill_left", "fill + fill_left"},
      {"colon:in:name", "colon:in:name"},
  };
  for (const Case& c : cases) EXPECT_EQ(printed(c.query), c.expected) << c.query;
}

TEST(ParserTest, reports_the_first_mistake_in_prometheus_words) {
  const std::vector<Case> cases = {
      {"", "unknown position: parse error: no expression found in input"},
      {"# comment\n", "1:1: parse error: no expression found in input"},
      {"1+", "1:3: parse error: unexpected end of input"},
      {"1 /", "1:4: parse error: unexpected end of input"},
      {".", "1:1: parse error: unexpected character: '.'"},
      {"2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""},
      {"100..4", "1:1: parse error: bad number or duration syntax: \"100..\""},
      {"0deadbeef", "1:1: parse error: bad number or duration syntax: \"0de\""},
      {"1_", "1:1: parse error: bad number or duration syntax: \"1_\""},
      {"*1", "1:1: parse error: unexpected <op:*>"},
      {"(1))", "1:5: parse error: unexpected right parenthesis ')'"},
      {"((1)", "1:5: parse error: unclosed left parenthesis"},
      {"(", "1:2: parse error: unclosed left parenthesis"},
      {"1 !~ 1", "1:3: parse error: unexpected character after '!': '~'"},
      {"1 =~ 1", "1:3: parse error: unexpected character after '=': '~'"},
      {"1 = 1", "1:3: parse error: unexpected \"=\""},
      {"@@", "1:1: parse error: unexpected <op:@>"},
      {"foo bar", "1:5: parse error: unexpected identifier \"bar\""},
      {"a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>"},
      {"foo\n  + bar baz", "2:9: parse error: unexpected identifier \"baz\""},
      {"\"unterminated", "1:1: parse error: unterminated quoted string"},
      {"`unterminated", "1:1: parse error: unterminated raw string"},
      {"\"\\z\"", "1:1: parse error: unknown escape sequence U+007A 'z'"},
      {"\"\\x0g\"", "1:1: parse error: illegal character U+0067 'g' in escape sequence"},
      {"\"\xff\"", "1:1: parse error: invalid UTF-8 rune"},

      {"1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
      {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
      {"foo + bool bar", "1:5: parse error: bool modifier can only be used on comparison operators"},
      {"-\"string\"",
       "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "
       "\"string\""},
      {"-foo[5m]",
       "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "
       "\"range "
       "vector\""},
      {"foo == on(bar) 10", "1:1: parse error: vector matching only allowed between instant vectors"},
      {"foo or on(bar) group_left(baz) bar", "1:1: parse error: no grouping allowed for \"or\" operation"},
      {"a * on(x) group_left(x) b",
       "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"},
      {"foo + \"x\"",
       "1:7: parse error: binary expression must contain only scalar and instant vector types"},

      {"1 offset 1d",
       "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector "
       "selector or a "
       "subquery"},
      {"foo offset 1s offset 2s", "1:1: parse error: offset may not be set multiple times"},
      {"foo offset",
       "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"},
      {"foo @", "1:6: parse error: unexpected end of input in @, expected timestamp"},
      {"foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
      {"rate(foo[5m]) @ 1",
       "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector "
       "or a "
       "subquery"},
      {"foo @ inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},

      {"{", "1:2: parse error: unexpected end of input inside braces"},
      {"}", "1:1: parse error: unexpected character: '}'"},
      {"foo{a=b}", "1:7: parse error: unexpected identifier \"b\" in label matching, expected string"},
      {"foo{a:b=\"b\"}", "1:6: parse error: unexpected character inside braces: ':'"},
      {"foo{gibberish}",
       "1:14: parse error: unexpected \"}\" in label matching, expected label matching operator"},
      {"foo{,}", "1:5: parse error: unexpected \",\" in label matching, expected identifier or \"}\""},
      {"foo{a=\"b\" c}",
       "1:11: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\""},
      {"foo{a==\"b\"}", "1:7: parse error: unexpected \"=\" in label matching, expected string"},
      {"foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
      {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"{x=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"{x!=\"a\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},

      {"foo[]",
       "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), "
       "or range()"},
      {"foo[:5m]", "1:6: parse error: unexpected colon before duration in duration expression"},
      {"foo[)]", "1:6: parse error: unexpected right parenthesis ')'"},
      {"foo @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},
      {"a * on(x) group_left", "1:21: parse error: unexpected end of input in grouping opts, expected \"(\""},
      {"(a * on(x) group_left)", "1:22: parse error: unexpected \")\" in grouping opts, expected \"(\""},
      {"foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\""},
      {"foo[5m1h]", "1:5: parse error: not a valid duration string: \"5m1h\""},
      {"foo[0m]", "1:5: parse error: duration must be greater than 0"},
      {"foo[-1]", "1:5: parse error: duration must be greater than 0"},
      {"foo[\"5m\"]", "1:5: parse error: unexpected character in duration expression: '\"'"},
      {"foo[5m", "1:7: parse error: unclosed left bracket"},
      {"foo[5m:1m1]", "1:8: parse error: bad number or duration syntax: \"1m1\""},
      {"foo[5m::]", "1:8: parse error: unexpected colon ':'"},
      {"foo offset 1m[5m]", "1:14: parse error: no offset modifiers allowed before range"},
      {"foo @ 5 [5m]", "1:9: parse error: no @ modifiers allowed before range"},
      {"(foo + bar)[5m]", "1:12: parse error: ranges only allowed for vector selectors"},
      {"foo[5m][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"},

      {"sum some_metric by (test)", "1:5: parse error: unexpected identifier \"some_metric\""},
      {"sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation"},
      {"sum(rate(foo bar))", "1:14: parse error: unexpected identifier \"bar\" in aggregation"},
      {"sum(foo) by test",
       "1:13: parse error: unexpected identifier \"test\" in grouping opts, expected \"(\""},
      {"sum without(==)(foo)", "1:13: parse error: unexpected <op:==> in grouping opts, expected label"},
      {"sum by (a b)(foo)",
       "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""},
      {"sum (foo) without (a) by (b)", "1:23: parse error: unexpected <by>"},
      {"min()", "1:1: parse error: no arguments for aggregate expression provided"},
      {"topk(foo)",
       "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"},
      {"topk(foo,)", "1:9: parse error: trailing commas not allowed in function call args"},
      {"topk(foo, bar)",
       "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"},
      {"count_values(5, foo)",
       "1:14: parse error: expected type string in aggregation parameter, got scalar"},
      {"sum(foo[5m])",
       "1:5: parse error: expected type instant vector in aggregation expression, got range vector"},

      {"floor()", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0"},
      {"hour(a, b)", "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2"},
      {"label_join(a)", "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"},
      {"floor(1)",
       "1:7: parse error: expected type instant vector in call to function \"floor\", got scalar"},
      {"rate(foo)",
       "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"},
      {"nope(1)", "1:1: parse error: unknown function with name \"nope\""},
      {"nope(1", "1:7: parse error: unclosed left parenthesis"},

      {"mad_over_time(foo[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled"},
      {"limitk(1, foo)",
       "1:1: parse error: limitk() is experimental and must be enabled with "
       "--enable-feature=promql-experimental-functions"},
      {"foo[5m+1m]", "1:5: parse error: experimental duration expression is not enabled"},
      {"foo[step()]", "1:5: parse error: experimental duration expression is not enabled"},
      {"foo[5m:max(1m, 2m)]", "1:8: parse error: experimental duration expression is not enabled"},
      {"foo[MIN(step(), 5m)]", "1:5: parse error: experimental duration expression is not enabled"},
      {"foo offset -min(1m, 2m)", "1:13: parse error: experimental duration expression is not enabled"},
      {"foo[minute]", "1:5: parse error: unexpected character in duration expression: 'm'"},
      {"rate(foo[5m] smoothed)", "1:6: parse error: smoothed modifier is experimental and not enabled"},
      {"a + fill(0) b", "1:5: parse error: binop fill modifiers are experimental and not enabled"},
  };
  for (const Case& c : cases) EXPECT_EQ(error_of(c.query), c.expected) << c.query;
}

TEST(ParserTest, names_a_regex_that_does_not_compile) {
  EXPECT_TRUE(error_of("foo{a=~\"(\"}").starts_with("1:5: parse error: error parsing regexp: "));
}

TEST(ParserTest, knows_where_each_node_stands) {
  const std::string query = "  sum by (a) ( rate(foo{x=\"y\"}[5m] offset 1m) ) / -bar";
  const Result<ExprPtr> expr = parse(query);
  ASSERT_TRUE(expr);
  std::vector<std::string> texts;
  for_each_node(**expr, [&](const Expr& node) {
    texts.push_back(query.substr(node.span.begin, node.span.end - node.span.begin));
  });
  EXPECT_EQ(texts, (std::vector<std::string>{
                       "sum by (a) ( rate(foo{x=\"y\"}[5m] offset 1m) ) / -bar",
                       "sum by (a) ( rate(foo{x=\"y\"}[5m] offset 1m) )",
                       "rate(foo{x=\"y\"}[5m] offset 1m)",
                       "foo{x=\"y\"}[5m] offset 1m",
                       "foo{x=\"y\"}",
                       "-bar",
                       "bar",
                   }));
}

TEST(ParserTest, gives_equal_work_equal_text) {
  const Result<ExprPtr> a = parse("sum(rate(foo[5m]))by(x)>1");
  const Result<ExprPtr> b = parse("2 < sum by (x) ( rate( foo [300s] ) )");
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*a)->as<Binary>()->left->canonical, (*b)->as<Binary>()->right->canonical);
  EXPECT_EQ((*a)->as<Binary>()->left->canonical, "sum by (x) (rate(foo[5m]))");
}

TEST(ParserTest, bounds_depth_and_length) {
  std::string deep(1000, '(');
  deep += '1' + std::string(1000, ')');
  const Result<ExprPtr> nested = parse(deep);
  ASSERT_FALSE(nested);
  EXPECT_EQ(nested.error().kind, ErrorKind::kLimit);
  EXPECT_NE(nested.error().message.find("expression nests deeper than"), std::string::npos);

  std::string chain = "a";
  for (int i = 0; i < 1000; ++i) chain += " + a";
  EXPECT_FALSE(parse(chain));
  EXPECT_TRUE(parse(chain.substr(0, 4 * 300 + 1)));

  EXPECT_FALSE(parse(std::string(kQueryBytesMax + 1, ' ')));
}

TEST(ParserTest, reads_selectors_and_label_sets_alone) {
  const auto matchers = parse_selector("up{job=\"x\"}");
  ASSERT_TRUE(matchers);
  ASSERT_EQ(matchers->size(), 2u);
  EXPECT_EQ((*matchers)[0].to_string(), "job=\"x\"");
  EXPECT_FALSE(parse_selector("up[5m]"));
  EXPECT_FALSE(parse_selector("1"));

  EXPECT_EQ(parse_labels("up{job=\"x\",\"a b\"=\"c\"}").value(),
            (Labels{{"__name__", "up"}, {"job", "x"}, {"a b", "c"}}));
  EXPECT_EQ(parse_labels("{\"a.b\"}").value(), (Labels{{"__name__", "a.b"}}));
  EXPECT_EQ(parse_labels("{}").value(), Labels());
  EXPECT_FALSE(parse_labels("up{job=~\"x\"}"));
  EXPECT_FALSE(parse_labels("up 1"));
}

}  // namespace
}  // namespace sluice::promql
