#include "agent/config/alertmanager_receivers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "agent/config/modules.h"

namespace sluice::config {
namespace {

using namespace alerts;

// Receivers and global keys that Alertmanager has and Sluice does not. A receiver that would silently tell
// nobody is refused; a global key that nothing uses is harmless.
constexpr std::string_view kOtherReceivers[] = {
    "opsgenie_configs", "wechat_configs",     "pushover_configs",   "victorops_configs", "sns_configs",
    "telegram_configs", "webex_configs",      "discord_configs",    "msteams_configs",   "msteamsv2_configs",
    "jira_configs",     "rocketchat_configs", "incidentio_configs", "mattermost_configs"};
constexpr std::string_view kOtherGlobals[] = {
    "opsgenie_api_url",        "opsgenie_api_key",   "opsgenie_api_key_file", "wechat_api_url",
    "wechat_api_secret",       "wechat_api_corp_id", "victorops_api_url",     "victorops_api_key",
    "victorops_api_key_file",  "telegram_api_url",   "webex_api_url",         "jira_api_url",
    "rocketchat_api_url",      "rocketchat_token",   "rocketchat_token_file", "rocketchat_token_id",
    "rocketchat_token_id_file"};

// What stays the same over all keys of one map.
struct Reader {
  Fields& fields;
  const std::string& folder;

