#pragma once
// What notification templates compute with: Alertmanager's data model and functions.
//
//     {{ .Status }} {{ range .Alerts.Firing }}{{ .Labels.instance }} since {{ .StartsAt }}{{ end }}
//
// Besides Alertmanager's functions there are a few that our own default texts need, and others may use:
//     lasted START END     "4m12s"; an END before START is "0s"
//     severityOf ALERTS    the worst severity label among them as PagerDuty names it: critical, error, warning, info
//     agent                the agent that speaks: "node-7 (zone b)"
//     slackEscape TEXT     & < > as Slack wants them
//     clip N TEXT          at most N characters, the rest counted: "... (+120 characters)"

#include <functional>
#include <memory>
#include <string>

#include "alerts/notification.h"
#include "alerts/time_zone.h"
#include "core/template/template.h"

namespace sluice::alerts::notify {

// Finds a time zone for the function `tz`; null when there is none of that name.
using FindZone = std::function<std::shared_ptr<const TimeZone>(const std::string& name)>;

gotmpl::Functions template_functions(Timestamp now, const FindZone& find_zone, const std::string& agent = "");

// The dot of a notification's templates.
gotmpl::Value template_data(const Notification& notification, const std::string& receiver,
                            const std::string& external_url);

// Labels (or annotations) that all alerts share with the same value.
Labels common_labels(const Notification& notification);
Labels common_annotations(const Notification& notification);

// A severity label as PagerDuty names it: critical, error, warning or info; "" when the word says nothing.
std::string_view pagerduty_severity(std::string_view severity);
// The worst of the alerts that fire (of all, when none does); "error" when no label says anything.
std::string_view worst_severity(const Notification& notification);

// At most `characters_max` characters (UTF-8 sequences), the last of them "…" when something was cut.
std::string truncate_characters(std::string_view text, size_t characters_max);
// At most about `characters_max` characters, and how many were left out.
std::string clip_characters(std::string_view text, size_t characters_max);

}  // namespace sluice::alerts::notify
