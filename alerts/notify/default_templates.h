#pragma once
// The texts of messages where the configuration says nothing. The names are Alertmanager's, so that a file of
// `templates:` which redefines "slack.default.title" does here what it does there.

#include <string_view>

#include "alerts/notify/notifier.h"

namespace sluice::alerts::notify {

// One template file with all definitions of that look.
std::string_view default_templates(Look look);

}  // namespace sluice::alerts::notify
