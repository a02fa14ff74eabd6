#pragma once
// HTTP requests and responses as plain values: handlers and notifiers are functions from one to the other.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

struct HttpHeader {
  std::string name;
  std::string value;
  bool operator==(const HttpHeader&) const = default;
};
using HttpHeaders = std::vector<HttpHeader>;

// The first header of that name in any letter case, or "".
std::string_view find_header(const HttpHeaders& headers, std::string_view name);

// A request as a client makes it (`url` absolute) or as a server received it (`url` is the target, "/path?query").
struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

// "/a/b?x=1&y=%20" -> path "/a/b", decoded parameters in order. Malformed escapes stay as they are.
struct HttpTarget {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  // The first value of a parameter, or "".
  std::string_view param(std::string_view name) const;
  std::vector<std::string_view> params(std::string_view name) const;
};
HttpTarget parse_target(std::string_view target);
// The parameters of an application/x-www-form-urlencoded text.
std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text);

}  // namespace sluice
