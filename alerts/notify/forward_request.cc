#include "alerts/notify/forward_request.h"

#include <boost/json.hpp>

#include "alerts/notify/json.h"
#include "alerts/notify/render.h"

namespace sluice::alerts::notify {
namespace json = boost::json;

Result<OutgoingRequest> forward_request(const ForwardTarget& target, std::span<const Alert> alerts,
                                        const ReadFile& read_file) {
  json::array body;
  for (const Alert& alert : alerts) {
    json::object one{{"labels", to_json(alert.labels)},
                     {"annotations", to_json(alert.annotations)},
                     {"generatorURL", alert.generator_url}};
    // What its sender left open, the Alertmanager fills in.
    if (alert.starts_at != Timestamp{}) one["startsAt"] = format_rfc3339(alert.starts_at);
    if (alert.ends_at != Timestamp{}) one["endsAt"] = format_rfc3339(alert.ends_at);
    body.push_back(std::move(one));
  }
  auto out = post(target.http, target.url, "application/json", json::serialize(body),
                  NotifierOptions{}.user_agent, read_file);
  if (out.has_value()) out->timeout = target.timeout;
  return out;
}

}  // namespace sluice::alerts::notify
