#pragma once
// SMTP (RFC 5321) as text: what a server answers, and what a client says. No I/O.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/fault.h"

namespace sluice::net {

struct SmtpReply {
  int code = 0;                    // 200 to 599
  std::vector<std::string> lines;  // at least one, without code and line end

  bool good() const { return code < 400; }
  bool permanent() const { return code >= 500; }
  std::string text() const;  // "550 no such user", its lines joined, for people: printable, at most 200 bytes
};

// Takes one complete reply off the front of what was received. Empty: more bytes are needed. kProtocol: these
// are no bytes of an SMTP server, or more than 16 KiB of one reply.
NetResult<std::optional<SmtpReply>> take_smtp_reply(std::string& received);

// What a server offers in its answer to EHLO: keywords in upper case to their parameters.
using SmtpExtensions = std::map<std::string, std::string, std::less<>>;
SmtpExtensions smtp_extensions(const SmtpReply& ehlo);

// Message text with CRLF line ends as DATA wants it: dots doubled where a line begins with one, ended by a
// line with a single dot.
std::string smtp_data(std::string_view message);

// What AUTH says: the command, then one answer to each challenge of the server.
struct SmtpLogin {
  std::string username, identity;
  std::string password;  // for PLAIN and LOGIN
  std::string secret;    // for CRAM-MD5
};
// The first mechanism of the server's list that there is a password or secret for; empty when there is none.
std::string choose_smtp_mechanism(std::string_view offered, const SmtpLogin& login);
// The answer to a challenge, both in base64. `step` counts from 0. Empty when the challenge makes no sense.
std::optional<std::string> answer_smtp_challenge(std::string_view mechanism, const SmtpLogin& login,
                                                 std::string_view challenge, int step);

}  // namespace sluice::net
