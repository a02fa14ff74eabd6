// Any request to the API v2: the first line is method and path, the rest the body. Answers are JSON or empty.
#include <boost/json.hpp>
#include <string_view>

#include "agent/api/alerts_api.h"
#include "core/check.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), std::min<size_t>(size, 65536));
  const size_t line = input.find('\n');
  const std::string_view head = input.substr(0, line);
  const size_t space = head.find(' ');
  if (space == std::string_view::npos) return 0;

  const Timestamp now = from_unix_ms(1'800'000'000'000);
  auto config = std::make_shared<alerts::Config>();
  config->receivers = {{"ops", {}}};
  config->route.receiver = "ops";
  alerts::Pipeline pipeline(config, {});
  api::AlertsApi api;
  api.now = now;
  api.pipeline = &pipeline;
  api.take_alerts = [&](std::vector<Alert> alerts) { pipeline.step(now, alerts); };
  api.set_silence = [&](alerts::Silence silence) {
    alerts::Effects effects;
    return pipeline.set_silence(now, std::move(silence), effects);
  };
  api.expire_silence = [&](std::string_view id) {
    alerts::Effects effects;
    return pipeline.expire_silence(now, id, effects);
  };
  HttpRequest request;
  request.method = head.substr(0, space);
  request.url = "/api/v2/" + std::string(head.substr(space + 1));
  request.body = line == std::string_view::npos ? "" : input.substr(line + 1);
  for (const HttpRequest& one : {request, HttpRequest{"GET", "/api/v2/alerts", {}, ""},
                                 HttpRequest{"GET", "/api/v2/silences", {}, ""}}) {
    const auto response = api::handle_alerts_api(api, one);
    SLUICE_CHECK(response.has_value(), "the path is ours");
    boost::system::error_code error;
    if (!response->body.empty()) (void)boost::json::parse(response->body, error);
    SLUICE_CHECK(!error, "an answer is JSON");
  }
  // Whatever was accepted survives a restart.
  alerts::Pipeline restored(config, {});
  SLUICE_CHECK(restored.restore(now, pipeline.snapshot(now)).has_value(), "a snapshot reads back");
  return 0;
}
