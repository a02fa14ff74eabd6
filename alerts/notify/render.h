#pragma once
// Renders the texts of one notification. The first failure is kept; after it every text is empty.

#include <optional>
#include <string>
#include <string_view>

#include "alerts/notification.h"
#include "alerts/notify/notifier.h"
#include "core/http_message.h"
#include "core/template/template.h"

namespace sluice::alerts::notify {

// The name under which a text of an integration is parsed: "team/slack/0.title".
std::string template_name(const Integration& integration, std::string_view key);

// All arguments must outlive it. What templates compute with is built when the first of them is executed: a
// webhook has none.
class Renderer {
 public:
  Renderer(const gotmpl::Set& set, const Notification& notification, const Integration& to,
           const NotifierOptions& options)
      : set_(set), notification_(notification), to_(to), options_(options) {}

  // A text of the configuration under its key.
  std::string text(std::string_view key, const std::string& configured);
  // As above; an absent one is the named default template, "" is the empty text.
  std::string text(std::string_view key, const Template& configured, std::string_view default_name);
  // As above for an HTML document: what actions print is escaped.
  std::string html(std::string_view key, const Template& configured, std::string_view default_name);
  std::string execute(std::string_view name, bool html = false);

  const std::optional<Error>& error() const { return error_; }

 private:
  const gotmpl::Set& set_;
  const Notification& notification_;
  const Integration& to_;
  const NotifierOptions& options_;
  std::optional<gotmpl::Functions> functions_;
  gotmpl::Value data_;
  std::optional<Error> error_;
};

// What a kind of integration needs to make a request.
struct RequestContext {
  const Delivery& delivery;
  const NotifierOptions& options;
  const ReadFile& read_file;
  // One for each notification of the delivery.
  std::vector<Renderer>& renderers;
};

// The value of a secret, read now if it lives in a file. kUnavailable when it cannot be read.
Result<std::string> reveal(const Secret& secret, const ReadFile& read_file);
// A POST with the headers of http_config.
Result<OutgoingRequest> post(const HttpClientConfig& http, std::string url, std::string_view content_type,
                             std::string body, const std::string& user_agent, const ReadFile& read_file);

// Calls `use` with the key and text of each template of an integration.
void for_each_template(const Integration& integration,
                       const std::function<void(const std::string& key, const std::string& text)>& use);

// The kinds. Each is given texts that render; a failed text is reported by the caller.
Result<OutgoingRequest> slack_request(const SlackConfig& config, const RequestContext& context);
Result<OutgoingRequest> pagerduty_request(const PagerdutyConfig& config, const RequestContext& context);
Result<OutgoingRequest> webhook_request(const WebhookConfig& config, const RequestContext& context);
Result<OutgoingMail> email_message(const EmailConfig& config, const RequestContext& context);

std::string sha256_hex(std::string_view text);
// The key under which PagerDuty folds what belongs together: SHA-256 of the group key in hexadecimal, as
// Alertmanager's.
std::string pagerduty_dedup_key(std::string_view group_key);

}  // namespace sluice::alerts::notify
