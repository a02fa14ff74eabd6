// Any bytes as the texts of receivers: a message that is bounded and well-formed, or an error; a mail without
// lines of its own.
#include <algorithm>
#include <boost/json.hpp>
#include <string_view>

#include "alerts/notify/notifier.h"
#include "core/check.h"

using namespace sluice;
using namespace sluice::alerts;

namespace {

Delivery delivery_to(std::shared_ptr<const Integration> to) {
  Alert alert;
  alert.labels = Labels{{"alertname", "Down"}, {"instance", "db1\r\n.<x>"}, {"severity", "page"}};
  alert.annotations = Labels{{"summary", "it is \"down\" & out\n.\n"}};
  alert.starts_at = from_unix_ms(1'700'000'000'000);
  alert.ends_at = from_unix_ms(1'700'000'100'000);
  Notification notification;
  notification.group_key = "{}:{}";
  notification.alerts = {{std::make_shared<const Alert>(alert), false},
                         {std::make_shared<const Alert>(alert), true}};
  notification.now = from_unix_ms(1'700'000'050'000);
  Delivery delivery;
  delivery.to = std::move(to);
  delivery.notifications = {notification};
  return delivery;
}

template <typename Config>
std::shared_ptr<const Integration> integration(Config config) {
  auto out = std::make_shared<Integration>();
  out->receiver = "r";
  out->config = std::move(config);
  return out;
}

Result<std::string> no_file(const std::string&) {
  return unavailable("no file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), std::min<size_t>(size, 4096));
  SlackConfig slack;
  slack.api_url.value = "http://slack";
  slack.title = slack.text = text;
  EmailConfig email;
  email.to = "ops@example.com";
  email.from = "sluice@example.com";
  email.smarthost_host = "mail";
  email.smarthost_port = "25";
  email.html = text;
  email.headers = {{"Subject", text}};
  auto config = std::make_shared<Config>();
  config->receivers = {{"r", {integration(slack), integration(email)}}};
  config->route.receiver = "r";
  Mistakes mistakes;
  const auto notifier = notify::Notifier::make(config, {}, mistakes);
  SLUICE_CHECK((notifier == nullptr) == !mistakes.empty(), "templates are either good or have mistakes");
  if (notifier == nullptr) return 0;
  const auto& integrations = config->receivers[0].integrations;
  const auto request = notifier->to_request(delivery_to(integrations[0]), no_file);
  if (request.has_value()) {
    boost::system::error_code error;
    boost::json::parse(request->request.body, error);
    SLUICE_CHECK(!error, "a body is JSON");
    SLUICE_CHECK(request->request.body.size() < 200'000, "a message is bounded");
  }
  const auto mail = notifier->to_mail(delivery_to(integrations[1]), no_file);
  if (mail.has_value()) {
    const std::string_view head = std::string_view(mail->message).substr(0, mail->message.find("\r\n\r\n"));
    for (size_t at = 0; (at = head.find('\n', at)) != std::string_view::npos; ++at) {
      SLUICE_CHECK(at > 0 && head[at - 1] == '\r', "lines of a mail end with CRLF");
    }
    SLUICE_CHECK(head.find("\r\nBcc") == std::string_view::npos, "no text makes a header");
  }
  return 0;
}
