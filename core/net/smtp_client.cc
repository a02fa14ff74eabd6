#include "core/net/smtp_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>

#include "core/net/clock.h"
#include "core/net/deadline.h"
#include "core/net/resolver.h"
#include "core/net/stream.h"
#include "core/net/tls.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using Told = NetResult<SmtpReply>;

bool is_this_host(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}

// One conversation. Each step answers true to go on; else `outcome` says why it ended.
class Session {
 public:
  Session(Net& net, const SmtpServer& server, const SmtpMail& mail, SmtpOutcome& outcome, Deadline& deadline)
      : net_(net), server_(server), mail_(mail), outcome_(outcome), deadline_(deadline) {}

  asio::awaitable<void> run() {
    bool ready = co_await connect();
    if (ready) ready = co_await greet();
    if (ready) ready = co_await secure();
    if (ready) ready = co_await log_in();
    if (ready) co_await hand_over();
    if (stream_ == nullptr) co_return;
    // A farewell is polite; its answer changes nothing.
    if (!outcome_.fault) (void)co_await stream_->write_all("QUIT\r\n");
    deadline_.release();
    stream_->close();
  }

 private:
  asio::awaitable<bool> connect() {
    outcome_.step = "connect";
    auto addresses = co_await net_.resolver.resolve(server_.host, {}, deadline_.at());
    if (!addresses) co_return failed(addresses.error());
    auto connected = co_await connect_any(std::move(*addresses), server_.port, deadline_);
    if (!connected) co_return failed(connected.error());
    stream_ = std::move(*connected);
    if (server_.implicit_tls) {
      const bool secured = co_await start_tls();
      if (!secured) co_return false;
      outcome_.step = "greeting";
    }
    const Told told = co_await reply();
    co_return accepted(told);
  }

  // EHLO, or HELO for servers that do not know it.
  asio::awaitable<bool> greet() {
    extensions_.clear();
    Told told = co_await say("EHLO", "EHLO " + server_.hello + "\r\n");
    if (told && told->permanent()) {
      told = co_await say("HELO", "HELO " + server_.hello + "\r\n");
      co_return accepted(told);
    }
    if (!accepted(told)) co_return false;
    extensions_ = smtp_extensions(*told);
    co_return true;
  }

  asio::awaitable<bool> secure() {
    if (secured_ || !server_.require_tls) co_return true;
    outcome_.step = "STARTTLS";
    if (!extensions_.contains("STARTTLS")) {
      co_return failed(
          {FaultKind::kTlsHandshake, "require_tls is on, but the server does not offer STARTTLS"});
    }
    const Told told = co_await say("STARTTLS", "STARTTLS\r\n");
    if (!accepted(told)) co_return false;
    // What was sent before the handshake could be anybody's words.
    if (!received_.empty())
      co_return failed({FaultKind::kProtocol, "the server spoke before the TLS handshake"});
    const bool secured = co_await start_tls();
    if (!secured) co_return false;
    const bool greeted = co_await greet();
    co_return greeted;
  }

  asio::awaitable<bool> start_tls() {
    outcome_.step = "TLS";
    const auto context = net_.tls.client(server_.tls);
    if (!context) co_return failed(context.error());
    TlsFacts facts;
    auto secured =
        co_await tls_connect(std::move(stream_), *context, {server_.host, false}, facts, deadline_);
    if (!secured) co_return failed(secured.error());
    stream_ = std::move(*secured);
    secured_ = true;
    co_return true;
  }