  void text(std::string_view key, std::string& out) { fields.string(key, out); }
  void text(std::string_view key, Template& out) {
    std::string value;
    if (fields.string(key, value)) out = std::move(value);
  }
  void path(std::string_view key, std::string& out) {
    if (fields.string(key, out)) out = resolve_path(folder, out);
  }
  // `key` and `key_file`: one of them replaces what was inherited.
  bool secret(std::string_view key, std::string_view file_key, Secret& out) {
    Secret own;
    const bool inline_given = fields.string(key, own.value);
    path(file_key, own.file);
    if (inline_given && !own.file.empty()) {
      fields.mistake(file_key, fmt::format("at most one of {} & {} must be configured", key, file_key));
    }
    if (own.empty()) return false;
    out = std::move(own);
    return true;
  }
};

bool is_http_url(std::string_view url) {
  const size_t start = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  return start != 0 && url.find_first_of("/?#", start) != start && url.size() > start;
}

void check_url(Fields& fields, std::string_view key, const std::string& url) {
  if (url.empty() || is_http_url(url)) return;
  const size_t scheme = url.find("://");
  const bool http = url.starts_with("http://") || url.starts_with("https://");
  fields.mistake(key, scheme == std::string::npos || !http
                          ? fmt::format("unsupported scheme {} for URL",
                                        quote(url.substr(0, scheme == std::string::npos ? 0 : scheme)))
                          : std::string("missing host for URL"));
}

TlsConfig read_tls(const Node& node, Diagnostics& diagnostics, const std::string& name,
                   const std::string& folder) {
  Fields fields(node, diagnostics, name);
  Reader reader{fields, folder};
  TlsConfig tls;
  reader.path("ca_file", tls.ca_file);
  reader.path("cert_file", tls.cert_file);
  reader.path("key_file", tls.key_file);
  fields.string("server_name", tls.server_name);
  fields.boolean("insecure_skip_verify", tls.insecure_skip_verify);
  fields.choice("min_version", tls.min_version, {"TLS10", "TLS11", "TLS12", "TLS13"});
  fields.choice("max_version", tls.max_version, {"TLS10", "TLS11", "TLS12", "TLS13"});
  if (!tls.min_version.empty() && !tls.max_version.empty() && tls.min_version > tls.max_version)
    fields.mistake("min_version", "must not be above max_version");
  if (!tls.cert_file.empty() && tls.key_file.empty()) {
    fields.mistake(
        "cert_file",
        "exactly one of key or key_file must be configured when a client certificate is configured");
  }
  if (tls.cert_file.empty() && !tls.key_file.empty()) {
    fields.mistake("key_file",
                   "exactly one of cert or cert_file must be configured when a client key is configured");
  }
  fields.done();
  return tls;
}

BasicAuth read_basic_auth(const Node& node, Diagnostics& diagnostics, const std::string& name,
                          const std::string& folder) {
  Fields fields(node, diagnostics, name);
  Reader reader{fields, folder};
  BasicAuth auth;
  fields.string("username", auth.username);
  reader.secret("password", "password_file", auth.password);
  fields.done();
  return auth;
}

Authorization read_authorization(const Node& node, Diagnostics& diagnostics, const std::string& name,
                                 const std::string& folder) {
  Fields fields(node, diagnostics, name);
  Reader reader{fields, folder};
  Authorization auth;
  fields.string("type", auth.type);
  reader.secret("credentials", "credentials_file", auth.credentials);
  std::string lower = auth.type;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (lower == "basic") {
    fields.mistake("type", "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
  }
  fields.done();
  return auth;
}

// Source: prometheus/common's http_headers, and what it keeps for itself.
std::vector<ExtraHeader> read_headers(const Node& node, Diagnostics& diagnostics, const std::string& name,
                                      const std::string& folder) {
  constexpr std::string_view kReserved[] = {
      "authorization",    "host",           "content-encoding", "content-length",     "content-type",
      "user-agent",       "connection",     "keep-alive",       "proxy-authenticate", "proxy-authorization",
      "www-authenticate", "accept-encoding"};
  std::vector<ExtraHeader> out;
  Fields headers(node, diagnostics, name);
  for (const Entry& entry : node.entries) {
    const Node* value = headers.child(entry.key);
    if (value == nullptr) continue;
    std::string lower = entry.key;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    const bool token =
        !lower.empty() &&
        lower.find_first_not_of("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") == std::string::npos;
    if (!token) headers.mistake(entry.key, fmt::format("{} is no name of a header", quote(entry.key)));
    if (std::find(std::begin(kReserved), std::end(kReserved), lower) != std::end(kReserved))
      headers.mistake(entry.key, fmt::format("setting header {} is not allowed", quote(entry.key)));
    Fields fields(*value, diagnostics, headers.name(entry.key));
    std::vector<std::string> texts;
    for (const std::string_view key : {"values", "secrets", "files"}) {
      texts.clear();
      fields.strings(key, texts);
      for (const std::string& text : texts)
        out.push_back(
            {entry.key, key == "files" ? Secret{"", resolve_path(folder, text)} : Secret{text, ""}});
    }
    fields.done();
  }
  headers.done();
  return out;
}

}  // namespace

void read_http_fields(Fields& fields, const std::string& folder, HttpClientConfig& http) {
  Diagnostics& diagnostics = fields.diagnostics();
  Reader reader{fields, folder};
  if (const Node* basic = fields.child("basic_auth")) {
    http.basic_auth = read_basic_auth(*basic, diagnostics, fields.name("basic_auth"), folder);
  }
  if (const Node* auth = fields.child("authorization")) {
    http.authorization = read_authorization(*auth, diagnostics, fields.name("authorization"), folder);
  }
  Secret token;
  if (reader.secret("bearer_token", "bearer_token_file", token)) {
    if (http.authorization) {
      fields.mistake("bearer_token", "authorization is not compatible with bearer_token & bearer_token_file");
    }
    http.authorization = Authorization{"Bearer", token};
  }
  if (http.basic_auth && http.authorization) {
    fields.mistake("basic_auth", "at most one of basic_auth, oauth2 & authorization must be configured");
  }
  if (fields.child("oauth2") != nullptr) fields.mistake("oauth2", "not supported, use authorization");
  for (const std::string_view key :
       {"proxy_url", "proxy_from_environment", "no_proxy", "proxy_connect_header"}) {
    const Node* proxy = fields.child(key);
    if (proxy == nullptr || proxy->scalar.empty() || proxy->scalar == "false") continue;
    fields.mistake(key, "not supported: there is no way through a proxy");
  }
  if (const Node* tls = fields.child("tls_config")) {
    http.tls = read_tls(*tls, diagnostics, fields.name("tls_config"), folder);
  }
  if (const Node* headers = fields.child("http_headers"))
    http.headers = read_headers(*headers, diagnostics, fields.name("http_headers"), folder);
  fields.boolean("follow_redirects", http.follow_redirects);
  bool http2 = true;  // accepted: requests are HTTP/1.1, which every receiver speaks
  fields.boolean("enable_http2", http2);
}

namespace {

void read_http(const Node& node, Diagnostics& diagnostics, const std::string& name, const std::string& folder,
               HttpClientConfig& http) {
  http = HttpClientConfig{};
  Fields fields(node, diagnostics, name);
  read_http_fields(fields, folder, http);
  fields.done();
}

// A node of one integration, with what all kinds share.
struct Source {
  const Node& node;
  const std::string& name;
  Diagnostics& diagnostics;
  const AlertmanagerGlobal& global;
  const std::string& folder;

