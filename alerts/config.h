#pragma once
// Alertmanager's configuration file as plain values: who is told about which alert, when, and how it is
// grouped.
//
// The meaning of every key is Alertmanager's (its configuration reference is the source); agent/config reads
// the YAML and reports mistakes, so that whatever is held here is consistent: every receiver and time
// interval that is named exists, inherited route options are filled in, and each integration has its global
// defaults applied.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "alerts/mute_time.h"
#include "core/labels.h"
#include "core/time.h"

namespace sluice::alerts {

// A secret given in the file, or the path of a file that holds it. The path is read again on every use, so
// that a rotated secret needs no reload. At most one of the two is set.
struct Secret {
  std::string value;
  std::string file;

  bool empty() const { return value.empty() && file.empty(); }
  bool operator==(const Secret&) const = default;
};

struct TlsConfig {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;
  bool insecure_skip_verify = false;
  std::string min_version, max_version;  // TLS10 to TLS13; "" is the default

  bool operator==(const TlsConfig&) const = default;
};

struct BasicAuth {
  std::string username;
  Secret password;

  bool operator==(const BasicAuth&) const = default;
};

struct Authorization {
  std::string type = "Bearer";
  Secret credentials;

  bool operator==(const Authorization&) const = default;
};

struct ExtraHeader {
  std::string name;
  Secret value;

  bool operator==(const ExtraHeader&) const = default;
};

// `http_config`. Proxies are refused by the loader: the agent talks to receivers directly.
struct HttpClientConfig {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;  // `bearer_token` and `bearer_token_file` end up here too
  TlsConfig tls;
  bool follow_redirects = true;
  std::vector<ExtraHeader> headers;  // `http_headers`; a name may come more than once
  Duration timeout{};                // of one request, a key of the integration itself; 0 is the notifier's

  bool operator==(const HttpClientConfig&) const = default;
};

// Texts marked "template" are Go templates over the notification; an empty one means the default of the
// chosen look.

struct SlackField {
  std::string title;  // template
  std::string value;  // template
  std::optional<bool> is_short;

  bool operator==(const SlackField&) const = default;
};

struct SlackConfirm {
  std::string text, title, ok_text, dismiss_text;  // templates

  bool operator==(const SlackConfirm&) const = default;
};

struct SlackAction {
  std::string type, text, url, style, name, value;  // templates
  std::optional<SlackConfirm> confirm;

  bool operator==(const SlackAction&) const = default;
};

// nullopt = the key is absent: the look's default applies. "" = the user wants it empty.
using Template = std::optional<std::string>;

struct SlackConfig {
  Secret api_url;
  HttpClientConfig http;
  std::string channel;  // template
  Template username, color;
  Template title, title_link, pretext, text, fallback, callback_id, footer;
  Template icon_emoji, icon_url, image_url, thumb_url;
  std::optional<std::vector<SlackField>> fields;
  std::optional<std::vector<SlackAction>> actions;
  std::optional<std::vector<std::string>> mrkdwn_in;
  bool short_fields = false;
  bool link_names = false;

  bool operator==(const SlackConfig&) const = default;
};

struct PagerdutyImage {
  std::string src, alt, href;  // templates

  bool operator==(const PagerdutyImage&) const = default;
};
struct PagerdutyLink {
  std::string href, text;  // templates

  bool operator==(const PagerdutyLink&) const = default;
};

struct PagerdutyConfig {
  Secret routing_key;  // Events API v2; the value is a template
  Secret service_key;  // Events API v1, when no routing key is given
  std::string url = "https://events.pagerduty.com/v2/enqueue";
  HttpClientConfig http;
  Template client, client_url, description, severity, source;
  Template class_name, component, group;
  std::optional<std::vector<std::pair<std::string, std::string>>> details;  // values are templates
  std::vector<PagerdutyImage> images;
  std::vector<PagerdutyLink> links;

  bool operator==(const PagerdutyConfig&) const = default;
};

struct WebhookConfig {
  Secret url;
  HttpClientConfig http;
  uint64_t alerts_max = 0;  // `max_alerts`: 0 is no limit

  bool operator==(const WebhookConfig&) const = default;
};

struct EmailConfig {
  std::string to;  // template
  std::string from, hello, smarthost_host, smarthost_port;
  std::string auth_username, auth_identity;
  Secret auth_password, auth_secret;
  bool require_tls = true;
  std::optional<bool> implicit_tls;  // TLS from the first byte; unless told, on port 465
  TlsConfig tls;
  bool threading = false;                                    // all mails of a group are one conversation
  std::string thread_by_date = "daily";                      // or none: a new conversation each day
  std::vector<std::pair<std::string, std::string>> headers;  // names as MIME headers, values are templates
  Template html, text;

  bool operator==(const EmailConfig&) const = default;
};

// One way of one receiver to be told: `receivers[].slack_configs[0]`. Shared and immutable: a delivery keeps
// the configuration it was made for, also across a reload.
struct Integration {
  std::string receiver;
  size_t index = 0;  // among those of its kind in the receiver, from 0
  bool send_resolved = false;
  std::variant<SlackConfig, PagerdutyConfig, WebhookConfig, EmailConfig> config;

  std::string_view kind() const;  // "slack", "pagerduty", "webhook", "email"
  // "team-a/slack/0": names the integration in state on disk, metrics and messages.
  std::string name() const;
  // What rate limits and outages belong to. Two integrations with one URL share an endpoint. Never shown to
  // people: it may hold a secret.
  std::string endpoint() const;

  bool operator==(const Integration&) const = default;
};

struct Receiver {
  std::string name;
  std::vector<std::shared_ptr<const Integration>> integrations;  // in Alertmanager's order of kinds
};

// One node of the route tree with everything it inherits filled in.
struct Route {
  std::string receiver;
  std::vector<Matcher> matchers;  // all must accept the alert; match and match_re end up here; sorted by name
  bool continue_matching = false;
  std::vector<std::string> group_by;
  bool group_by_all = false;  // `group_by: ["..."]`: each label set is its own group
  Duration group_wait = 30s;
  Duration group_interval = 5min;
  Duration repeat_interval = 4h;
  std::vector<std::string> mute_time_intervals;
  std::vector<std::string> active_time_intervals;
  std::vector<Route> routes;
};

struct InhibitRule {
  std::vector<Matcher> source;
  std::vector<Matcher> target;
  std::vector<std::string> equal;
};

struct NamedTimeInterval {
  std::string name;
  std::vector<TimeInterval> intervals;
};

// A file of `templates:` with its text, as it was when the configuration was loaded.
struct TemplateFile {
  std::string path;
  std::string text;

  bool operator==(const TemplateFile&) const = default;
};

struct Config {
  Duration resolve_timeout = 5min;
  Route route;
  std::vector<Receiver> receivers;
  std::vector<InhibitRule> inhibit_rules;
  std::vector<NamedTimeInterval> time_intervals;
  std::vector<TemplateFile> templates;
  // The file as it was written with secrets replaced by "<secret>": what /api/v2/status shows.
  std::string original;

  const Receiver* find_receiver(std::string_view name) const;
  const NamedTimeInterval* find_time_interval(std::string_view name) const;
};

}  // namespace sluice::alerts
