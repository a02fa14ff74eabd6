#pragma once
// Notifications as requests: one function in, one function back. The driver sends what comes out and hands
// the answer to `classify`; it knows nothing of Slack or PagerDuty.
//
//     auto outgoing = notifier.to_request(delivery, read_file);
//     if (!outgoing) outcome = outcome_of(outgoing.error());  // a template or secret that cannot be had
//     else ... send outgoing->request with outgoing->tls under outgoing->timeout ...
//          outcome = answered ? classify(*delivery.to, response) : outcome_of_no_answer(error);
//     pipeline.on_delivery(now, delivery.id, outcome);

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alerts/notification.h"
#include "core/http_message.h"
#include "core/mistake.h"
#include "core/result.h"

namespace sluice::alerts::notify {

// How messages look where the configuration does not say: ours, or byte for byte as Alertmanager's defaults
// have it.
enum class Look { kSluice, kAlertmanager };

struct NotifierOptions {
  std::string
      external_url;  // where people reach this agent; links in messages begin with it; no trailing slash
  Look look = Look::kSluice;
  std::string agent;  // who speaks, "node-7 (zone b)": the function `agent` of templates
  std::string user_agent = "sluice";
  // Finds a time zone for the template function `tz`; without it only UTC is known.
  std::function<std::shared_ptr<const TimeZone>(const std::string& name)> find_zone;
};

// Reads a secret's file; edges pass the disk, tests pass a map.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

struct OutgoingRequest {
  HttpRequest request;
  TlsConfig tls;
  bool follow_redirects = true;
  Duration timeout = 10s;
};

// A mail, and the server that is to take it.
struct OutgoingMail {
  std::string host;
  uint16_t port = 25;
  bool implicit_tls = false;
  bool require_tls = true;
  TlsConfig tls;
  std::string hello = "localhost";
  std::string username, identity, password, secret;  // a user name only where one is to log in
  std::string from;
  std::vector<std::string> to;
  std::string message;  // header and body, CRLF line ends
  Duration timeout = 30s;
};

// Immutable once made; make a new one when the configuration changes.
class Notifier {
 public:
  // Parses every template of the configuration. The file of a mistake is that of `templates:`, or the
  // template_name() of a receiver's key.
  static std::unique_ptr<Notifier> make(std::shared_ptr<const Config> config, NotifierOptions options,
                                        Mistakes& mistakes);
  ~Notifier();

  // The request for a delivery. kInvalid: a template failed, it will never succeed; kUnavailable: a secret's
  // file could not be read, try again.
  // Not for mail.
  Result<OutgoingRequest> to_request(const Delivery& delivery, const ReadFile& read_file) const;
  // The same for an integration of kind "email".
  Result<OutgoingMail> to_mail(const Delivery& delivery, const ReadFile& read_file) const;

 private:
  struct State;
  explicit Notifier(std::unique_ptr<State> state);
  template <typename Outgoing, typename Make>
  Result<Outgoing> compose(const Delivery& delivery, const ReadFile& read_file, Make make) const;
  std::unique_ptr<State> state_;
};

// What an answer means for the integration it came from.
DeliveryOutcome classify(const Integration& to, const HttpResponse& response, Timestamp now);
// A mail server's answer that refuses: 4xx for now, 5xx for good. `text` is shown to people.
DeliveryOutcome outcome_of_mail_refusal(int code, std::string text);
// A request that could not be made.
DeliveryOutcome outcome_of(const Error& error);
// A request that got no answer. `sent` = the request, or a part of it, had left: it may have been acted upon.
DeliveryOutcome outcome_of_no_answer(const Error& error, bool sent);

}  // namespace sluice::alerts::notify
