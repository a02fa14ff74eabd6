#pragma once
// IP addresses and endpoints as plain values.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sluice::net {

enum class IpFamily { kAny, kIp4, kIp6 };

struct IpAddress {
  bool is_v6 = false;
  std::array<uint8_t, 16> bytes{};  // network order; IPv4 uses the first four
  uint32_t scope = 0;               // interface of a link-local IPv6 address

  // The bytes that count: 4 or 16.
  std::span<const uint8_t> octets() const { return {bytes.data(), is_v6 ? 16u : 4u}; }
  std::string to_string() const;  // "127.0.0.1", "::1"
  bool operator==(const IpAddress&) const = default;
};
// A literal, IPv6 with or without brackets; empty for anything else (a name).
std::optional<IpAddress> parse_ip(std::string_view text);

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  std::string to_string() const;  // "127.0.0.1:80", "[::1]:80"
  bool operator==(const Endpoint&) const = default;
};

struct HostPort {
  std::string host;  // without brackets; may be empty (":9808")
  uint16_t port = 0;
  std::string to_string() const;  // "name:80", "[::1]:80"
  bool operator==(const HostPort&) const = default;
};
// "name:80", "1.2.3.4:80", "[::1]:80", ":80". The port is required unless `default_port` is given.
Result<HostPort> parse_host_port(std::string_view text, std::optional<uint16_t> default_port = {});

}  // namespace sluice::net
