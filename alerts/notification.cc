#include "alerts/notification.h"

#include <algorithm>

#include "core/check.h"

namespace sluice::alerts {

std::string_view to_string(NotifyReason reason) {
  switch (reason) {
    case NotifyReason::kFirst:
      return "first";
    case NotifyReason::kNewAlerts:
      return "new alerts";
    case NotifyReason::kResolved:
      return "resolved";
    case NotifyReason::kRepeat:
      return "repeat";
  }
  SLUICE_CHECK(false, "unknown reason to notify");
}

std::string_view to_string(DeliveryOutcome::Reason reason) {
  using Reason = DeliveryOutcome::Reason;
  switch (reason) {
    case Reason::kNone:
      return "none";
    case Reason::kClientError:
      return "client_error";
    case Reason::kServerError:
      return "server_error";
    case Reason::kRateLimited:
      return "rate_limited";
    case Reason::kConnection:
      return "connection";
    case Reason::kTimeout:
      return "timeout";
    case Reason::kTemplate:
      return "template";
    case Reason::kSecret:
      return "secret";
    case Reason::kOther:
      return "other";
  }
  SLUICE_CHECK(false, "unknown reason of a delivery's outcome");
}

bool Notification::firing() const {
  return std::any_of(alerts.begin(), alerts.end(), [](const NotifiedAlert& a) { return !a.resolved; });
}

}  // namespace sluice::alerts
