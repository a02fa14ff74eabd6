#include "agent/config/yaml.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::config {
namespace {

// Parses and prints the tree in flow style, or the mistakes, one a line.
std::string show(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kScalar:
      return node.quoted ? quote(node.scalar) : node.scalar;
    case Node::Kind::kSequence: {
      std::string out;
      for (const Node& item : node.items) out += (out.empty() ? "" : ",") + show(item);
      return "[" + out + "]";
    }
    case Node::Kind::kMap: {
      std::string out;
      for (const Entry& entry : node.entries)
        out += (out.empty() ? "" : ",") + entry.key + ":" + show(entry.value);
      return "{" + out + "}";
    }
  }
  return "?";
}

std::string listed(const Mistakes& mistakes) {
  std::string out;
  for (const Mistake& mistake : mistakes) out += mistake.to_string() + "\n";
  return out;
}

std::string parse(std::string_view text, const Environment* environment = nullptr) {
  Diagnostics diagnostics("f.yml");
  const auto node = parse_yaml(text, diagnostics, environment);
  EXPECT_EQ(node.has_value(), diagnostics.ok());
  return node ? show(*node) : listed(diagnostics.mistakes());
}

TEST(YamlTest, keeps_order_and_tells_quoted_from_plain) {
  EXPECT_EQ(parse("b: 1\na: ['1', x]\nc:\n  d: null\n"), "{b:1,a:[\"1\",x],c:{d:null}}");
}

TEST(YamlTest, an_empty_file_is_a_null_node) {
  EXPECT_EQ(parse("# nothing\n"), "null");
}

TEST(YamlTest, a_duplicate_key_is_a_mistake_at_its_second_place) {
  EXPECT_EQ(parse("a: 1\nb: 2\na: 3\n"), "f.yml:3:1: key \"a\" is already set in this map\n");
}

TEST(YamlTest, a_quote_that_is_never_closed_is_found_where_it_opens) {
  EXPECT_EQ(parse("a: 'x\nb: 2\n"), "f.yml:1:4: this quote is never closed\n");
  EXPECT_EQ(parse("a: 'it''s'\nb: \"say \\\"so\\\"\"\n"), "{a:\"it's\",b:\"say \\\"so\\\"\"}")
      << "closed quotes are not";
}

TEST(YamlTest, a_line_without_a_colon_is_a_mistake) {
  EXPECT_EQ(parse("a: 1\nb\n"), "f.yml:2:1: expected a colon after \"b\"\n");
  EXPECT_EQ(parse("a: 1\nb\nc: 2\n").substr(0, 8), "f.yml:3:") << "in the middle it is found one line later";
}

TEST(YamlTest, merge_keys_fill_what_the_map_lacks) {
  EXPECT_EQ(parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n"), "{base:{x:1,y:2},use:{y:3,x:1}}");
}

TEST(YamlTest, a_second_document_is_a_mistake) {
  EXPECT_NE(parse("a: 1\n---\nb: 2\n").find("a second document"), std::string::npos);
}

TEST(YamlTest, an_alias_bomb_meets_the_bound) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i,
                        i - 1);
  }
  EXPECT_NE(parse(bomb).find("more than 500000 nodes"), std::string::npos);
}

TEST(YamlTest, deep_nesting_meets_the_bound) {
  EXPECT_NE(parse(std::string(100, '[') + std::string(100, ']')).find("nested deeper"), std::string::npos);
}

TEST(YamlTest, bytes_that_are_not_text_are_refused) {
  EXPECT_EQ(parse("a: \xff\n"), "f.yml:1:1: not valid UTF-8\n");
  EXPECT_EQ(parse("a: 1\nb: \x01\n"), "f.yml:2:4: a control character\n");
}

