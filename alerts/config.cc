#include "alerts/config.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::alerts {
namespace {

// A secret in a file is named by its path: reading it is not for pure code, and equal paths are equal
// secrets.
std::string identity(const Secret& secret) {
  return secret.file.empty() ? secret.value : "file:" + secret.file;
}

}  // namespace

std::string_view Integration::kind() const {
  constexpr std::string_view kKinds[] = {"slack", "pagerduty", "webhook", "email"};
  return kKinds[config.index()];
}

std::string Integration::name() const {
  std::string name = receiver;
  name.append("/").append(kind()).append("/").append(std::to_string(index));
  return name;
}

std::string Integration::endpoint() const {
  struct {
    std::string operator()(const SlackConfig& c) const { return "slack " + identity(c.api_url); }
    std::string operator()(const PagerdutyConfig& c) const {
      return fmt::format("pagerduty {} {} {}", c.url, identity(c.routing_key), identity(c.service_key));
    }
    std::string operator()(const WebhookConfig& c) const { return "webhook " + identity(c.url); }
    std::string operator()(const EmailConfig& c) const {
      return fmt::format("email {}:{}", c.smarthost_host, c.smarthost_port);
    }
  } endpoint_of;
  return std::visit(endpoint_of, config);
}

const Receiver* Config::find_receiver(std::string_view name) const {
  const auto at =
      std::find_if(receivers.begin(), receivers.end(), [&](const Receiver& r) { return r.name == name; });
  return at == receivers.end() ? nullptr : &*at;
}

const NamedTimeInterval* Config::find_time_interval(std::string_view name) const {
  const auto at = std::find_if(time_intervals.begin(), time_intervals.end(),
                               [&](const NamedTimeInterval& t) { return t.name == name; });
  return at == time_intervals.end() ? nullptr : &*at;
}

}  // namespace sluice::alerts
