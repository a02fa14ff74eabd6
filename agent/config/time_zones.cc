#include "agent/config/time_zones.h"

#include <fmt/format.h>

#include "core/file/file.h"

namespace sluice::config {
namespace {

constexpr size_t kZoneBytesMax = 1 << 20;
constexpr const char* kZoneFolder = "/usr/share/zoneinfo/";

}  // namespace

Result<std::shared_ptr<const alerts::TimeZone>> TimeZones::find(const std::string& name) {
  if (name.empty() || name == "UTC") return std::shared_ptr<const alerts::TimeZone>();
  const auto known = zones_.find(name);
  if (known != zones_.end()) return known->second;
  const auto unknown = [&] { return invalid(fmt::format("unknown time zone {}", name)); };
  if (name.find("..") != std::string::npos || name.front() == '/' || name.find('\\') != std::string::npos)
    return unknown();
  const auto bytes = file::read(name == "Local" ? "/etc/localtime" : kZoneFolder + name, kZoneBytesMax);
  if (!bytes) return unknown();
  auto zone = alerts::TimeZone::parse(*bytes);
  if (!zone) return invalid(fmt::format("unknown time zone {}: {}", name, zone.error().message));
  return zones_[name] = std::make_shared<const alerts::TimeZone>(std::move(*zone));
}

std::shared_ptr<const alerts::TimeZone> find_time_zone(const std::string& name) {
  static thread_local TimeZones zones;
  const auto zone = zones.find(name);
  return zone ? *zone : nullptr;
}

}  // namespace sluice::config
