#include "core/net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>

#include <cstring>

namespace sluice::net {
namespace {

std::optional<uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return {};
  unsigned port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return {};
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 65535) return {};
  return static_cast<uint16_t>(port);
}

}  // namespace

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return scope == 0 ? std::string(text) : fmt::format("{}%{}", text, scope);
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.size() > 64) return {};
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) return {};
  }
  IpAddress address;
  const size_t percent = text.find('%');
  const std::string plain(text.substr(0, percent));
  if (percent == std::string_view::npos && inet_pton(AF_INET, plain.c_str(), address.bytes.data()) == 1)
    return address;
  address.is_v6 = true;
  if (inet_pton(AF_INET6, plain.c_str(), address.bytes.data()) != 1) return {};
  if (percent != std::string_view::npos) {
    const std::string zone(text.substr(percent + 1));
    const std::optional<uint16_t> number = parse_port(zone);
    address.scope = number ? *number : if_nametoindex(zone.c_str());
    if (address.scope == 0) return {};
  }
  return address;
}

std::string Endpoint::to_string() const {
  return address.is_v6 ? fmt::format("[{}]:{}", address.to_string(), port)
                       : fmt::format("{}:{}", address.to_string(), port);
}

std::string HostPort::to_string() const {
  const bool is_ip6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", is_ip6 ? "[" : "", host, is_ip6 ? "]" : "", port);
}

Result<HostPort> parse_host_port(std::string_view text, std::optional<uint16_t> default_port) {
  const auto wrong = [&](std::string_view why) {
    return invalid(fmt::format("\"{}\" is not host:port: {}", text.substr(0, 256), why));
  };
  HostPort result;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return wrong("no closing bracket");
    result.host = text.substr(1, close - 1);
    if (!parse_ip(result.host)) return wrong("not an IPv6 address in the brackets");
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return wrong("text after the bracket");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const size_t colon = text.rfind(':');
    if (colon != text.find(':')) return wrong("IPv6 addresses need brackets");
    result.host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (result.host.find_first_of(" \t\r\n/@?#") != std::string::npos) return wrong("not a host name");
  if (!has_port && !default_port) return wrong("no port");
  if (!has_port) {
    result.port = *default_port;
    return result;
  }
  const std::optional<uint16_t> number = parse_port(port);
  if (!number) return wrong("the port is not a number from 0 to 65535");
  result.port = *number;
  return result;
}

}  // namespace sluice::net
