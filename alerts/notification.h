#pragma once
// What a receiver is told, and what became of it: the values that pass between the pipeline, the notifiers
// which turn them into requests, and the driver which sends those.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/config.h"
#include "core/alert.h"

namespace sluice::alerts {

// Why a notification is sent now.
enum class NotifyReason { kFirst, kNewAlerts, kResolved, kRepeat };
std::string_view to_string(NotifyReason reason);

struct NotifiedAlert {
  std::shared_ptr<const Alert> alert;
  bool resolved = false;  // at the time of the notification
};

// The state of one group as one receiver is to see it. Never empty of alerts.
struct Notification {
  std::string group_key;  // "{}/{team=\"a\"}:{alertname=\"Down\"}"
  Labels group_labels;
  std::vector<NotifiedAlert> alerts;  // ordered by job, instance, then the other labels
  Timestamp now{};
  Duration repeat_interval{};
  NotifyReason reason = NotifyReason::kFirst;

  bool firing() const;  // any alert fires
};

using DeliveryId = uint64_t;

// One request to be made. More than one notification only for integrations that can merge several into one
// message (Slack), and only those that had to wait for the rate limit.
struct Delivery {
  DeliveryId id = 0;
  std::shared_ptr<const Integration> to;
  std::vector<Notification> notifications;
  int attempt = 1;
};

struct DeliveryOutcome {
  enum class Kind {
    kDelivered,
    kRetry,   // may succeed later: no connection, time-out, 5xx, 429
    kGiveUp,  // will never succeed as it is: other 4xx, a template that fails
  };
  // A bounded set, good for metric labels.
  enum class Reason {
    kNone,
    kClientError,
    kServerError,
    kRateLimited,
    kConnection,
    kTimeout,
    kTemplate,
    kSecret,
    kOther
  };
  Kind kind = Kind::kDelivered;
  Reason reason = Reason::kNone;
  std::string detail;                   // for people; at most a few hundred bytes, no secrets
  std::optional<Duration> retry_after;  // as the receiver asked
  // The request may have been acted upon although no good answer came. Then the alerts in it count as told,
  // and will be resolved.
  bool maybe_delivered = false;
};
std::string_view to_string(DeliveryOutcome::Reason reason);  // "clientError", "serverError", ... snake_case

}  // namespace sluice::alerts
