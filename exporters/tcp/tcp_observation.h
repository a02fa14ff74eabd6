#pragma once
// What a TCP probe saw, before anybody judged it.

#include <optional>
#include <string>
#include <vector>

#include "core/labels.h"
#include "core/net/address.h"
#include "core/net/fault.h"
#include "core/net/tls.h"
#include "core/time.h"

namespace sluice::exporters::tcp {

struct TcpObservation {
  std::optional<net::Fault> fault;
  Duration resolve{};
  Duration connect{};
  Duration tls{};  // handshakes, at the start or by STARTTLS
  std::optional<net::IpAddress> address;
  bool connected = false;
  net::TlsFacts tls_facts;
  size_t steps_done = 0;             // of the script
  bool ended_without_match = false;  // the peer ended the stream, and no line had matched the step's `expect`
  std::string last_line;             // the last line that did not match; at most 200 bytes
  std::vector<Labels> expect_labels;  // of the steps that matched and have labels
};

}  // namespace sluice::exporters::tcp
