#include "exporters/http/http_request.h"

#include <fmt/format.h>

#include <array>

#include "core/base64.h"
#include "core/file/file.h"
#include "core/net/url.h"

namespace sluice::exporters::http {
namespace {

constexpr size_t kBodyFileBytesMax = 16 << 20;

void set_header(HttpHeaders& headers, std::string_view name, std::string value) {
  const auto same = [&](const HttpHeader& header) { return !find_header({header}, name).empty(); };
  std::erase_if(headers, same);
  headers.push_back({std::string(name), std::move(value)});
}

// The text, or what the file holds now.
Result<std::string> secret(const std::string& text, const std::string& path) {
  if (path.empty()) return text;
  return file::read_secret(path);
}

// The value of the Authorization header; empty when the module has no credentials.
Result<std::string> authorization(const HttpModule& module, const net::Url& url) {
  if (module.basic_auth) {
    const Result<std::string> user = secret(module.basic_auth->username, module.basic_auth->username_file);
    if (!user) return user.error();
    const Result<std::string> password =
        secret(module.basic_auth->password, module.basic_auth->password_file);
    if (!password) return password.error();
    return "Basic " + base64_encode(*user + ":" + *password);
  }
  if (module.authorization) {
    const Result<std::string> token =
        secret(module.authorization->credentials, module.authorization->credentials_file);
    if (!token) return token.error();
    return module.authorization->type + " " + *token;
  }
  if (!url.user.empty() || !url.password.empty())
    return "Basic " + base64_encode(url.user + ":" + url.password);
  return std::string();
}

Result<void> add_extra_headers(const HttpModule& module, HttpHeaders& headers) {
  for (const ExtraHeader& extra : module.http_headers) {
    for (const std::string& value : extra.values) headers.push_back({extra.name, value});
    for (const std::string& value : extra.secrets) headers.push_back({extra.name, value});
    for (const std::string& path : extra.files) {
      const Result<std::string> value = file::read_secret(path);
      if (!value) return value.error();
      headers.push_back({extra.name, *value});
    }
  }
  return {};
}

}  // namespace

Result<HttpRequest> make_request(const HttpModule& module, const std::string& text) {
  const Result<net::Url> url = net::parse_url(text);
  if (!url) return url.error();
  return make_request(module, *url);
}

Result<HttpRequest> make_request(const HttpModule& module, const net::Url& url) {
  HttpRequest request;
  request.method = module.method;
  request.url = url.to_string();
  request.headers = module.headers;
  request.body = module.body;
  if (!module.body_file.empty()) {
    const Result<std::string> body = file::read(module.body_file, kBodyFileBytesMax);
    if (!body) return body.error();
    request.body = *body;
  }
  const Result<std::string> credentials = authorization(module, url);
  if (!credentials) return credentials.error();
  if (!credentials->empty()) set_header(request.headers, "Authorization", *credentials);
  if (const Result<void> added = add_extra_headers(module, request.headers); !added) return added.error();
  if (!module.compression.empty() && find_header(request.headers, "Accept-Encoding").empty()) {
    request.headers.push_back({"Accept-Encoding", module.compression});
  }
  return request;
}

net::ResolveOptions resolve_options(const HttpModule& module) {
  return {module.preferred_ip_protocol, module.ip_protocol_fallback};
}

std::string with_scheme(const std::string& target) {
  return target.find("://") == std::string::npos ? "http://" + target : target;
}

}  // namespace sluice::exporters::http
