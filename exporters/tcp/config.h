#pragma once
// The `tcp:` part of a module: blackbox_exporter's keys under their own names.

#include <string>
#include <vector>

#include "core/net/address.h"
#include "core/net/tls_config.h"

namespace sluice::exporters::tcp {

// Read lines until `expect` matches one, then send `send` (with ${1} or $name replaced by the groups of the
// match) and a newline, then start TLS when asked to. Labels of a match become the labels of
// probe_expect_info.
struct QueryResponse {
  struct ExpectLabel {
    std::string name;
    std::string value;  // may refer to groups, as `send`
    bool operator==(const ExpectLabel&) const = default;
  };
  std::string expect;
  std::vector<ExpectLabel> labels;
  std::string send;
  bool starttls = false;

  bool operator==(const QueryResponse&) const = default;
};

struct TcpModule {
  net::IpFamily preferred_ip_protocol = net::IpFamily::kIp6;
  bool ip_protocol_fallback = true;
  std::string source_ip_address;
  std::vector<QueryResponse> query_response;
  bool tls = false;
  net::TlsConfig tls_config;

  bool operator==(const TcpModule&) const = default;
};

struct ConfigProblem {
  std::string key;
  std::string message;
};
std::vector<ConfigProblem> problems(const TcpModule& module);

}  // namespace sluice::exporters::tcp
