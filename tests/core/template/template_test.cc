#include "core/template/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::gotmpl {
namespace {

using testing::HasSubstr;

const Type kKeyValues{"template.KV",
                      {{"Names",
                        {},
                        [](const Value& self, std::span<const Value>) -> Result<Value> {
                          List names;
                          for (const auto& [name, value] : self.as_map()) names.push_back(name);
                          return Value::list(names);
                        }},
                       {"Pick",
                        {Kind::kString},
                        [](const Value& self, std::span<const Value> args) -> Result<Value> {
                          const auto found = self.as_map().find(args[0].as_string());
                          if (found == self.as_map().end()) return invalid("no such key");
                          return found->second;
                        }}},
                      Kind::kString};

Value data() {
  const Value labels = Value::string_map(Labels{{"job", "auth"}, {"instance", "a:1"}}, &kKeyValues);
  const Value sample = Value::object({{"Name", "first"}, {"Value", 1.5}});
  return Value::object({
      {"Labels", labels},
      {"Plain", Value::map({{"b", 2}, {"a", 1}})},
      {"Strings", Value::string_map(Labels{{"x", "y"}})},
      {"List", Value::list({1, 2, 3})},
      {"Empty", Value::list({})},
      {"Samples", Value::list({sample, Value::object({{"Name", "second"}, {"Value", 2.0}})})},
      {"Value", 1234567.0},
      {"Int", 42},
      {"True", true},
      {"Name", "Sluice"},
      {"Nil", nullptr},
      {"At", from_unix_ms(1717243200250)},
      {"For", Duration(90s + 500ms)},
      {"Double",
       Value::function({{Kind::kInt},
                        false,
                        [](std::span<const Value> a) -> Result<Value> { return Value(a[0].as_int() * 2); }})},
  });
}

const Functions& functions() {
  static const Functions kFunctions = {
      {"toUpper",
       {{Kind::kString},
        false,
        [](std::span<const Value> args) -> Result<Value> {
          std::string text = args[0].as_string();
          for (char& c : text) c = static_cast<char>(std::toupper(c));
          return Value(text);
        }}},
      {"join",
       {{Kind::kString, Kind::kList},
        false,
        [](std::span<const Value> args) -> Result<Value> {
          std::string text;
          for (const Value& item : args[1].as_list())
            text += (text.empty() ? "" : args[0].as_string()) + item.print();
          return Value(text);
        }}},
      {"half",
       {{Kind::kFloat},
        false,
        [](std::span<const Value> a) -> Result<Value> { return Value(a[0].as_float() / 2); }}},
      {"fails", {{}, false, [](std::span<const Value>) -> Result<Value> { return invalid("it broke"); }}},
      {"count",
       {{Kind::kString, Kind::kAny},
        true,
        [](std::span<const Value> a) -> Result<Value> { return Value(static_cast<int64_t>(a.size())); }}},
      {"nothing", {{}, false, [](std::span<const Value>) -> Result<Value> { return Value(); }}},
  };
  return kFunctions;
}

struct Case {
  const char* text;
  const char* expected;
};

void check_all(const std::vector<Case>& cases, const ExecuteOptions& options = {}) {
  for (const Case& c : cases) {
    const Result<std::string> out = expand("t", c.text, data(), functions(), options);
    if (out) {
      EXPECT_EQ(*out, c.expected) << c.text;
    } else {
      EXPECT_EQ(out.error().message, c.expected) << c.text;
    }
  }
}

TEST(TemplateTest, copies_text_and_prints_values) {
  check_all({
      {"", ""},
      {"plain } } { {", "plain } } { {"},
      {"{{.Name}}", "Sluice"},
      {"a{{ .Int }}b", "a42b"},
      {"{{.Value}}", "1.234567e+06"},
      {"{{.True}} {{.Nil}}", "true <no value>"},
      {"{{.List}} {{.Empty}}", "[1 2 3] []"},
      {"{{.Plain}} {{.Labels}}", "map[a:1 b:2] map[instance:a:1 job:auth]"},
      {"{{.Samples}}", "[{first 1.5} {second 2}]"},
      {"{{.For}}", "1m30.5s"},
      {"{{.At}}", "2024-06-01 12:00:00.25 +0000 UTC"},
      {"{{\"quoted \\\"text\\\" \\u00e9\\n\"}}", "quoted \"text\" \xc3\xa9\n"},
      {"{{`raw \\n`}}", "raw \\n"},
      {"{{1}} {{-1}} {{+2}} {{1.5}} {{1e3}} {{0x10}} {{0b11}} {{0o17}} {{017}} {{1_000}} {{'a'}} {{'\\n'}}",
       "1 -1 2 1.5 1000 16 3 15 15 1000 97 10"},
      {"{{1e6}} {{0x1p4}} {{.5}}", "1e+06 16 0.5"},
      {"{{true}}{{false}}", "truefalse"},
  });
}

TEST(TemplateTest, trims_blanks_where_asked) {
  check_all({
      {"a \n {{- 1 -}} \t b", "a1b"},
      {"a {{1 -}} \n b", "a 1b"},
      {"a {{- 1}} b", "a1 b"},
      {"{{- /* x */ -}} a", "a"},
      {"a {{/* x\ny */}} b", "a  b"},
      {"a {{- /* x */}} b", "a b"},
      {"{{-1}}", "-1"},
      {"{{ 3\n}}", "3"},
      {"{{ 3   -}}  x", "3x"},
      {"{{23 -}} < {{- 45}}", "23<45"},
  });
}

TEST(TemplateTest, walks_fields_keys_and_methods) {
  check_all({
      {"{{.Labels.job}}", "auth"},
      {"{{$.Labels.job}}", "auth"},
      {"{{.Labels.missing}}|{{.Plain.missing}}|{{.Strings.nope}}", "|<no value>|"},
      {"{{.Labels.Names}}", "[instance job]"},
      {"{{.Labels.Pick \"job\"}} {{\"instance\" | .Labels.Pick}}", "auth a:1"},
      {"{{(index .Samples 1).Name}}", "second"},
      {"{{(.Labels.Pick \"job\") | toUpper}}", "AUTH"},
      {"{{.Nil.anything.at.all}}", "<no value>"},
      {"{{$x := .Labels}}{{$x.job}} {{$x.Names}}", "auth [instance job]"},
      {"{{.At.Unix}} {{.At.Year}} {{.At.Format \"Jan 2, 2006 at 3:04pm (MST)\"}}",
       "1717243200 2024 Jun 1, 2024 at 12:00pm (UTC)"},
      {"{{.For.Seconds}} {{(.For.Truncate 1000000000).String}}", "90.5 1m30s"},
      {"{{(.At.Add .For).Sub .At}}", "1m30.5s"},
      {"{{.At.Before (.At.Add .For)}}", "true"},
      {"{{.Samples.x}}",
       "template: t:1:10: executing \"t\" at <.Samples.x>: can't evaluate field x in type []interface {}"},
      {"ab\ncd {{.Missing}}",
       "template: t:2:5: executing \"t\" at <.Missing>: can't evaluate field Missing in type struct"},
      {"{{.Int.x}}", "template: t:1:6: executing \"t\" at <.Int.x>: can't evaluate field x in type int"},
      {"{{.Labels.job 1}}",
       "template: t:1:9: executing \"t\" at <.Labels.job>: job is not a method but has arguments"},
      {"{{.Name 1}}",
       "template: t:1:2: executing \"t\" at <.Name>: Name has arguments but cannot be invoked as function"},
      {"{{.Labels.Pick}}",
       "template: t:1:9: executing \"t\" at <.Labels.Pick>: wrong number of args for Pick: want 1 got 0"},
      {"{{.Labels.Pick \"zz\"}}",
       "template: t:1:9: executing \"t\" at <.Labels.Pick>: error calling Pick: no such key"},
  });
}

TEST(TemplateTest, missing_keys_follow_the_option) {
  check_all(
      {{"{{.Labels.a}}|{{.Plain.a2}}|{{with .Labels.a}}x{{else}}none{{end}}", "<no value>|<no value>|none"}},
      {.missing_key = MissingKey::kDefault});
  check_all(
      {{"{{.Labels.a}}", "template: t:1:9: executing \"t\" at <.Labels.a>: map has no entry for key \"a\""},
       {"{{.Nil.a}}", "template: t:1:6: executing \"t\" at <.Nil.a>: nil data; no entry for key \"a\""}},
      {.missing_key = MissingKey::kError});
}

TEST(TemplateTest, branches) {
  check_all({
      {"{{if .True}}y{{end}}{{if .Empty}}n{{end}}", "y"},
      {"{{if .Empty}}a{{else}}b{{end}}", "b"},
      {"{{if false}}a{{else if 0}}b{{else if .Name}}c{{else}}d{{end}}", "c"},
      {"{{if 0.0}}1{{end}}{{if \"\"}}2{{end}}{{if .Nil}}3{{end}}{{if nothing}}4{{end}}{{if "
       ".Labels}}5{{end}}{{if .At}}6{{end}}",
       "56"},
      {"{{with .Name}}{{.}}{{end}}", "Sluice"},
      {"{{with .Empty}}{{.}}{{else}}none of {{.Name}}{{end}}", "none of Sluice"},
      {"{{with .Empty}}a{{else with .Int}}{{.}}{{end}}", "42"},
      {"{{with $x := .Int}}{{$x}}{{$.Name}}{{end}}", "42Sluice"},
      {"{{if $x := .Int}}{{$x}}{{end}}", "42"},
      {"{{if and .True .Int (not .Empty)}}all{{end}}", "all"},
  });
}

TEST(TemplateTest, ranges) {
  check_all({
      {"{{range .List}}<{{.}}>{{end}}", "<1><2><3>"},
      {"{{range $x := .List}}{{$x}}{{end}}", "123"},
      {"{{range $i, $x := .List}}{{$i}}={{$x}} {{end}}", "0=1 1=2 2=3 "},
      {"{{range $k, $v := .Plain}}{{$k}}={{$v}} {{end}}", "a=1 b=2 "},
      {"{{range .Plain}}{{.}}{{end}}", "12"},
      {"{{range .Empty}}x{{else}}empty{{end}}{{range .Nil}}x{{else}}nil{{end}}", "emptynil"},
      {"{{range 3}}{{.}}{{end}}{{range 0}}x{{else}}none{{end}}", "012none"},
      {"{{range $i := 3}}{{$i}}{{end}}", "012"},
      {"{{range .List}}{{if eq . 2}}{{continue}}{{end}}{{.}}{{end}}", "13"},
      {"{{range .List}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}", "1"},
      {"{{range .List}}{{range $.List}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}};{{end}}", "1;1;1;"},
      {"{{$x := 0}}{{range .List}}{{$x = .}}{{end}}{{$x}}", "3"},
      {"{{$i := 9}}{{$e := 9}}{{range $i, $e = .List}}{{end}}{{$i}}{{$e}}", "23"},
      {"{{$x := 1}}{{range .List}}{{$x := 5}}{{$x}}{{end}}{{$x}}", "5551"},
      {"{{range .Samples}}{{.Name}}={{.Value}} {{$.Int}};{{end}}", "first=1.5 42;second=2 42;"},
      {"{{range .Name}}{{end}}",
       "template: t:1:8: executing \"t\" at <.Name>: range can't iterate over Sluice"},
      {"{{range $i, $e := 3}}{{end}}",
       "template: t:1:18: executing \"t\" at <3>: can't use 3 to iterate over more than one variable"},
  });
}

TEST(TemplateTest, pipes_and_variables) {
  check_all({
      {"{{.Name | toUpper}}", "SLUICE"},
      {"{{.Name | printf \"%s-%s\" \"a\"}}", "a-Sluice"},
      {"{{.Labels.Names | join \",\"}}", "instance,job"},
      {"{{$x := .Int}}{{$y := $x}}{{$y}}", "42"},
      {"{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"},
      {"{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}", "1"},
      {"{{half 3}} {{half 1.5}} {{.Value | half}}", "1.5 0.75 617283.5"},
      {"{{count \"a\"}}{{count \"a\" 1 2}}{{3 | count \"a\"}}{{\"s\" | count}}", "1321"},
      {"{{(printf \"%d\" 3)}}", "3"},
      {"{{call .Double 21}}", "42"},
      {"{{.Int | half}}",
       "template: t:1:9: executing \"t\" at <half>: wrong type for value; expected float64; got int"},
      {"{{half \"x\"}}", "template: t:1:7: executing \"t\" at <\"x\">: expected float; found \"x\""},
      {"{{toUpper 1}}", "template: t:1:10: executing \"t\" at <1>: expected string; found 1"},
      {"{{toUpper .Int}}",
       "template: t:1:10: executing \"t\" at <.Int>: wrong type for value; expected string; got int"},
      {"{{toUpper .Nil}}", "template: t:1:10: executing \"t\" at <.Nil>: invalid value; expected string"},
      {"{{toUpper nil}}", "template: t:1:10: executing \"t\" at <nil>: cannot assign nil to string"},
      {"{{toUpper}}",
       "template: t:1:2: executing \"t\" at <toUpper>: wrong number of args for toUpper: want 1 got 0"},
      {"{{count}}",
       "template: t:1:2: executing \"t\" at <count>: wrong number of args for count: want at least 1 got 0"},
      {"{{fails}}", "template: t:1:2: executing \"t\" at <fails>: error calling fails: it broke"},
      {"{{nil}}", "template: t:1:2: executing \"t\" at <nil>: nil is not a command"},
      {"{{1 2}}", "template: t:1:2: executing \"t\" at <1>: can't give argument to non-function 1"},
      {"{{. 2}}", "template: t:1:2: executing \"t\" at <.>: can't give argument to non-function ."},
      {"{{$ 2}}", "template: t:1:2: executing \"t\" at <$>: can't give argument to non-function $"},
      {"{{.Double}}",
       "template: t:1:2: executing \"t\" at <{{.Double}}>: can't print {{.Double}} of type func"},
  });
}

TEST(TemplateTest, templates_call_templates) {
  check_all({
      {"{{define \"x\"}}[{{.}}]{{end}}{{template \"x\" .Name}}", "[Sluice]"},
      {"{{define \"x\"}}[{{.}}]{{end}}{{template \"x\"}}", "[<no value>]"},
      {"{{block \"b\" .Int}}<{{.}}>{{end}}", "<42>"},
      {"{{define `x`}}{{$}}{{end}}{{range .List}}{{template `x` .}}{{end}}", "123"},
      {"{{template \"none\"}}",
       "template: t:1:11: executing \"t\" at <{{template \"none\"}}>: template \"none\" not defined"},
      {"{{define \"x\"}}{{.Nope}}{{end}}\n{{template \"x\" .}}",
       "template: t:1:16: executing \"x\" at <.Nope>: can't evaluate field Nope in type struct"},
      {"{{define \"loop\"}}{{template \"loop\" .}}{{end}}{{template \"loop\" .}}",
       "template: t:1:28: executing \"loop\" at <{{template \"loop\" .}}>: exceeded maximum template depth "
       "(100)"},
      {"{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}",
       "template: t:1: template: multiple definition of template \"x\""},
  });
}

TEST(TemplateTest, refuses_what_does_not_parse) {
  check_all({
      {"{{", "template: t:1: unclosed action"},
      {"{{if .X}}", "template: t:1: unexpected EOF"},
      {"a\n{{end}}", "template: t:2: unexpected {{end}}"},
      {"{{else}}", "template: t:1: unexpected {{else}}"},
      {"{{}}", "template: t:1: missing value for command"},
      {"{{if}}{{end}}", "template: t:1: missing value for if"},
      {"{{nofunc 1}}", "template: t:1: function \"nofunc\" not defined"},
      {"{{$x}}", "template: t:1: undefined variable \"$x\""},
      {"{{range $x, $y, $z := .}}{{end}}", "template: t:1: too many declarations in range"},
      {"{{$x, $y := .}}", "template: t:1: too many declarations in command"},
      {"{{\"abc}}", "template: t:1: unterminated quoted string"},
      {"{{`abc}}", "template: t:1: unterminated raw quoted string"},
      {"{{'a}}", "template: t:1: unterminated character constant"},
      {"{{(1}}", "template: t:1: unclosed left paren"},
      {"{{1)}}", "template: t:1: unexpected right paren"},
      {"{{1 | 2}}", "template: t:1: non executable command in pipeline stage 2"},
      {"{{| 1}}", "template: t:1: unexpected \"|\" in command"},
      {"{{/* x }}", "template: t:1: unclosed comment"},
      {"{{/* x */ 1}}", "template: t:1: comment ends before closing delimiter"},
      {"{{3x}}", "template: t:1: bad number syntax: \"3x\""},
      {"{{1i}}", "template: t:1: bad number syntax: \"1i\""},
      {"{{a#}}", "template: t:1: bad character U+0023 '#'"},
      {"{{.a#}}", "template: t:1: bad character U+0023 '#'"},
      {"{{\x01}}", "template: t:1: unrecognized character in action: U+0001"},
      {"{{99999999999999999999}}", "template: t:1: integer overflow: \"99999999999999999999\""},
      {"{{break}}", "template: t:1: {{break}} outside {{range}}"},
      {"{{range .}}{{define \"x\"}}{{end}}{{end}}", "template: t:1: unexpected <define> in command"},
      {"{{template 1}}", "template: t:1: unexpected \"1\" in template clause"},
      {"{{define \"x\"}}", "template: t:1: unexpected EOF"},
      {"{{true.x}}", "template: t:1: unexpected . after term \"true\""},
      {"{{1.x}}", "template: t:1: bad number syntax: \"1.x\""},
      {"{{\"a\".x}}", "template: t:1: unexpected . after term \"\\\"a\\\"\""},
      {"{{nil.x}}", "template: t:1: unexpected . after term \"nil\""},
      {"{{if .X}}a{{else}}b{{else}}c{{end}}", "template: t:1: expected end; found {{else}}"},
      {"{{ 1\n, 2}}", "template: t:2: unexpected \",\" in operand"},
      {"{{ if\n\n", "template: t:3: unclosed action started at t:1"},
      {"{{if x := 1}}{{end}}", "template: t:1: function \"x\" not defined"},
      {"{{9223372036854775808}}",
       "template: t:1:2: executing \"t\" at <9223372036854775808>: 9223372036854775808 overflows int"},
  });
}

TEST(TemplateTest, compares_as_go_does) {
  check_all({
      {"{{eq 1 1}}{{eq 1 2}}{{eq 1 2 3 1}}{{ne 1 2}}{{eq \"a\" \"a\"}}{{eq true true}}{{eq 1.5 1.5}}",
       "truefalsetruetruetruetruetrue"},
      {"{{lt 1 2}}{{le 2 2}}{{gt 2 1}}{{ge 1 2}}{{lt \"a\" \"b\"}}{{gt 1.5 0.5}}",
       "truetruetruefalsetruetrue"},
      {"{{gt .Value 1.0}} {{gt .For 5}}", "true true"},
      {"{{eq .Nil nil}}{{eq .Name nil}}{{ne .Nil .Name}}", "truefalsetrue"},
      {"{{and 1 0 2}} {{and 1 2}} {{or 0 3 4}} {{or 0 \"\"}} {{not 0}}", "0 2 3  true"},
      {"{{and false (fails)}}{{or true fails}}", "falsetrue"},
      {"{{1 | and 2}} {{0 | or \"\"}}", "1 0"},
      {"{{eq 1 1.0}}",
       "template: t:1:2: executing \"t\" at <eq 1 1.0>: error calling eq: incompatible types for comparison: "
       "int and float64"},
      {"{{lt true false}}",
       "template: t:1:2: executing \"t\" at <lt true false>: error calling lt: invalid type for comparison"},
      {"{{lt .List 1}}",
       "template: t:1:2: executing \"t\" at <lt .List 1>: error calling lt: invalid type for comparison"},
      {"{{eq 1}}",
       "template: t:1:2: executing \"t\" at <eq 1>: error calling eq: missing argument for comparison"},
      {"{{or}}",
       "template: t:1:2: executing \"t\" at <or>: wrong number of args for or: want at least 1 got 0"},
  });
}

TEST(TemplateTest, indexes_slices_and_measures) {
  check_all({
      {"{{index .List 0}} {{index .Labels \"job\"}} [{{index .Labels \"zz\"}}] {{index .Samples 1 | printf "
       "\"%v\"}}",
       "1 auth [] {second 2}"},
      {"{{index \"abc\" 1}}", "98"},
      {"{{len .List}} {{len .Name}} {{len .Labels}}", "3 6 2"},
      {"{{slice .List 1}} {{slice .List 1 2}} {{slice .Name 0 3}} {{slice .Name 6}}", "[2 3] [2] Slu "},
      {"{{index .List 5}}",
       "template: t:1:2: executing \"t\" at <index .List 5>: error calling index: index out of range: 5"},
      {"{{index .List \"a\"}}",
       "template: t:1:2: executing \"t\" at <index .List \"a\">: error calling index: cannot index "
       "slice/array with type string"},
      {"{{index .Labels 1}}",
       "template: t:1:2: executing \"t\" at <index .Labels 1>: error calling index: value has type int; "
       "should be string"},
      {"{{index nil 1}}",
       "template: t:1:2: executing \"t\" at <index nil 1>: error calling index: index of untyped nil"},
      {"{{len 3}}", "template: t:1:2: executing \"t\" at <len 3>: error calling len: len of type int"},
      {"{{slice .Name 3 1}}",
       "template: t:1:2: executing \"t\" at <slice .Name 3 1>: error calling slice: invalid slice index: 3 > "
       "1"},
  });
}

TEST(TemplateTest, escapes_and_prints) {
  check_all({
      {"{{html \"<a href='x'>&\\\"\"}}", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;"},
      {"{{js \"it's <b> = \\\"x\\\"\\n\"}}", "it\\'s \\u003Cb\\u003E \\u003D \\\"x\\\"\\u000A"},
      {"{{urlquery \"a b&c=d/\xc3\xa9\"}}", "a+b%26c%3Dd%2F%C3%A9"},
      {"{{print 1 2 \"x\" 3 nil}}|{{println 1 \"x\"}}", "1 2x3 <nil>|1 x\n"},
      {"{{urlquery 1 2}} {{html .Nil}}", "1+2 &lt;no value&gt;"},
  });
}

TEST(TemplateTest, bounds_output_steps_and_nesting) {
  check_all({{"{{range .List}}abcdef{{end}}",
              "template: t:1:15: executing \"t\" at <abcdef>: exceeded maximum output size (10 bytes)"}},
            {.output_bytes_max = 10});
  const Result<std::string> endless =
      expand("t", "{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}", {}, {}, {.steps_max = 1000});
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().kind, ErrorKind::kLimit);
  EXPECT_THAT(endless.error().message, HasSubstr("exceeded maximum number of steps (1000)"));

  std::string deep = "1";
  for (int i = 0; i < 5000; ++i) deep = "(" + deep + ")";
  EXPECT_THAT(expand("t", "{{" + deep + "}}", {}, {}).error().message,
              HasSubstr("max expression depth exceeded"));

  std::string nested = "{{template \"x\" .}}";
  for (int i = 0; i < 200; ++i) nested = "{{if true}}" + nested + "{{end}}";
  const Result<std::string> both = expand("t", "{{define \"x\"}}" + nested + "{{end}}" + nested, {}, {});
  ASSERT_FALSE(both.has_value());
  EXPECT_EQ(both.error().kind, ErrorKind::kLimit);
}

TEST(TemplateTest, a_set_keeps_later_definitions_unless_they_are_blank) {
  Set files;
  ASSERT_TRUE(files.add("a.tmpl", "{{define \"title\"}}one{{end}}{{define \"body\"}}b{{end}}", {}));
  ASSERT_TRUE(files.add("b.tmpl", "{{define \"title\"}}two{{end}}{{define \"body\"}} {{/* */}} {{end}}", {}));
  Set one_use = files;
  ASSERT_TRUE(one_use.add("", "{{template \"title\"}} {{template \"body\"}}", {}));
  EXPECT_EQ(*one_use.execute("", {}, {}), "two b");
  EXPECT_FALSE(files.has(""));
  EXPECT_THAT(files.names(), testing::ElementsAre("a.tmpl", "b.tmpl", "body", "title"));
  EXPECT_FALSE(files.add("c.tmpl", "{{define \"title\"}}three{{end}}{{", {}));
  ASSERT_TRUE(files.add("use", "{{template \"title\"}}", {}));
  EXPECT_EQ(*files.execute("use", {}, {}), "two");
  EXPECT_EQ(files.execute("zz", {}, {}).error().message, "template: no template \"zz\" in this set");
}

TEST(TemplateTest, a_function_of_the_caller_replaces_a_builtin) {
  const Functions own = {
      {"len", {{Kind::kAny}, false, [](std::span<const Value>) -> Result<Value> { return Value("mine"); }}}};
  EXPECT_EQ(*expand("t", "{{len 3}}", {}, own), "mine");
}

TEST(TemplateTest, the_same_parse_serves_other_functions_at_execution) {
  const auto say = [](const char* what) -> Functions {
    return {{"say", {{}, false, [what](std::span<const Value>) -> Result<Value> { return Value(what); }}}};
  };
  Set set;
  ASSERT_TRUE(set.add("t", "{{say}}", say("parse")));
  EXPECT_EQ(*set.execute("t", {}, say("one")), "one");
  EXPECT_EQ(*set.execute("t", {}, say("two")), "two");
  EXPECT_EQ(set.execute("t", {}, {}).error().message,
            "template: t:1:2: executing \"t\" at <say>: \"say\" is not a defined function");
}

// How Prometheus begins every rule template.
TEST(TemplateTest, expands_what_rule_files_write) {
  const std::string prelude = "{{$labels := .Labels}}{{$value := .Value}}";
  const auto text = [&](const char* t) { return *expand("__alert_X", prelude + t, data(), functions()); };
  EXPECT_EQ(text("{{ $labels.instance }} of job {{ $labels.job }} is at {{ printf \"%.2f\" $value }}."),
            "a:1 of job auth is at 1234567.00.");
  EXPECT_EQ(text("{{ if gt $value 1e3 }}high{{ else }}low{{ end }}"), "high");
  EXPECT_EQ(text("{{- range $k, $v := $labels }}\n{{ $k }}: {{ $v }}{{- end }}"),
            "\ninstance: a:1\njob: auth");
}

}  // namespace
}  // namespace sluice::gotmpl