TEST(YamlTest, variables_are_replaced_in_values_only) {
  const Environment environment = {{"HOST", "db1"}, {"EMPTY", ""}};
  EXPECT_EQ(parse("a: http://${HOST}/${HOST}\n", &environment), "{a:http://db1/db1}");
  EXPECT_EQ(parse("a: ${PORT:-80}-${EMPTY:-x}-${EMPTY}\n", &environment), "{a:80-x-}");
  EXPECT_EQ(parse("a: $${HOST}\n", &environment), "{a:${HOST}}");
  EXPECT_EQ(parse("a: ${NO}\nb: ${NOR}\n", &environment),
            "f.yml:1:4: the environment variable NO is not set\nf.yml:2:4: the environment variable NOR is "
            "not set\n");
  EXPECT_EQ(parse("a: ${HOST}\n"), "{a:${HOST}}") << "without an environment text stays as it is";
}

TEST(YamlTest, a_value_from_the_environment_cannot_change_the_structure) {
  const Environment environment = {{"EVIL", "x\nadmin: true"}};
  EXPECT_EQ(parse("a: ${EVIL}\n", &environment), "{a:x\nadmin: true}");
}

struct Settings {
  Duration interval = 15s;
  int rise = 2;
  bool on = false;
  double share = 0.5;
  size_t bytes = 0;
  std::string mode = "enforce";
  std::vector<std::string> targets;
  Labels labels;
};

std::string read(std::string_view text, Settings* out = nullptr) {
  Diagnostics diagnostics("f.yml");
  const auto node = parse_yaml(text, diagnostics);
  if (!node) return listed(diagnostics.mistakes());
  Settings settings;
  Fields fields(*node, diagnostics, "");
  fields.duration("interval", settings.interval, 1s, 1h);
  fields.integer("rise", settings.rise, 1, 100);
  fields.boolean("on", settings.on);
  fields.number("share", settings.share, 0, 1);
  fields.bytes("bytes", settings.bytes);
  fields.choice("mode", settings.mode, {"enforce", "shadow"});
  fields.strings("targets", settings.targets);
  fields.labels("labels", settings.labels);
  fields.done();
  if (out != nullptr) *out = settings;
  return listed(diagnostics.mistakes());
}

TEST(FieldsTest, reads_what_is_there_and_leaves_defaults_for_the_rest) {
  Settings settings;
  EXPECT_EQ(
      read(
          "interval: 1m30s\nrise: 3\non: yes\nbytes: 2MB\nmode: shadow\ntargets: [a, b]\nlabels: {zone: b}\n",
          &settings),
      "");
  EXPECT_EQ(settings.interval, 90s);
  EXPECT_EQ(settings.rise, 3);
  EXPECT_TRUE(settings.on);
  EXPECT_EQ(settings.share, 0.5);
  EXPECT_EQ(settings.bytes, 2'000'000u);
  EXPECT_EQ(settings.mode, "shadow");
  EXPECT_EQ(settings.targets, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings.labels, (Labels{{"zone", "b"}}));
}

TEST(FieldsTest, every_mistake_is_reported_with_its_place) {
  EXPECT_EQ(read("intervall: 5s\n"
                 "rise: 0\n"
                 "on: perhaps\n"
                 "share: 2\n"
                 "bytes: lots\n"
                 "mode: shadwo\n"
                 "targets: {a: b}\n"),
            "f.yml:2:7: rise must be from 1 to 100\n"
            "f.yml:3:5: on must be true or false, not \"perhaps\"\n"
            "f.yml:4:8: share must be from 0 to 1\n"
            "f.yml:5:8: bytes must be a size such as 10MB, not \"lots\"\n"
            "f.yml:6:7: mode: \"shadwo\" is not one of enforce, shadow, did you mean \"shadow\"?\n"
            "f.yml:7:10: targets must be a list of strings, not a map\n"
            "f.yml:1:1: unknown key \"intervall\", did you mean \"interval\"?\n");
}

TEST(FieldsTest, ten_thousand_mistakes_are_counted_and_a_thousand_are_told) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += fmt::format("key{}: 1\n", i);
  Diagnostics diagnostics("f.yml");
  const auto node = parse_yaml(text, diagnostics);
  ASSERT_TRUE(node.has_value());
  Fields(*node, diagnostics, "").done();
  const Mistakes mistakes = diagnostics.take();
  ASSERT_EQ(mistakes.size(), 1001u);
  EXPECT_EQ(mistakes.back().to_string(), "f.yml: and 9000 more mistakes");
}

}  // namespace
}  // namespace sluice::config
