#pragma once
// One mail to one server: connect, greet, secure, log in, hand over.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/net/net.h"
#include "core/net/smtp_codec.h"
#include "core/net/tls_config.h"
#include "core/time.h"

namespace sluice::net {

struct SmtpServer {
  std::string host;
  uint16_t port = 25;
  bool implicit_tls = false;  // TLS from the first byte, as on port 465
  bool require_tls = true;    // else nothing is said before STARTTLS
  TlsConfig tls;
  std::string hello = "localhost";
  SmtpLogin login;  // without a user name nobody logs in
};

struct SmtpMail {
  std::string from;             // addresses without display names
  std::vector<std::string> to;  // at least one
  std::string message;          // header and body with CRLF line ends
};

struct SmtpOutcome {
  bool delivered = false;
  // The answer that ended it: "451 try later". Empty when the connection failed, see `fault`.
  std::optional<SmtpReply> reply;
  std::optional<Fault> fault;
  std::string step;                  // what was refused or failed: "RCPT TO", "connect", ...
  std::vector<std::string> refused;  // recipients that were refused for good while others were accepted
  bool may_be_delivered = false;     // all of it was sent, and no answer came
};

// Never sends a password without TLS, except to this host or by a mechanism that hides it (LOGIN goes out as
// it is when require_tls is off: servers that offer nothing else exist). `deadline` is for the whole of it.
boost::asio::awaitable<SmtpOutcome> send_mail(Net& net, SmtpServer server, SmtpMail mail, Instant deadline);

}  // namespace sluice::net
