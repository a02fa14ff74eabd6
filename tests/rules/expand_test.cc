#include "rules/expand.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::rules {
namespace {

using gotmpl::Value;

// What an alert `Slow` of instance db1:5432 with value 0.25 shows for an annotation.
AlertTemplate::Expanded expand(std::string_view text, double value = 0.25) {
  const Labels labels{{"instance", "db1.example.com:5432"}, {"job", "postgres"}, {"__name__", "up"}};
  static const Labels kExternal{{"cluster", "prod"}};
  TemplateContext context;
  context.now = from_unix_ms(1'700'000'000'250);
  context.external_labels = &kExternal;
  context.external_url = "http://sluice.example:9808/watch";
  context.query = [](std::string_view expr) -> Result<std::vector<TemplateSample>> {
    if (expr == "none") return std::vector<TemplateSample>{};
    if (expr == "broken") return invalid("1:1: parse error: nope");
    return std::vector<TemplateSample>{{Labels{{"instance", "b"}, {"__value__", "text"}}, 21},
                                       {Labels{{"instance", "a"}}, 11.5}};
  };
  return AlertTemplate("Slow", text)
      .expand(alert_template_data(labels, value, context), template_functions(context));
}

struct Case {
  std::string_view text;
  std::string_view expected;
};

void check(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    const AlertTemplate::Expanded result = expand(c.text);
    EXPECT_EQ(result.text, c.expected) << c.text;
    EXPECT_EQ(result.error, "") << c.text;
  }
}

TEST(ExpandTest, gives_the_data_of_the_alert) {
  check({
      {"plain {text}", "plain {text}"},
      {"{{ $labels.instance }} of {{ .Labels.job }}", "db1.example.com:5432 of postgres"},
      {"{{ $value }} {{ .Value }}", "0.25 0.25"},
      {"{{ $externalLabels.cluster }} {{ .ExternalLabels.cluster }}", "prod prod"},
      {"{{ $externalURL }} {{ .ExternalURL }}",
       "http://sluice.example:9808/watch http://sluice.example:9808/watch"},
      {"{{ externalURL }} {{ pathPrefix }}", "http://sluice.example:9808/watch /watch"},
      {"[{{ $labels.missing }}]", "[]"},
      {"{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
       "__name__=up;instance=db1.example.com:5432;job=postgres;"},
      {"{{ now }}", "1.70000000025e+09"},
  });
}

TEST(ExpandTest, humanizes_numbers) {
  check({
      {"{{ humanize 0.0 }} {{ humanize 1234567.0 }} {{ humanize 0.0123 }} {{ humanize -999.0 }}",
       "0 1.235M 12.3m -999"},
      {"{{ humanize 42 }} {{ humanize \"1e30\" }} {{ humanize 1e-26 }}", "42 1e+06Y 0.01y"},
      {"{{ humanize1024 1048576.0 }} {{ humanize1024 0.5 }} {{ humanize1024 1500 }}", "1Mi 0.5 1.465ki"},
      {"{{ humanizePercentage 0.1234567 }} {{ humanizePercentage \"2\" }}", "12.35% 200%"},
      {"{{ $value | humanizePercentage }}", "25%"},
      {"{{ humanize \"NaN\" }} {{ humanize1024 \"+Inf\" }} {{ humanizeDuration \"-Inf\" }} {{ "
       "humanizeTimestamp \"NaN\" }}",
       "NaN +Inf -Inf NaN"},
  });
}

TEST(ExpandTest, humanizes_durations_and_times) {
  check({
      {"{{ humanizeDuration 0.0 }} {{ humanizeDuration 0.0123 }} {{ humanizeDuration 59.99 }}",
       "0s 12.3ms 59.99s"},
      {"{{ humanizeDuration 61.5 }} {{ humanizeDuration 3600 }} {{ humanizeDuration -90061 }}",
       "1m 1s 1h 0m 0s -1d 1h 1m 1s"},
      {"{{ humanizeTimestamp 1700000000.5 }}", "2023-11-14 22:13:20.5 +0000 UTC"},
      {"{{ (toTime 1700000000).Format \"2006-01-02\" }}", "2023-11-14"},
      {"{{ (toTime 1700000000).Year }}", "2023"},
      {"{{ toDuration 90 }}", "1m30s"},
      {"{{ parseDuration \"1h30m\" }} {{ parseDurationTime \"90s\" }}", "5400 1m30s"},
      {"{{ printf \"%.2f\" (parseDuration \"1h2m10ms\") }}", "3720.01"},
  });
}