  asio::awaitable<bool> log_in() {
    const auto offered = extensions_.find("AUTH");
    if (server_.login.username.empty() || offered == extensions_.end()) co_return true;
    outcome_.step = "AUTH";
    const std::string mechanism = choose_smtp_mechanism(offered->second, server_.login);
    if (mechanism.empty()) {
      co_return failed({FaultKind::kInvalid, fmt::format("no password or secret for any of the mechanisms {}",
                                                         offered->second.substr(0, 100))});
    }
    std::string command = "AUTH " + mechanism;
    int step = 0;
    if (mechanism == "PLAIN") {
      if (!secured_ && !is_this_host(server_.host))
        co_return failed({FaultKind::kInvalid, "will not send a password without TLS"});
      command += ' ' + *answer_smtp_challenge(mechanism, server_.login, "", step++);
    }
    Told told = co_await say("AUTH", command + "\r\n");
    while (told && told->code == 334) {
      const auto answer = answer_smtp_challenge(mechanism, server_.login, told->lines.front(), step++);
      // "*" is how a client breaks off.
      told = co_await say("AUTH", answer.value_or("*") + "\r\n");
    }
    co_return accepted(told);
  }

  asio::awaitable<void> hand_over() {
    const auto size = extensions_.find("SIZE");
    const std::string data = smtp_data(mail_.message);
    std::string options;
    if (size != extensions_.end()) options += fmt::format(" SIZE={}", data.size());
    if (extensions_.contains("SMTPUTF8")) options += " SMTPUTF8";
    Told told = co_await say("MAIL FROM", fmt::format("MAIL FROM:<{}>{}\r\n", mail_.from, options));
    if (!accepted(told)) co_return;
    size_t welcome = 0;
    std::optional<SmtpReply> refusal;
    for (const std::string& to : mail_.to) {
      told = co_await say("RCPT TO", fmt::format("RCPT TO:<{}>\r\n", to));
      if (told && told->permanent()) {
        refusal = *told;
        outcome_.refused.push_back(to);
        continue;
      }
      // One that is refused for now: nobody is told twice if nobody is told yet.
      if (!accepted(told)) co_return;
      ++welcome;
    }
    if (welcome == 0) {
      outcome_.reply = refusal;
      co_return;
    }
    told = co_await say("DATA", "DATA\r\n");
    if (!accepted(told)) co_return;
    const NetResult<void> sent = co_await stream_->write_all(data);
    if (!sent) {
      failed(sent.error());
      co_return;
    }
    outcome_.step = "message";
    told = co_await reply();
    outcome_.may_be_delivered = told.has_error();
    outcome_.delivered = accepted(told);
  }

  asio::awaitable<Told> say(std::string step, std::string line) {
    outcome_.step = std::move(step);
    const NetResult<void> sent = co_await stream_->write_all(line);
    if (!sent) co_return sent.error();
    co_return co_await reply();
  }

  asio::awaitable<Told> reply() {
    while (true) {
      auto taken = take_smtp_reply(received_);
      if (!taken) co_return taken.error();
      if (*taken) co_return std::move(**taken);
      std::array<char, 1024> buffer;
      const NetResult<size_t> n = co_await stream_->read_some(buffer);
      if (!n) co_return n.error();
      if (*n == 0) co_return Fault{FaultKind::kReset, "the server closed the connection"};
      received_.append(buffer.data(), *n);
    }
  }

  bool accepted(const Told& told) {
    if (!told) return failed(told.error());
    if (told->good() && told->code != 334) return true;
    outcome_.reply = *told;
    return false;
  }
  bool failed(const Fault& fault) {
    outcome_.fault = deadline_.judge(fault, FaultKind::kTimeout);
    return false;
  }

  Net& net_;
  const SmtpServer& server_;
  const SmtpMail& mail_;
  SmtpOutcome& outcome_;
  Deadline& deadline_;
  std::unique_ptr<Stream> stream_;
  bool secured_ = false;
  std::string received_;
  SmtpExtensions extensions_;
};

}  // namespace

asio::awaitable<SmtpOutcome> send_mail(Net& net, SmtpServer server, SmtpMail mail, Instant deadline_at) {
  SmtpOutcome outcome;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Deadline deadline(executor, deadline_at);
  Session session(net, server, mail, outcome, deadline);
  co_await session.run();
  if (outcome.delivered) {
    outcome.reply.reset();
    outcome.fault.reset();
  }
  co_return outcome;
}

}  // namespace sluice::net
