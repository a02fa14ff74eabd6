// PagerDuty's Events API v2, and v1 for those who still have a service key.
//
// One group is one incident: all its events carry one dedup_key, so that repetitions fold into it and the
// resolve ends it. An event may have 512 KB; details that do not fit are replaced by a sentence that says so,
// never the event.

#include <fmt/format.h>
#include <boost/json.hpp>

#include "alerts/notify/json.h"
#include "alerts/notify/render.h"
#include "alerts/notify/template_data.h"

namespace sluice::alerts::notify {
namespace {

namespace json = boost::json;

constexpr size_t kEventBytesMax = 512'000;
constexpr size_t kSummaryCharactersMax = 1024;
constexpr size_t kDetailedAlertsMax = 100;
constexpr std::string_view kEventsV1Url = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";

// Our own default: alerts as objects, so that PagerDuty's rules and searches can use every label.
json::object structured_details(const Notification& notification) {
  json::array firing, resolved;
  size_t firing_count = 0, resolved_count = 0;
  for (const NotifiedAlert& notified : notification.alerts) {
    ++(notified.resolved ? resolved_count : firing_count);
    json::array& list = notified.resolved ? resolved : firing;
    if (list.size() >= kDetailedAlertsMax) continue;
    const Alert& alert = *notified.alert;
    json::object one{{"labels", to_json(alert.labels)},
                     {"annotations", to_json(alert.annotations)},
                     {"since", format_rfc3339(alert.starts_at)}};
    if (notified.resolved) {
      one["until"] = format_rfc3339(alert.ends_at);
      one["lasted"] = format_human(std::max<Duration>(alert.ends_at - alert.starts_at, Duration::zero()));
    }
    if (!alert.generator_url.empty()) one["source"] = alert.generator_url;
    list.push_back(std::move(one));
  }
  json::object out{{"num_firing", firing_count},
                   {"num_resolved", resolved_count},
                   {"group", to_json(notification.group_labels)}};
  const size_t left_out = firing_count - firing.size() + resolved_count - resolved.size();
  if (left_out > 0) out["alerts_left_out"] = left_out;
  if (!firing.empty()) out["firing"] = std::move(firing);
  if (!resolved.empty()) out["resolved"] = std::move(resolved);
  return out;
}

json::object details(const PagerdutyConfig& config, Renderer& renderer, const RequestContext& context) {
  const Notification& notification = context.delivery.notifications.front();
  json::object out =
      context.options.look == Look::kSluice
          ? structured_details(notification)
          : json::object{{"firing", renderer.execute("__sluice_pagerduty_firing")},
                         {"resolved", renderer.execute("__sluice_pagerduty_resolved")},
                         {"num_firing", renderer.execute("__sluice_pagerduty_num_firing")},
                         {"num_resolved", renderer.execute("__sluice_pagerduty_num_resolved")}};
  if (config.details) {
    for (const auto& [key, text] : *config.details) out[key] = renderer.text("details." + key, text);
  }
  return out;
}

std::string severity(const PagerdutyConfig& config, Renderer& renderer, const RequestContext& context) {
  if (!config.severity) {
    return context.options.look == Look::kAlertmanager
               ? "error"
               : std::string(worst_severity(context.delivery.notifications.front()));
  }
  const std::string text = renderer.text("severity", *config.severity);
  // An unknown word would cost the page: PagerDuty answers 400 to it.
  const std::string_view known = pagerduty_severity(text);
  return known.empty() ? "error" : std::string(known);
}

void put(json::object& out, std::string_view key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

// Serializes, and cuts the details when the event is too large.
std::string fit(json::object& event, json::object& holder, std::string_view key) {
  std::string body = json::serialize(event);
  if (body.size() <= kEventBytesMax) return body;
  holder[key] = json::object{
      {"error", fmt::format("Details were left out: the event had {} bytes, and PagerDuty takes {}.",
                            body.size(), kEventBytesMax)}};
  return json::serialize(event);
}

Result<OutgoingRequest> request_v1(const PagerdutyConfig& config, const std::string& service_key,
                                   const RequestContext& context) {
  Renderer& renderer = context.renderers.front();
  const Notification& notification = context.delivery.notifications.front();
  json::object event{{"service_key", service_key},
                     {"incident_key", pagerduty_dedup_key(notification.group_key)},
                     {"event_type", notification.firing() ? "trigger" : "resolve"},
                     {"description", truncate_characters(renderer.text("description", config.description,
                                                                       "pagerduty.default.description"),
                                                         kSummaryCharactersMax)}};
  if (notification.firing()) {
    put(event, "client", renderer.text("client", config.client, "pagerduty.default.client"));
    put(event, "client_url", renderer.text("client_url", config.client_url, "pagerduty.default.clientURL"));
  }
  event["details"] = details(config, renderer, context);
  const std::string body = fit(event, event, "details");
  const std::string url = config.url.ends_with("/v2/enqueue") ? std::string(kEventsV1Url) : config.url;
  return post(config.http, url, "application/json", body, context.options.user_agent, context.read_file);
}

}  // namespace

std::string pagerduty_dedup_key(std::string_view group_key) {
  return sha256_hex(group_key);
}

Result<OutgoingRequest> pagerduty_request(const PagerdutyConfig& config, const RequestContext& context) {
  Renderer& renderer = context.renderers.front();
  const bool v1 = config.routing_key.empty();
  const Secret& key = v1 ? config.service_key : config.routing_key;
  const auto revealed = reveal(key, context.read_file);
  if (!revealed) return revealed.error();
  // A key given inline may be a template; one that comes from a file is a secret and nothing else.
  const std::string text =
      key.file.empty() ? renderer.text(v1 ? "service_key" : "routing_key", *revealed) : *revealed;
  if (v1) return request_v1(config, text, context);

  const Notification& notification = context.delivery.notifications.front();
  json::object payload{{"summary", truncate_characters(renderer.text("description", config.description,
                                                                     "pagerduty.default.description"),
                                                       kSummaryCharactersMax)},
                       {"source", renderer.text("source", config.source, "pagerduty.default.client")},
                       {"severity", severity(config, renderer, context)}};
  put(payload, "class", renderer.text("class", config.class_name, ""));
  put(payload, "component", renderer.text("component", config.component, ""));
  put(payload, "group", renderer.text("group", config.group, ""));
  payload["custom_details"] = details(config, renderer, context);

  json::object event{
      {"routing_key", text},
      {"dedup_key", pagerduty_dedup_key(notification.group_key)},
      {"event_action", notification.firing() ? "trigger" : "resolve"},
      {"payload", std::move(payload)},
      {"client", renderer.text("client", config.client, "pagerduty.default.client")},
      {"client_url", renderer.text("client_url", config.client_url, "pagerduty.default.clientURL")}};
  json::array images, links;
  for (size_t i = 0; i < config.images.size(); ++i) {
    json::object image{{"src", renderer.text(fmt::format("images[{}].src", i), config.images[i].src)}};
    put(image, "alt", renderer.text(fmt::format("images[{}].alt", i), config.images[i].alt));
    put(image, "href", renderer.text(fmt::format("images[{}].href", i), config.images[i].href));
    if (!image["src"].as_string().empty()) images.push_back(std::move(image));
  }
  for (size_t i = 0; i < config.links.size(); ++i) {
    json::object link{{"href", renderer.text(fmt::format("links[{}].href", i), config.links[i].href)}};
    put(link, "text", renderer.text(fmt::format("links[{}].text", i), config.links[i].text));
    if (!link["href"].as_string().empty()) links.push_back(std::move(link));
  }
  if (!images.empty()) event["images"] = std::move(images);
  if (!links.empty()) event["links"] = std::move(links);
  const std::string body = fit(event, event["payload"].as_object(), "custom_details");
  return post(config.http, config.url, "application/json", body, context.options.user_agent,
              context.read_file);
}

}  // namespace sluice::alerts::notify