  void http(Fields& fields, HttpClientConfig& out) const {
    out = global.http;
    if (const Node* own = fields.child("http_config")) {
      read_http(*own, diagnostics, fields.name("http_config"), folder, out);
    }
  }
};

// ----------------------------------------------------------------------------------------------------------------
// Slack

SlackField read_slack_field(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  Fields fields(node, diagnostics, name);
  SlackField field;
  fields.string("title", field.title);
  fields.string("value", field.value);
  bool is_short = false;
  if (fields.boolean("short", is_short)) field.is_short = is_short;
  if (field.title.empty()) fields.mistake("title", "missing title in Slack field configuration");
  if (field.value.empty()) fields.mistake("value", "missing value in Slack field configuration");
  fields.done();
  return field;
}

SlackAction read_slack_action(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  Fields fields(node, diagnostics, name);
  SlackAction action;
  fields.string("type", action.type);
  fields.string("text", action.text);
  fields.string("url", action.url);
  fields.string("style", action.style);
  fields.string("name", action.name);
  fields.string("value", action.value);
  if (const Node* confirm = fields.child("confirm")) {
    Fields inner(*confirm, diagnostics, fields.name("confirm"));
    SlackConfirm out;
    inner.string("text", out.text);
    inner.string("title", out.title);
    inner.string("ok_text", out.ok_text);
    inner.string("dismiss_text", out.dismiss_text);
    if (out.text.empty()) inner.mistake("text", "missing text in Slack confirmation configuration");
    inner.done();
    action.confirm = std::move(out);
  }
  if (action.type.empty()) fields.mistake("type", "missing type in Slack action configuration");
  if (action.text.empty()) fields.mistake("text", "missing text in Slack action configuration");
  if (action.url.empty() && action.name.empty()) {
    fields.mistake("name", "missing name or url in Slack action configuration");
  }
  fields.done();
  return action;
}

void read_slack(const Source& source, Integration& integration) {
  Fields fields(source.node, source.diagnostics, source.name);
  Reader reader{fields, source.folder};
  SlackConfig slack;
  fields.boolean("send_resolved", integration.send_resolved);
  source.http(fields, slack.http);
  slack.api_url = source.global.slack_api_url;
  reader.secret("api_url", "api_url_file", slack.api_url);
  check_url(fields, "api_url", slack.api_url.value);
  if (slack.api_url.empty())
    fields.mistake("api_url", "no global Slack API URL set either inline or in a file");
  fields.string("channel", slack.channel);
  const std::pair<std::string_view, Template*> templates[] = {
      {"username", &slack.username},  {"color", &slack.color},
      {"title", &slack.title},        {"title_link", &slack.title_link},
      {"pretext", &slack.pretext},    {"text", &slack.text},
      {"fallback", &slack.fallback},  {"callback_id", &slack.callback_id},
      {"footer", &slack.footer},      {"icon_emoji", &slack.icon_emoji},
      {"icon_url", &slack.icon_url},  {"image_url", &slack.image_url},
      {"thumb_url", &slack.thumb_url}};
  for (const auto& [key, out] : templates) reader.text(key, *out);
  fields.each("fields", [&](const Node& node, const std::string& name) {
    if (!slack.fields) slack.fields.emplace();
    slack.fields->push_back(read_slack_field(node, name, source.diagnostics));
  });
  fields.each("actions", [&](const Node& node, const std::string& name) {
    if (!slack.actions) slack.actions.emplace();
    slack.actions->push_back(read_slack_action(node, name, source.diagnostics));
  });
  std::vector<std::string> mrkdwn_in;
  if (fields.strings("mrkdwn_in", mrkdwn_in)) slack.mrkdwn_in = std::move(mrkdwn_in);
  fields.boolean("short_fields", slack.short_fields);
  fields.boolean("link_names", slack.link_names);
  fields.duration("timeout", slack.http.timeout);
  fields.done();
  integration.config = std::move(slack);
}

// ------------------------------------------------------------------------------------------------------------
// PagerDuty

void read_pagerduty(const Source& source, Integration& integration) {
  Fields fields(source.node, source.diagnostics, source.name);
  Reader reader{fields, source.folder};
  PagerdutyConfig pagerduty;
  fields.boolean("send_resolved", integration.send_resolved);
  source.http(fields, pagerduty.http);
  reader.secret("routing_key", "routing_key_file", pagerduty.routing_key);
  reader.secret("service_key", "service_key_file", pagerduty.service_key);
  if (pagerduty.routing_key.empty() && pagerduty.service_key.empty()) {
    fields.mistake("routing_key", "missing service or routing key in PagerDuty config");
  }
  pagerduty.url = source.global.pagerduty_url;
  fields.string("url", pagerduty.url);
  check_url(fields, "url", pagerduty.url);
  const std::pair<std::string_view, Template*> templates[] = {
      {"client", &pagerduty.client},           {"client_url", &pagerduty.client_url},
      {"description", &pagerduty.description}, {"severity", &pagerduty.severity},
      {"source", &pagerduty.source},           {"class", &pagerduty.class_name},
      {"component", &pagerduty.component},     {"group", &pagerduty.group}};
  for (const auto& [key, out] : templates) reader.text(key, *out);
  std::map<std::string, std::string> details;
  if (fields.string_map("details", details)) pagerduty.details.emplace(details.begin(), details.end());
  fields.each("images", [&](const Node& node, const std::string& name) {
    Fields inner(node, source.diagnostics, name);
    PagerdutyImage& image = pagerduty.images.emplace_back();
    inner.string("src", image.src);
    inner.string("alt", image.alt);
    inner.string("href", image.href);
    inner.done();
  });
  fields.each("links", [&](const Node& node, const std::string& name) {
    Fields inner(node, source.diagnostics, name);
    PagerdutyLink& link = pagerduty.links.emplace_back();
    inner.string("href", link.href);
    inner.string("text", link.text);
    inner.done();
  });
  fields.duration("timeout", pagerduty.http.timeout);
  fields.done();
  integration.config = std::move(pagerduty);
}

// --------------------------------------------------------------------------------------------------------------
// webhook

void read_webhook(const Source& source, Integration& integration) {
  Fields fields(source.node, source.diagnostics, source.name);
  Reader reader{fields, source.folder};
  WebhookConfig webhook;
  fields.boolean("send_resolved", integration.send_resolved);
  source.http(fields, webhook.http);
  reader.secret("url", "url_file", webhook.url);
  if (webhook.url.empty()) fields.mistake("url", "one of url or url_file must be configured");
  check_url(fields, "url", webhook.url.value);
  size_t alerts_max = 0;
  fields.size("max_alerts", alerts_max, 0, 1'000'000'000);
  webhook.alerts_max = alerts_max;
  fields.duration("timeout", webhook.http.timeout);
  fields.done();
  integration.config = std::move(webhook);
}

// ----------------------------------------------------------------------------------------------------------------
// email

// "host:port" in two; false when it is neither.
bool split_smarthost(Fields& fields, std::string_view key, const std::string& text, EmailConfig& email) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    fields.mistake(key, fmt::format("address {}: missing port in address", text));
    return false;
  }
  if (colon + 1 == text.size()) {
    fields.mistake(key, fmt::format("address {}: port cannot be empty", quote(text)));
    return false;
  }
  email.smarthost_host = text.substr(0, colon);
  email.smarthost_port = text.substr(colon + 1);
  return true;
}

void read_implicit_tls(Fields& fields, std::string_view key, EmailConfig& email) {
  bool implicit = false;
  if (fields.boolean(key, implicit)) email.implicit_tls = implicit;
}

void read_threading(const Node& node, Diagnostics& diagnostics, const std::string& name, EmailConfig& email) {
  Fields fields(node, diagnostics, name);
  fields.boolean("enabled", email.threading);
  fields.choice("thread_by_date", email.thread_by_date, {"none", "daily"});
  fields.done();
}

// What goes into SMTP commands and header names as it is.
void check_words(Fields& fields, const EmailConfig& email) {
  const auto blank_or_control = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  if (std::any_of(email.hello.begin(), email.hello.end(), blank_or_control))
    fields.mistake("hello", "must be one word");
  for (const auto& [name, value] : email.headers) {
    if (name.empty() || name.find(':') != std::string::npos ||
        std::any_of(name.begin(), name.end(), blank_or_control))
      fields.mistake("headers", fmt::format("{} is no name of a header", quote(name)));
    if (email.threading && (name == "References" || name == "In-Reply-To")) {
      fields.mistake(
          "headers",
          fmt::format("conflicting configuration: threading.enabled conflicts with custom {} header", name));
    }
  }
}

// MIME's way to write a header's name: "reply-to" is "Reply-To".
std::string canonical_header(std::string name) {
  bool first = true;
  for (char& c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) c = static_cast<char>(first ? c & ~0x20 : c | 0x20);
    first = c == '-';
  }
  return name;
}

void read_email(const Source& source, Integration& integration) {
  Fields fields(source.node, source.diagnostics, source.name);
  Reader reader{fields, source.folder};
  EmailConfig email = source.global.smtp;
  fields.boolean("send_resolved", integration.send_resolved);
  fields.string("to", email.to);
  if (email.to.empty()) fields.mistake("to", "missing to address in email config");
  fields.string("from", email.from);
  if (email.from.empty()) fields.mistake("from", "no global SMTP from set");
  std::string smarthost;
  if (fields.string("smarthost", smarthost)) split_smarthost(fields, "smarthost", smarthost, email);
  if (email.smarthost_host.empty() && smarthost.empty())
    fields.mistake("smarthost", "no global SMTP smarthost set");
  fields.string("hello", email.hello);
  fields.string("auth_username", email.auth_username);
  fields.string("auth_identity", email.auth_identity);
  reader.secret("auth_password", "auth_password_file", email.auth_password);
  reader.secret("auth_secret", "auth_secret_file", email.auth_secret);
  fields.boolean("require_tls", email.require_tls);
  read_implicit_tls(fields, "force_implicit_tls", email);
  if (const Node* tls = fields.child("tls_config")) {
    email.tls = read_tls(*tls, source.diagnostics, fields.name("tls_config"), source.folder);
  }
  std::map<std::string, std::string> headers;
  fields.string_map("headers", headers);
  std::set<std::string> seen;
  for (const auto& [name, value] : headers) {
    const std::string canonical = canonical_header(name);
    if (!seen.insert(canonical).second) {
      fields.mistake("headers", fmt::format("duplicate header {} in email config", quote(canonical)));
    }
    email.headers.emplace_back(canonical, value);
  }
  if (const Node* threading = fields.child("threading"))
    read_threading(*threading, source.diagnostics, fields.name("threading"), email);
  check_words(fields, email);
  reader.text("html", email.html);
  reader.text("text", email.text);
  fields.done();
  integration.config = std::move(email);
}

struct KindRow {
  std::string_view key;
  bool send_resolved;  // unless told
  void (*read)(const Source&, Integration&);
};
// In the order in which Alertmanager tells them.
constexpr KindRow kKinds[] = {{"webhook_configs", true, read_webhook},
                              {"email_configs", false, read_email},
                              {"pagerduty_configs", true, read_pagerduty},
                              {"slack_configs", false, read_slack}};

}  // namespace

