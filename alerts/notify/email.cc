#include <fmt/format.h>

#include "alerts/notify/render.h"

namespace sluice::alerts::notify {

Result<OutgoingRequest> email_request(const EmailConfig& config, const RequestContext& context) {
  return invalid(fmt::format("{} cannot be told: e-mail through {}:{} is not sent yet",
                             context.delivery.to->name(), config.smarthost_host, config.smarthost_port));
}

}  // namespace sluice::alerts::notify
