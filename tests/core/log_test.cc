#include "core/log.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Case {
  std::string_view message;
  std::vector<LogField> fields;
  const char *logfmt, *json;
};

TEST(LogTest, writes_logfmt_and_json) {
  const Case cases[] = {
      {"loaded", {}, "msg=loaded", R"("msg":"loaded"})"},
      {"config loaded",
       {{"file", "a.yml"}, {"targets", 3}, {"ratio", 0.5}, {"ok", true}},
       R"(msg="config loaded" file=a.yml targets=3 ratio=0.5 ok=true)",
       R"("msg":"config loaded","file":"a.yml","targets":"3","ratio":"0.5","ok":"true"})"},
      {"", {{"empty", ""}}, R"(msg="" empty="")", R"("msg":"","empty":""})"},
      {"a\"b\\c\n\t\r\x01",
       {{"k", "x=y"}},
       R"(msg="a\"b\\c\n\t\r\u0001" k="x=y")",
       R"("msg":"a\"b\\c\n\t\r\u0001","k":"x=y"})"},
      {"caf\xc3\xa9", {}, "msg=caf\xc3\xa9", "\"msg\":\"caf\xc3\xa9\"}"},
      {"bad \xff\xc3 bytes\xe2\x82",
       {},
       "msg=\"bad \xef\xbf\xbd\xef\xbf\xbd bytes\xef\xbf\xbd\xef\xbf\xbd\"",
       "\"msg\":\"bad \xef\xbf\xbd\xef\xbf\xbd bytes\xef\xbf\xbd\xef\xbf\xbd\"}"},
  };
  for (const Case& c : cases) {
    const LogRecord record{from_unix_ms(1500), LogLevel::kWarn, c.message, &c.fields};
    EXPECT_EQ(format_logfmt(record), std::string("ts=1970-01-01T00:00:01.5Z level=warn ") + c.logfmt);
    EXPECT_EQ(format_json(record), std::string(R"({"ts":"1970-01-01T00:00:01.5Z","level":"warn",)") + c.json);
  }
}

TEST(LogTest, a_record_may_have_no_fields_at_all) {
  EXPECT_EQ(format_logfmt({from_unix_ms(0), LogLevel::kInfo, "x", nullptr}),
            "ts=1970-01-01T00:00:00Z level=info msg=x");
  EXPECT_EQ(format_json({from_unix_ms(0), LogLevel::kError, "x", nullptr}),
            R"({"ts":"1970-01-01T00:00:00Z","level":"error","msg":"x"})");
}

TEST(LogTest, hands_records_to_its_sink_and_is_silent_without_one) {
  std::string seen;
  const Log log([&](LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
    seen += std::string(to_string(level)) + ":" + std::string(message) + ":" + std::to_string(fields.size()) +
            " ";
  });
  log.debug("a");
  log.info("b", {{"k", 1}});
  log.warn("c");
  log.error("d", {{"k", 1}, {"l", 2}});
  EXPECT_EQ(seen, "debug:a:0 info:b:1 warn:c:0 error:d:2 ");
  Log().error("nobody hears this");
}

}  // namespace
}  // namespace sluice
