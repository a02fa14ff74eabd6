#pragma once
// Prometheus's HTTP API over the agent's own samples and rules: query, query_range, series, labels, label
// values, rules, alerts, targets, metadata, status. Read-only; GET and POST (form) alike, as Prometheus has
// it.

#include <optional>
#include <span>
#include <string_view>

#include "agent/api/views.h"
#include "core/http_message.h"

namespace sluice::api {

// One path of the API: what it is for, and who answers.
struct QueryRoute {
  std::string_view path;  // "/api/v1/query"
  std::string_view help;
  HttpResponse (*handle)(const Views& views, const HttpTarget& target);
};
std::span<const QueryRoute> query_routes();

// The answer, or empty when the path is not one of these.
std::optional<HttpResponse> handle_query_api(const Views& views, const HttpRequest& request);

// {"status":"success","data":DATA} and {"status":"error",...} with the status Prometheus gives it.
HttpResponse success(std::string data);
HttpResponse failure(int status, std::string_view type, std::string_view message);

}  // namespace sluice::api
