#include "agent/cli/remote.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <optional>

#include "core/base64.h"
#include "core/file/file.h"
#include "core/net/clock.h"
#include "core/net/http_client.h"

namespace sluice::cli {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr Duration kTimeout = 10s;

asio::awaitable<void> fetch_into(net::Net& net, HttpRequest request, net::FetchOptions options,
                                 std::optional<Result<HttpResponse>>& out) {
  out.emplace(co_await net::fetch(net, std::move(request), std::move(options)));
}

}  // namespace

Result<HttpResponse> call(const RemoteOptions& options, std::string method, std::string_view path,
                          std::string body) {
  std::string url = options.url;
  while (url.ends_with('/')) url.pop_back();
  HttpRequest request;
  request.method = std::move(method);
  request.url = url + std::string(path);
  request.body = std::move(body);
  if (!request.body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  if (!options.user.empty()) {
    const Result<std::string> password = options.password_file.empty()
                                             ? Result<std::string>(std::string())
                                             : file::read_secret(options.password_file);
    if (password.has_error()) return password.error();
    request.headers.push_back({"Authorization", "Basic " + base64_encode(options.user + ":" + *password)});
  }

  asio::io_context io(1);
  net::RealClock clock;
  net::Resolver resolver(io.get_executor());
  net::TlsContexts tls;
  net::Net net{clock, resolver, tls};
  net::FetchOptions fetch_options;
  fetch_options.deadline = clock.now() + kTimeout;
  fetch_options.tls.ca_file = options.ca_file;
  fetch_options.body_bytes_max = 256 << 20;
  std::optional<Result<HttpResponse>> response;
  asio::co_spawn(io, fetch_into(net, std::move(request), std::move(fetch_options), response),
                 [](std::exception_ptr escaped) {
                   if (escaped) std::rethrow_exception(escaped);
                 });
  io.run();
  if (response->has_error())
    return unavailable(
        fmt::format("no answer from the agent at {}: {}", options.url, response->error().message));
  return std::move(**response);
}

std::string error_of(const HttpResponse& response) {
  boost::system::error_code error;
  const json::value body = json::parse(response.body, error);
  if (!error && body.is_string()) return std::string(body.get_string());
  if (!error && body.is_object()) {
    for (const char* key : {"error", "message"}) {
      const json::value* text = body.get_object().if_contains(key);
      if (text != nullptr && text->is_string()) return std::string(text->get_string());
    }
  }
  return fmt::format("HTTP status {}: {}", response.status, response.body.substr(0, 200));
}

std::string login_name() {
  if (const passwd* entry = ::getpwuid(::geteuid()); entry != nullptr) return entry->pw_name;
  return "unknown";
}

std::string query_parameter(std::string_view name, std::string_view value) {
  std::string out(name);
  out += '=';
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace sluice::cli
