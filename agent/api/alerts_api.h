#pragma once
// Alertmanager's HTTP API v2 over the notification pipeline: status, receivers, alerts, groups, silences. What amtool,
// Grafana and a Prometheus that sends us alerts speak. Pure: what changes something goes through the callbacks.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/pipeline.h"
#include "core/http_message.h"

namespace sluice::api {

struct AlertsApi {
  Timestamp now{};
  const alerts::Pipeline* pipeline = nullptr;
  Timestamp started{};
  std::string version;
  std::function<void(std::vector<Alert>)> take_alerts;
  std::function<Result<std::string>(alerts::Silence)> set_silence;        // the answer is its id
  std::function<Result<std::string>(std::string_view id)> expire_silence;
};

// The answer, or empty when the path is not below /api/v2/.
std::optional<HttpResponse> handle_alerts_api(const AlertsApi& api, const HttpRequest& request);

}  // namespace sluice::api
