// Mail: a notification as a message with a text and an HTML part, as Alertmanager sends it.
//
// Headers that the configuration gives win over ours. With `threading` all mails of a group (and day) name
// the same message that nobody ever sent, which is enough for mail programs to show them as one conversation.

#include <fmt/format.h>
#include <openssl/sha.h>

#include "alerts/notify/mime.h"
#include "alerts/notify/render.h"
#include "core/whole_number.h"

namespace sluice::alerts::notify {
namespace {

constexpr size_t kDigestCharacters = 32;

bool has_header(const EmailConfig& config, std::string_view name) {
  for (const auto& [header, text] : config.headers) {
    if (header == name) return true;
  }
  return false;
}

void add_header(std::string& out, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
}

void add_part(std::string& out, std::string_view boundary, std::string_view type, std::string_view text) {
  fmt::format_to(
      std::back_inserter(out),
      "--{}\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: {}; charset=UTF-8\r\n\r\n{}\r\n",
      boundary, type, quoted_printable(text));
}

// What no two messages share: the group, the receiver and the time it was composed.
std::string digest_of(const RequestContext& context) {
  const Notification& notification = context.delivery.notifications.front();
  return sha256_hex(fmt::format("{}\n{}\n{}\n{}", context.delivery.to->name(), notification.group_key,
                                to_unix_ms(notification.now), context.delivery.attempt))
      .substr(0, kDigestCharacters);
}

std::string thread_root(const EmailConfig& config, const Notification& notification) {
  const std::string day =
      config.thread_by_date == "none" ? "" : format_rfc3339(notification.now).substr(0, 10);
  return fmt::format("<alert-{}-{}@alertmanager>", sha256_hex(notification.group_key).substr(0, 16), day);
}

std::string message_of(const EmailConfig& config, const RequestContext& context, const std::string& to,
                       const std::string& from, const std::string& sender) {
  Renderer& renderer = context.renderers.front();
  const Notification& notification = context.delivery.notifications.front();
  const std::string digest = digest_of(context);
  std::string out;
  if (!has_header(config, "Subject"))
    add_header(out, "Subject", header_value(renderer.execute("email.default.subject")));
  if (!has_header(config, "To")) add_header(out, "To", header_value(to));
  if (!has_header(config, "From")) add_header(out, "From", header_value(from));
  for (const auto& [name, text] : config.headers) {
    add_header(out, name, header_value(renderer.text("headers." + name, text)));
  }
  if (!has_header(config, "Message-Id")) {
    add_header(out, "Message-Id",
               fmt::format("<{}.{}@{}>", to_unix_ms(notification.now), digest,
                           sender.substr(sender.rfind('@') + 1)));
  }
  if (config.threading) {
    const std::string root = thread_root(config, notification);
    add_header(out, "References", root);
    add_header(out, "In-Reply-To", root);
  }
  add_header(out, "Date", mail_date(notification.now));
  const std::string boundary = "sluice-" + digest;
  add_header(out, "Content-Type", "multipart/alternative; boundary=" + boundary);
  out += "MIME-Version: 1.0\r\n\r\n";

  // The preferred alternative comes last.
  const bool ours = context.options.look == Look::kSluice;
  const std::string text = renderer.text("text", config.text, ours ? "email.default.text" : "");
  const std::string html = renderer.html("html", config.html, "email.default.html");
  if (!text.empty()) add_part(out, boundary, "text/plain", text);
  if (!html.empty()) add_part(out, boundary, "text/html", html);
  return out + "--" + boundary + "--\r\n";
}

}  // namespace

Result<OutgoingMail> email_message(const EmailConfig& config, const RequestContext& context) {
  Renderer& renderer = context.renderers.front();
  OutgoingMail out;
  out.host = config.smarthost_host;
  const auto port = parse_whole<uint16_t>(config.smarthost_port);
  if (!port) return invalid(fmt::format("{} is no port of a smarthost", quote(config.smarthost_port)));
  out.port = *port;
  out.implicit_tls = config.implicit_tls.value_or(out.port == 465);
  out.require_tls = config.require_tls;
  out.tls = config.tls;
  if (!config.hello.empty()) out.hello = config.hello;

  out.username = config.auth_username;
  out.identity = config.auth_identity;
  auto password = reveal(config.auth_password, context.read_file);
  if (!password) return password.error();
  auto secret = reveal(config.auth_secret, context.read_file);
  if (!secret) return secret.error();
  out.password = std::move(*password);
  out.secret = std::move(*secret);

  const std::string from = renderer.text("from", config.from), to = renderer.text("to", config.to);
  if (renderer.error()) return invalid(renderer.error()->message);
  auto senders = mail_addresses(from), recipients = mail_addresses(to);
  if (!senders) return invalid("from: " + senders.error().message);
  if (!recipients) return invalid("to: " + recipients.error().message);
  if (senders->size() != 1) return invalid("must be exactly one from address");
  out.from = senders->front();
  out.to = std::move(*recipients);
  out.message = message_of(config, context, to, from, out.from);
  return out;
}

}  // namespace sluice::alerts::notify
