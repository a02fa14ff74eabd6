// Any bytes as what a mail server says: replies that are whole and bounded, or a fault, and never a loop.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/check.h"
#include "core/net/smtp_codec.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string received(reinterpret_cast<const char*>(data), std::min<size_t>(size, 32 << 10));
  const net::SmtpLogin login{.username = "u", .identity = "i", .password = "p", .secret = "s"};
  while (true) {
    const size_t before = received.size();
    const auto reply = net::take_smtp_reply(received);
    if (!reply || !*reply) break;
    SLUICE_CHECK(received.size() < before, "a reply has bytes");
    SLUICE_CHECK((*reply)->code >= 200 && (*reply)->code <= 599 && !(*reply)->lines.empty(),
                 "a reply is one");
    SLUICE_CHECK((*reply)->text().size() <= 200, "what people see is short");
    const net::SmtpExtensions offered = net::smtp_extensions(**reply);
    const auto auth = offered.find("AUTH");
    const std::string mechanism =
        net::choose_smtp_mechanism(auth == offered.end() ? "" : auth->second, login);
    for (int step = 0; step < 3; ++step) {
      const auto answer = net::answer_smtp_challenge(mechanism, login, (*reply)->lines.front(), step);
      SLUICE_CHECK(!answer || answer->find('\n') == std::string::npos, "an answer is one line");
    }
  }
  // Whatever a message holds, only its end ends it.
  const std::string text = net::smtp_data({reinterpret_cast<const char*>(data), size});
  SLUICE_CHECK(text.find("\r\n.\r\n") == text.size() - 5 || text == "\r\n.\r\n", "the end comes last");
  return 0;
}
