#pragma once
// The `http:` part of a module: blackbox_exporter's keys under their own names. A plain aggregate;
// `problems()` says what is wrong with one, and HttpRules (http_judge.h) is its compiled form.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/http_message.h"
#include "core/net/address.h"
#include "core/net/tls_config.h"

namespace sluice::exporters::http {

struct HeaderMatch {
  std::string header;
  std::string regexp;
  bool allow_missing = false;

  bool operator==(const HeaderMatch&) const = default;
};

struct BasicAuth {
  std::string username;
  std::string username_file;
  std::string password;
  std::string password_file;  // read again for each probe, as every *_file

  bool operator==(const BasicAuth&) const = default;
};

struct Authorization {
  std::string type = "Bearer";
  std::string credentials;
  std::string credentials_file;

  bool operator==(const Authorization&) const = default;
};

// prometheus/common's http_headers: each name with any number of values from three sources.
struct ExtraHeader {
  std::string name;
  std::vector<std::string> values;
  std::vector<std::string> secrets;  // as values, but never printed
  std::vector<std::string> files;

  bool operator==(const ExtraHeader&) const = default;
};

struct HttpModule {
  std::vector<int> valid_status_codes;           // empty: 200 to 299
  std::vector<std::string> valid_http_versions;  // "HTTP/1.1"; empty: any
  net::IpFamily preferred_ip_protocol = net::IpFamily::kIp6;
  bool ip_protocol_fallback = true;

  std::string method = "GET";
  HttpHeaders headers;  // "Host" sets the Host header
  std::string body;
  std::string body_file;
  std::string compression;       // "", "identity", "gzip" or "deflate": the response body must be this
  bool follow_redirects = true;  // at most 10
  bool enable_http2 = true;      // accepted for compatibility: probes speak HTTP/1.1

  bool fail_if_ssl = false;
  bool fail_if_not_ssl = false;
  std::vector<std::string> fail_if_body_matches_regexp;
  std::vector<std::string> fail_if_body_not_matches_regexp;
  std::vector<HeaderMatch> fail_if_header_matches;
  std::vector<HeaderMatch> fail_if_header_not_matches;
  uint64_t body_size_limit = 0;  // bytes; 0: kBodyBytesMax

  net::TlsConfig tls_config;
  std::optional<BasicAuth> basic_auth;
  // `bearer_token` and `bearer_token_file` are read into this.
  std::optional<Authorization> authorization;
  std::vector<ExtraHeader> http_headers;

  bool operator==(const HttpModule&) const = default;
};

// What is kept of a body for regexes, and read of one, when body_size_limit is not set.
inline constexpr uint64_t kBodyBytesMax = 32 * 1024 * 1024;

struct ConfigProblem {
  std::string key;  // "fail_if_body_matches_regexp"
  std::string message;
};
// Regexes that do not compile, a status that is none, two sources for one secret, an Accept-Encoding header
// that does not go with `compression`.
std::vector<ConfigProblem> problems(const HttpModule& module);

}  // namespace sluice::exporters::http
