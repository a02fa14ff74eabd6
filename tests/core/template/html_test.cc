#include "core/template/html.h"

#include <gtest/gtest.h>

#include "core/template/template.h"

namespace sluice::gotmpl {
namespace {

Functions functions() {
  Functions table;
  for (const char* name : {"safeHtml", "safeUrl"}) {
    table[name] = {
        {Kind::kString}, false, [](std::span<const Value> args) -> Result<Value> { return args[0]; }};
  }
  return table;
}

std::string html(std::string_view text, const std::string& value) {
  ExecuteOptions options;
  options.html = true;
  const auto out = expand("t", text, Value(value), functions(), options);
  return out ? *out : out.error().message;
}

struct Case {
  std::string_view source;
  std::string value;
  std::string expected;
};

// What Alertmanager 0.25 makes of the same templates.
TEST(HtmlTest, a_value_is_written_as_fits_where_it_stands) {
  const std::string evil = "\"><b onclick='x'>& a=b";
  const std::string text = "&#34;&gt;&lt;b onclick=&#39;x&#39;&gt;&amp; a=b";
  const Case cases[] = {
      {"<p>{{ . }}</p>", evil, "<p>" + text + "</p>"},
      {"<!DOCTYPE html><title>{{ . }}</title>{{ . }}", "<x>",
       "<!DOCTYPE html><title>&lt;x&gt;</title>&lt;x&gt;"},
      {"<p title=\"{{ . }}\" class='{{ . }}'>", evil, "<p title=\"" + text + "\" class='" + text + "'>"},
      {"<p title={{ . }} id=x>", "a b=c", "<p title=a&#32;b&#61;c id=x>"},
      // Addresses.
      {"<a href=\"{{ . }}\">", "https://x/a b?c=d&e=%2F#'f'",
       "<a href=\"https://x/a%20b?c=d&amp;e=%2F#%27f%27\">"},
      {"<a href=\"{{ . }}\">", "javascript:alert(1)", "<a href=\"#ZgotmplZ\">"},
      {"<a href=\"{{ . }}\">", "JavaScript:alert(1)", "<a href=\"#ZgotmplZ\">"},
      {"<a href=\"{{ . }}\">", "mailto:ops@example.com", "<a href=\"mailto:ops@example.com\">"},
      {"<a href=\"{{ . }}\">", "/path:with/colon?a", "<a href=\"/path:with/colon?a\">"},
      {"<a href='{{ . }}/x'>", "data:text/html,x", "<a href='#ZgotmplZ/x'>"},
      {"<a href=\"https://x/{{ . }}\">", "javascript:a b", "<a href=\"https://x/javascript:a%20b\">"},
      {"<a href=\"/x?q={{ . }}&r={{ . }}\">", "a&b=c d/e",
       "<a href=\"/x?q=a%26b%3dc%20d%2fe&r=a%26b%3dc%20d%2fe\">"},
      {"<a href=\"/#{{ . }}\">", "a/b", "<a href=\"/#a%2fb\">"},
      {"<a href=\"{{ . }}/{{ . }}\">", "/a?b/", "<a href=\"/a?b///a?b/\">"},
      {"<img src={{ . }}>", "javascript:x", "<img src=#ZgotmplZ>"},
      {"<p data-url=\"{{ . }}\" xlink:href=\"{{ . }}\">", "javascript:x",
       "<p data-url=\"#ZgotmplZ\" xlink:href=\"#ZgotmplZ\">"},
      {"<A HREF = \"{{ . }}\">", "javascript:x", "<A HREF = \"#ZgotmplZ\">"},
      // Style sheets, scripts, comments and names.
      {"<p style=\"color: {{ . }}\">", "#36a64f", "<p style=\"color: #36a64f\">"},
      {"<p style=\"color: {{ . }}\">", "red; background: url(x)", "<p style=\"color: ZgotmplZ\">"},
      {"<style>p { color: {{ . }} }</style>{{ . }}", "</style>",
       "<style>p { color: ZgotmplZ }</style>&lt;/style&gt;"},
      {"<h{{ . }}>", "3", "<h3>"},
      {"<p {{ . }}=x>", "onclick", "<p ZgotmplZ=x>"},
      {"<p {{ . }}>", "a b", "<p ZgotmplZ>"},
      // What is HTML already.
      {"<p>{{ . | safeHtml }}</p>", "<b>x</b>", "<p><b>x</b></p>"},
      {"<p>{{ . | html }}</p>", "<b>", "<p>&lt;b&gt;</p>"},
      {"<p title=\"a > b\">{{ . }}", "<", "<p title=\"a > b\">&lt;"},
      {"<br/>{{ . }}<p/>{{ . }}</p >{{ . }}", "<", "<br/>&lt;<p/>&lt;</p >&lt;"},
  };
  for (const auto& c : cases) EXPECT_EQ(html(c.source, c.value), c.expected) << c.source;
}

// It takes comments out, writes + and a lone < as entities, and prints JSON into scripts; it has no safeUrl.
TEST(HtmlTest, some_things_are_written_in_another_way_than_there) {
  const Case cases[] = {
      {"<p title={{ . }} id=x>", "", "<p title=ZgotmplZ id=x>"},
      {"<a href=\"{{ . | safeUrl }}\">", "tel:123", "<a href=\"tel:123\">"},
      {"<a href=\"/x?q={{ . | urlquery }}\">", "a b&c", "<a href=\"/x?q=a+b%26c\">"},
      {"<script>var x = {{ . }};</script>{{ . }}", "<1>", "<script>var x = ;</script>&lt;1&gt;"},
      {"<p onclick=\"{{ . }}\">{{ . }}", "x()", "<p onclick=\"\">x()"},
      {"<!-- {{ . }} -- > <p> -->{{ . }}", "<x>", "<!--  -- > <p> -->&lt;x&gt;"},
      {"{{ . | safeHtml }}{{ . }}\">", "<a href=\"", "<a href=\"%3ca%20href=%22\">"},
      {"a < b {{ . }}", "<", "a < b &lt;"},
      {"<textarea><a href=\"{{ . }}\"></textarea>", "javascript:x",
       "<textarea><a href=\"javascript:x\"></textarea>"},
  };
  for (const auto& c : cases) EXPECT_EQ(html(c.source, c.value), c.expected) << c.source;
}

TEST(HtmlTest, the_place_is_known_through_branches_and_templates) {
  const std::string source = R"({{ define "url" }}{{ . }}/#/alerts?receiver={{ . }}{{ end -}}
<a {{ if . }}href="{{ template "url" . }}"{{ else }}name="{{ . }}"{{ end }}>{{ range printf "%s" . | len }}{{ end }}{{ . }}</a>)";
  EXPECT_EQ(html(source, "a&b"), R"(<a href="a&amp;b/#/alerts?receiver=a%26b">a&amp;b</a>)");
  EXPECT_EQ(html(source, ""), R"(<a name=""></a>)");
}

}  // namespace
}  // namespace sluice::gotmpl