AlertmanagerGlobal read_alertmanager_global(const Node& node, Diagnostics& diagnostics,
                                            const std::string& folder) {
  AlertmanagerGlobal global;
  Fields fields(node, diagnostics, "global");
  Reader reader{fields, folder};
  fields.duration("resolve_timeout", global.resolve_timeout);
  if (const Node* http = fields.child("http_config")) {
    read_http(*http, diagnostics, fields.name("http_config"), folder, global.http);
  }
  reader.secret("slack_api_url", "slack_api_url_file", global.slack_api_url);
  check_url(fields, "slack_api_url", global.slack_api_url.value);
  if (fields.string("pagerduty_url", global.pagerduty_url))
    check_url(fields, "pagerduty_url", global.pagerduty_url);

  EmailConfig& smtp = global.smtp;
  smtp.hello = "localhost";
  fields.string("smtp_from", smtp.from);
  fields.string("smtp_hello", smtp.hello);
  std::string smarthost;
  if (fields.string("smtp_smarthost", smarthost)) split_smarthost(fields, "smtp_smarthost", smarthost, smtp);
  fields.string("smtp_auth_username", smtp.auth_username);
  reader.secret("smtp_auth_password", "smtp_auth_password_file", smtp.auth_password);
  reader.secret("smtp_auth_secret", "smtp_auth_secret_file", smtp.auth_secret);
  fields.string("smtp_auth_identity", smtp.auth_identity);
  fields.boolean("smtp_require_tls", smtp.require_tls);
  read_implicit_tls(fields, "smtp_force_implicit_tls", smtp);
  if (const Node* tls = fields.child("smtp_tls_config")) {
    smtp.tls = read_tls(*tls, diagnostics, fields.name("smtp_tls_config"), folder);
  }
  for (const std::string_view key : kOtherGlobals) fields.child(key);
  fields.done();
  return global;
}

Receiver read_receiver(const Node& node, const std::string& name, Diagnostics& diagnostics,
                       const AlertmanagerGlobal& global, const std::string& folder) {
  Fields fields(node, diagnostics, name);
  Receiver receiver;
  fields.string("name", receiver.name);
  if (receiver.name.empty()) fields.mistake("name", "missing name in receiver");
  for (const KindRow& kind : kKinds) {
    size_t index = 0;
    fields.each(kind.key, [&](const Node& item, const std::string& item_name) {
      auto integration = std::make_shared<Integration>();
      integration->receiver = receiver.name;
      integration->index = index++;
      integration->send_resolved = kind.send_resolved;
      kind.read(Source{item, item_name, diagnostics, global, folder}, *integration);
      receiver.integrations.push_back(std::move(integration));
    });
  }
  for (const std::string_view key : kOtherReceivers) {
    if (fields.child(key) == nullptr) continue;
    fields.mistake(key,
                   "not supported: a receiver tells through webhook_configs, email_configs, "
                   "pagerduty_configs or slack_configs");
  }
  fields.done();
  return receiver;
}

}  // namespace sluice::config
