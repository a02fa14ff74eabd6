#include "core/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/random.h"

namespace sluice {
namespace {

using testing::ElementsAre;

std::vector<Label> list(const Labels& labels) {
  return {labels.begin(), labels.end()};
}

TEST(LabelsTest, a_set_is_sorted_unique_and_without_empty_values) {
  const Labels labels = Labels::from({{"b", "1"}, {"a", "2"}, {"c", ""}, {"b", "3"}});
  EXPECT_THAT(list(labels), ElementsAre(Label{"a", "2"}, Label{"b", "3"}));
  EXPECT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels.get("b"), "3");
  EXPECT_EQ(labels.get("c"), "");
  EXPECT_EQ(labels.get(""), "");
  EXPECT_FALSE(labels.has("c"));
}

TEST(LabelsTest, what_only_looks_like_a_label_set_may_keep_its_empty_values) {
  const Labels kept = Labels::keeping_empty({{"b", ""}, {"a", "2"}, {"b", "3"}, {"c", ""}});
  EXPECT_THAT(list(kept), ElementsAre(Label{"a", "2"}, Label{"b", "3"}, Label{"c", ""}));
  EXPECT_NE(kept, Labels::from(list(kept)));
  EXPECT_TRUE(Labels::from({{"c", ""}}).empty());
  EXPECT_EQ(Labels::keeping_empty({{"c", ""}}).size(), 1u);
}

TEST(LabelsTest, of_two_equal_names_an_empty_last_value_removes_the_label) {
  EXPECT_TRUE(Labels::from({{"a", "1"}, {"a", ""}}).empty());
}

TEST(LabelsTest, the_empty_set_is_a_value_like_any_other) {
  const Labels none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_EQ(none, Labels::from({}));
  EXPECT_EQ(none.hash(), Labels::from({{"a", ""}}).hash());
  EXPECT_EQ(none.to_string(), "{}");
  EXPECT_LT(none, (Labels{{"a", "1"}}));
  EXPECT_EQ(none.with("a", ""), none);
}

TEST(LabelsTest, sets_and_removes_labels_without_touching_copies) {
  Labels labels{{"b", "1"}};
  const Labels copy = labels;
  labels.set("a", "0");
  labels.set("c", "2");
  labels.set("b", "x");
  EXPECT_EQ(labels, (Labels{{"a", "0"}, {"b", "x"}, {"c", "2"}}));
  labels.set("b", "");
  EXPECT_EQ(labels, (Labels{{"a", "0"}, {"c", "2"}}));
  EXPECT_EQ(copy, (Labels{{"b", "1"}}));
  EXPECT_EQ(copy.without("b"), Labels());
  EXPECT_EQ(copy.without("other"), copy);
  labels = labels.without("a");
  EXPECT_EQ(labels, (Labels{{"c", "2"}}));
}

TEST(LabelsTest, keeps_names_and_values_of_any_length_and_any_bytes) {
  for (const size_t length : {1, 15, 127, 128, 129, 16383, 16384, 100000}) {
    const std::string text(length, 'x');
    const Labels labels{{text, "v"}, {"a", text}, {"z", std::string("\0\xff", 2)}};
    EXPECT_EQ(labels.get(text), "v");
    EXPECT_EQ(labels.get("a"), text);
    EXPECT_EQ(labels.get("z"), std::string_view("\0\xff", 2));
    EXPECT_EQ(labels.size(), 3u);
  }
}

TEST(LabelsTest, orders_by_name_then_value_label_by_label) {
  const std::vector<Labels> ascending = {
      {},
      {{"a", "1"}},
      {{"a", "1"}, {"b", "1"}},
      {{"a", "10"}},
      {{"a", "2"}},
      {{"a", "\xc3\xa9"}},
      {{"ab", "1"}},
      {{"b", "0"}},
  };
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t k = 0; k < ascending.size(); ++k) {
      EXPECT_EQ(ascending[i] < ascending[k], i < k) << ascending[i].to_string() << ascending[k].to_string();
      EXPECT_EQ(ascending[i] == ascending[k], i == k);
    }
  }
}

TEST(LabelsTest, the_hash_is_the_same_for_ever) {
  // Computed apart from this code: FNV-1a 64 over "a" ff "1" ff.
  EXPECT_EQ((Labels{{"a", "1"}}).hash(), 0xd3b971819376d835ULL) << std::hex << (Labels{{"a", "1"}}).hash();
  EXPECT_NE((Labels{{"a", "1b"}}).hash(), (Labels{{"a1", "b"}}).hash());
}

TEST(LabelsTest, prints_as_prometheus_does) {
  EXPECT_EQ((Labels{{"__name__", "up"}}).to_string(), "up");
  EXPECT_EQ((Labels{{"__name__", "up"}, {"job", "a"}, {"x", "q\"\\\n"}}).to_string(),
            "up{job=\"a\", x=\"q\\\"\\\\\\n\"}");
  EXPECT_EQ((Labels{{"job", "a"}}).to_string(), "{job=\"a\"}");
  EXPECT_EQ((Labels{{"__name__", "a.b"}, {"c d", "e"}}).to_string(), "{\"a.b\", \"c d\"=\"e\"}");
}