TEST(ExpandTest, works_on_strings) {
  check({
      {"{{ title \"api health of über\" }} {{ toUpper \"grüße\" }} {{ toLower \"ABC ÄÖÜ ΔΩ Ж\" }}",
       "Api Health Of Über GRÜßE abc äöü δω ж"},
      {"{{ match \"^db[0-9]\" $labels.instance }} {{ match \"x$\" $labels.instance }}", "true false"},
      {"{{ reReplaceAll \"(.*):(.*)\" \"port $2 of ${1}\" $labels.instance }}",
       "port 5432 of db1.example.com"},
      {"{{ reReplaceAll \"b*\" \"-\" \"abc\" }}", "-a-c-"},
      {"{{ reReplaceAll \"(?P<w>a)\" \"[$w][$$][$x]\" \"banana\" }}", "b[a][$][]n[a][$][]n[a][$][]"},
      {"{{ $labels.instance | stripPort }} {{ stripPort \"[2001:db8::1]:80\" }} {{ stripPort \"2001:db8::1\" "
       "}}",
       "db1.example.com 2001:db8::1 2001:db8::1"},
      {"{{ stripPort \"[::1]::80\" }} {{ stripPort \"host\" }}", "[::1]::80 host"},
      {"{{ stripDomain $labels.instance }} {{ stripDomain \"db1.example.com\" }} {{ stripDomain "
       "\"10.0.0.1:80\" }}",
       "db1:5432 db1 10.0.0.1:80"},
      {"{{ urlQueryEscape \"a b&c=ü\" }} {{ safeHtml \"<b>\" }}", "a+b%26c%3D%C3%BC <b>"},
      {"{{ graphLink \"up == 0\" }} {{ tableLink \"up\" }}",
       "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1"},
      {"{{ toJson $labels }}", R"({"__name__":"up","instance":"db1.example.com:5432","job":"postgres"})"},
  });
}

TEST(ExpandTest, asks_queries) {
  check({
      {"{{ query \"x\" | first | value }}", "21"},
      {"{{ with query \"x\" }}{{ . | first | label \"instance\" }}{{ end }}", "b"},
      {"{{ range query \"x\" | sortByLabel \"instance\" }}{{ .Labels.instance }}:{{ .Value }} {{ end }}",
       "a:11.5 b:21 "},
      {"{{ query \"x\" | first | strvalue }}", "text"},
      {"{{ if query \"none\" }}some{{ else }}none{{ end }}", "none"},
      {"{{ len (query \"x\") }}", "2"},
  });
}

TEST(ExpandTest, templates_call_templates) {
  check({
      {"{{ define \"x\" }}{{ .arg0 }}/{{ .arg1 }}{{ end }}{{ template \"x\" (args 1 \"2\") }}", "1/2"},
      {"{{ define \"x\" }}<{{ . }}>{{ end }}{{ $name := \"x\" }}{{ tmpl $name \"y\" }}", "<y>"},
  });
}

TEST(ExpandTest, a_failing_template_shows_its_error_as_the_text) {
  const AlertTemplate::Expanded result = expand("{{ query \"none\" | first }}");
  EXPECT_NE(result.error, "");
  EXPECT_EQ(result.text, "<error expanding template: " + result.error + ">");
  EXPECT_NE(result.error.find("error executing template __alert_Slow: template: __alert_Slow:1:"),
            std::string::npos)
      << result.error;
  EXPECT_NE(result.error.find("error calling first: first() called on vector with no elements"),
            std::string::npos)
      << result.error;
}

TEST(ExpandTest, a_template_that_does_not_parse_shows_its_error_too) {
  const AlertTemplate broken("Slow", "{{ if }}");
  EXPECT_NE(broken.parse_error(), "");
  const AlertTemplate::Expanded result = expand("{{ if }}");
  EXPECT_EQ(result.text,
            "<error expanding template: error parsing template __alert_Slow: " + broken.parse_error() + ">");
}

TEST(ExpandTest, functions_report_bad_arguments) {
  for (const auto& [text, error] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"{{ humanize \"one\" }}", "strconv.ParseFloat: parsing \"one\": invalid syntax"},
           {"{{ humanizeTimestamp 1e300 }}",
            "1e+300 cannot be represented as a nanoseconds timestamp since it overflows int64"},
           {"{{ match \"[\" \"x\" }}", "error parsing regexp"},
           {"{{ parseDuration \"soon\" }}", "soon"},
           {"{{ query \"broken\" }}", "parse error: nope"},
           {"{{ value 3 }}", "expected *template.sample"},
           {"{{ nosuchfunction }}", "function \"nosuchfunction\" not defined"},
       }) {
    EXPECT_NE(expand(text).error.find(error), std::string::npos) << text << ": " << expand(text).error;
  }
}

TEST(ExpandTest, text_without_actions_needs_no_data) {
  const AlertTemplate text("Slow", "nothing to do");
  EXPECT_TRUE(text.is_plain());
  EXPECT_EQ(text.expand({}, {}).text, "nothing to do");
}

TEST(ExpandTest, prints_values_as_go_does) {
  for (const auto& [value, text] :
       std::vector<std::pair<double, std::string>>{{1, "1"},
                                                   {1e21, "1e+21"},
                                                   {123456789, "1.23456789e+08"},
                                                   {0.1, "0.1"},
                                                   {std::numeric_limits<double>::quiet_NaN(), "NaN"},
                                                   {-std::numeric_limits<double>::infinity(), "-Inf"}}) {
    EXPECT_EQ(expand("{{ $value }}", value).text, text);
  }
}

}  // namespace
}  // namespace sluice::rules
