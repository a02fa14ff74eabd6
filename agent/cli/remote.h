#pragma once
// Talking to a running agent.

#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/commands.h"
#include "core/http_message.h"
#include "core/result.h"

namespace sluice::cli {

// One request under a deadline of 10 s. kUnavailable says which agent did not answer.
Result<HttpResponse> call(const RemoteOptions& options, std::string method, std::string_view path,
                          std::string body = {});

// The message of an API's error answer, whichever of the two APIs it came from.
std::string error_of(const HttpResponse& response);

// The login name, for the author of silences and operator's words.
std::string login_name();

// "a=b" with its characters escaped for a query string.
std::string query_parameter(std::string_view name, std::string_view value);

}  // namespace sluice::cli
