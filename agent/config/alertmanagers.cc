#include "agent/config/alertmanagers.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/config/alertmanager_receivers.h"
#include "core/net/url.h"

namespace sluice::config {
namespace {

constexpr std::string_view kNotSupported[] = {"azure_sd_configs",
                                              "consul_sd_configs",
                                              "digitalocean_sd_configs",
                                              "dns_sd_configs",
                                              "docker_sd_configs",
                                              "dockerswarm_sd_configs",
                                              "ec2_sd_configs",
                                              "eureka_sd_configs",
                                              "file_sd_configs",
                                              "gce_sd_configs",
                                              "hetzner_sd_configs",
                                              "http_sd_configs",
                                              "ionos_sd_configs",
                                              "kubernetes_sd_configs",
                                              "kuma_sd_configs",
                                              "lightsail_sd_configs",
                                              "linode_sd_configs",
                                              "marathon_sd_configs",
                                              "nerve_sd_configs",
                                              "nomad_sd_configs",
                                              "openstack_sd_configs",
                                              "ovhcloud_sd_configs",
                                              "puppetdb_sd_configs",
                                              "scaleway_sd_configs",
                                              "serverset_sd_configs",
                                              "triton_sd_configs",
                                              "uyuni_sd_configs",
                                              "vultr_sd_configs",
                                              "relabel_configs",
                                              "alert_relabel_configs",
                                              "sigv4"};

// "/prefix" of "prefix/", "" of "/".
std::string trimmed_prefix(std::string prefix) {
  while (prefix.ends_with('/')) prefix.pop_back();
  return prefix.empty() || prefix.starts_with('/') ? prefix : "/" + prefix;
}

}  // namespace

void read_alertmanagers(const Node& node, const std::string& name, Diagnostics& diagnostics,
                        const std::string& folder, std::vector<alerts::ForwardTarget>& out) {
  Fields fields(node, diagnostics, name);
  alerts::ForwardTarget one;
  std::string scheme = "http", prefix, version = "v2";
  fields.choice("scheme", scheme, {"http", "https"});
  fields.string("path_prefix", prefix);
  fields.choice("api_version", version, {"v2"});
  fields.duration("timeout", one.timeout, Duration(1ms));
  read_http_fields(fields, folder, one.http);
  for (const std::string_view key : kNotSupported) {
    if (fields.child(key) != nullptr)
      fields.mistake(key,
                     "not supported: the Alertmanagers stand in static_configs, and get alerts as they are");
  }
  fields.require("static_configs");
  fields.each("static_configs", [&](const Node& group, const std::string& group_name) {
    Fields inner(group, diagnostics, group_name);
    Labels labels;  // they name the target in Prometheus's relabelling, and nothing else
    inner.labels("labels", labels);
    inner.require("targets");
    inner.each("targets", [&](const Node& item, const std::string& item_name) {
      const auto address = read_string(item, diagnostics, item_name);
      if (!address) return;
      one.url = fmt::format("{}://{}{}/api/v2/alerts", scheme, *address, trimmed_prefix(prefix));
      const auto url = net::parse_url(one.url);
      if (!url || address->find('/') != std::string::npos || address->find('@') != std::string::npos) {
        diagnostics.add(item.mark, fmt::format("{} must be HOST:PORT", item_name));
        return;
      }
      one.name = url->authority();
      const bool known =
          std::any_of(out.begin(), out.end(), [&](const auto& other) { return other.url == one.url; });
      if (known) {
        diagnostics.add(item.mark, fmt::format("{} is in the list already", *address));
      } else {
        out.push_back(one);
      }
    });
    inner.done();
  });
  fields.done();
}

}  // namespace sluice::config