TEST(LabelsTest, behaves_like_a_sorted_map_on_random_operations) {
  const uint64_t seed = 20240607;
  SCOPED_TRACE(seed);
  Random random(seed);
  std::map<std::string, std::string> model;
  Labels labels;
  for (int i = 0; i < 5000; ++i) {
    const std::string name(1 + random.below(2), static_cast<char>('a' + random.below(6)));
    const std::string value(random.below(4) * random.below(60), static_cast<char>('0' + random.below(10)));
    labels.set(name, value);
    model[name] = value;
    if (value.empty()) model.erase(name);
    ASSERT_EQ(labels.size(), model.size());
    std::vector<Label> expected;
    for (const auto& [n, v] : model) expected.push_back({n, v});
    ASSERT_EQ(list(labels), expected);
    const Labels rebuilt = Labels::from(expected);
    ASSERT_EQ(rebuilt, labels);
    ASSERT_EQ(rebuilt.hash(), labels.hash());
    ASSERT_EQ(rebuilt <=> labels, std::strong_ordering::equal);
  }
}

TEST(LabelNameTest, tells_classic_names_from_others) {
  for (const char* name : {"a", "_", "A9_b", "__name__"}) EXPECT_TRUE(is_classic_label_name(name)) << name;
  for (const char* name : {"", "9a", "a:b", "a-b", "a b", "\xc3\xa9"})
    EXPECT_FALSE(is_classic_label_name(name)) << name;
  EXPECT_TRUE(is_classic_metric_name(":a:b"));
  EXPECT_FALSE(is_classic_metric_name(""));
  EXPECT_FALSE(is_classic_metric_name("1a"));
  EXPECT_FALSE(is_classic_metric_name("a.b"));
}

TEST(Utf8Test, accepts_exactly_valid_utf8) {
  for (const std::string_view text : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                      "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
  }
  for (const std::string_view text :
       {"\x80", "\xc3", "a\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff", "\xe2\x82", "\xe2\x28\xa1", "\xf0\x9f\x98", "\xc3\xc3"}) {
    EXPECT_FALSE(is_valid_utf8(text)) << testing::PrintToString(std::string(text));
  }
}

struct MatcherCase {
  MatchOp op;
  const char* value;
  std::vector<const char*> accepted, refused;
};

TEST(MatcherTest, accepts_what_prometheus_accepts) {
  const std::vector<MatcherCase> cases = {
      {MatchOp::kEqual, "a", {"a"}, {"", "ab", "A"}},
      {MatchOp::kEqual, "", {""}, {"a"}},
      {MatchOp::kNotEqual, "a", {"", "b"}, {"a"}},
      {MatchOp::kNotEqual, "", {"b"}, {""}},
      {MatchOp::kRegex, "a|b", {"a", "b"}, {"", "ab", "xa", "bx"}},
      {MatchOp::kRegex, "a|", {"a", ""}, {"b"}},
      {MatchOp::kRegex, "(?:a|b)", {"a", "b"}, {"ab", "|"}},
      {MatchOp::kRegex, "(a|b)c", {"ac", "bc"}, {"a", "b", "c"}},
      {MatchOp::kRegex, "a\\.b|c", {"a.b", "c"}, {"axb"}},
      {MatchOp::kRegex, "a\\|b", {"a|b"}, {"a", "b"}},
      {MatchOp::kRegex, "a\\d|b", {"a1", "b"}, {"ad"}},
      {MatchOp::kRegex, "(?i)a|b", {"A", "b", "B"}, {"c"}},
      {MatchOp::kRegex, ".*", {"", "a", "a\nb"}, {}},
      {MatchOp::kRegex, ".+", {"a", "\n"}, {""}},
      {MatchOp::kRegex, "a.*", {"a", "ab", "a\n"}, {"", "b", "ba"}},
      {MatchOp::kRegex, "a.+", {"ab"}, {"a"}},
      {MatchOp::kRegex, ".*a", {"a", "ba", "\na"}, {"", "ab"}},
      {MatchOp::kRegex, ".*a.*", {"a", "bab"}, {"", "b"}},
      {MatchOp::kRegex, "a.b", {"axb", "a\nb"}, {"ab"}},
      {MatchOp::kRegex, "", {""}, {"a"}},
      {MatchOp::kRegex, "5..", {"500", "5xx"}, {"50", "4xx"}},
      {MatchOp::kRegex, "^a$", {"a"}, {"ab"}},
      {MatchOp::kRegex, "a{2}", {"aa"}, {"a", "a{2}"}},
      {MatchOp::kNotRegex, "a|b", {"", "c", "ab"}, {"a", "b"}},
      {MatchOp::kNotRegex, ".+", {""}, {"a"}},
      {MatchOp::kNotRegex, ".*", {}, {"", "a"}},
  };
  for (const MatcherCase& c : cases) {
    const auto matcher = Matcher::make(c.op, "x", c.value);
    ASSERT_TRUE(matcher.has_value()) << c.value;
    for (const char* value : c.accepted)
      EXPECT_TRUE(matcher->matches(value)) << matcher->to_string() << " " << value;
    for (const char* value : c.refused)
      EXPECT_FALSE(matcher->matches(value)) << matcher->to_string() << " " << value;
    EXPECT_EQ(matcher->matches_empty(), matcher->matches(Labels{{"y", "1"}}));
  }
}

TEST(MatcherTest, refuses_what_is_not_a_regular_expression) {
  for (const char* pattern : {"(", "a{5,2}", "[", "*", "\\", "(?<!a)b", "a**"}) {
    EXPECT_FALSE(Matcher::make(MatchOp::kRegex, "x", pattern).has_value()) << pattern;
  }
  EXPECT_THAT(Matcher::make(MatchOp::kRegex, "x", "(").error().message,
              testing::HasSubstr("error parsing regexp"));
}

TEST(MatcherTest, prints_as_it_is_written) {
  EXPECT_EQ(Matcher::make(MatchOp::kNotRegex, "job", "a\"b")->to_string(), "job!~\"a\\\"b\"");
  EXPECT_EQ(Matcher::make(MatchOp::kEqual, "a.b", "c")->to_string(), "\"a.b\"=\"c\"");
}

}  // namespace
}  // namespace sluice
