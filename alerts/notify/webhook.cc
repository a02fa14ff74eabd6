// Alertmanager's webhook payload, version 4.

#include <array>
#include <boost/json.hpp>

#include "alerts/notify/json.h"
#include "alerts/notify/render.h"
#include "alerts/notify/template_data.h"

namespace sluice::alerts::notify {
namespace json = boost::json;

Result<OutgoingRequest> webhook_request(const WebhookConfig& config, const RequestContext& context) {
  const auto url = reveal(config.url, context.read_file);
  if (!url) return url.error();
  const Notification& notification = context.delivery.notifications.front();
  const size_t have = notification.alerts.size();
  const size_t shown = config.alerts_max == 0 ? have : std::min<size_t>(have, config.alerts_max);

  // What is built here is freed as a whole.
  std::array<unsigned char, 4096> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::array alerts(&memory);
  alerts.reserve(shown);
  for (size_t i = 0; i < shown; ++i) {
    const NotifiedAlert& notified = notification.alerts[i];
    const Alert& alert = *notified.alert;
    alerts.push_back(json::object(
        {{"status", notified.resolved ? "resolved" : "firing"},
         {"labels", to_json(alert.labels, &memory)},
         {"annotations", to_json(alert.annotations, &memory)},
         {"startsAt", format_rfc3339(alert.starts_at)},
         {"endsAt", notified.resolved ? format_rfc3339(alert.ends_at) : std::string("0001-01-01T00:00:00Z")},
         {"generatorURL", alert.generator_url},
         {"fingerprint", format_fingerprint(alert.fingerprint())}},
        &memory));
  }
  const json::object body({{"receiver", context.delivery.to->receiver},
                           {"status", notification.firing() ? "firing" : "resolved"},
                           {"alerts", std::move(alerts)},
                           {"groupLabels", to_json(notification.group_labels, &memory)},
                           {"commonLabels", to_json(common_labels(notification), &memory)},
                           {"commonAnnotations", to_json(common_annotations(notification), &memory)},
                           {"externalURL", context.options.external_url},
                           {"version", "4"},
                           {"groupKey", notification.group_key},
                           {"truncatedAlerts", have - shown}},
                          &memory);
  auto out = post(config.http, *url, "application/json", json::serialize(body), context.options.user_agent,
                  context.read_file);
  return out;
}

}  // namespace sluice::alerts::notify
