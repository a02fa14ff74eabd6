#include "alerts/notify/mime.h"

#include <gtest/gtest.h>

namespace sluice::alerts::notify {
namespace {

TEST(MimeTest, reads_lists_of_addresses) {
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"a@b", {"a@b"}},
      {" a@b , c@d.example ", {"a@b", "c@d.example"}},
      {"Ops <ops@example.com>", {"ops@example.com"}},
      {R"("Doe, Jane \" <x@y>" <jane@example.com>, b@c)", {"jane@example.com", "b@c"}},
      {"<a@b>,", {"a@b"}},
  };
  for (const auto& [text, addresses] : cases) {
    const auto got = mail_addresses(text);
    ASSERT_TRUE(got) << text << ": " << got.error().message;
    EXPECT_EQ(*got, addresses) << text;
  }
}

TEST(MimeTest, refuses_what_could_break_out_of_a_command) {
  for (const char* text : {"", " ", "ops", "@b", "a@", "a b@c", "a@b>\r\nRCPT TO:<c@d", "a@b\r\n",
                           "Ops ops@example.com>", "<a@b", "a@b;c@d e", "<<a@b>>"}) {
    EXPECT_FALSE(mail_addresses(text)) << text;
  }
}

TEST(MimeTest, headers_hold_any_text_and_no_line_ends) {
  EXPECT_EQ(header_value("[FIRING:1] Down = \"x\""), "[FIRING:1] Down = \"x\"");
  EXPECT_EQ(header_value("Ärger?"), "=?utf-8?q?=C3=84rger=3F?=");
  EXPECT_EQ(header_value("a\r\nBcc: evil@example.com"), "=?utf-8?q?a=0D=0ABcc:_evil@example.com?=");
  const std::string folded = header_value(std::string(40, 'x') + "äöü" + std::string(40, 'y'));
  for (size_t at = 0; at < folded.size();) {
    const size_t end = std::min(folded.find("\r\n", at), folded.size());
    EXPECT_LE(end - at, 76u);
    at = end + 2;
  }
  EXPECT_NE(folded.find("?=\r\n =?utf-8?q?"), std::string::npos);
}

TEST(MimeTest, quoted_printable_keeps_lines_short_and_blanks_alive) {
  EXPECT_EQ(quoted_printable("a = b\nend \n\tx"), "a =3D b\r\nend=20\r\n\tx");
  EXPECT_EQ(quoted_printable("crlf\r\nlone\rcr"), "crlf\r\nlone=0Dcr");
  EXPECT_EQ(quoted_printable("☠"), "=E2=98=A0");
  const std::string line(200, 'z');
  EXPECT_EQ(quoted_printable(line),
            std::string(75, 'z') + "=\r\n" + std::string(75, 'z') + "=\r\n" + std::string(50, 'z'));
}

TEST(MimeTest, dates_are_those_of_mail) {
  EXPECT_EQ(mail_date(parse_rfc3339("2026-11-23T00:15:07.9Z").value()), "Mon, 23 Nov 2026 00:15:07 +0000");
  EXPECT_EQ(mail_date(parse_rfc3339("1969-07-20T20:17:40Z").value()), "Sun, 20 Jul 1969 20:17:40 +0000");
}

}  // namespace
}  // namespace sluice::alerts::notify
