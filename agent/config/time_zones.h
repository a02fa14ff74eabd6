#pragma once
// The system's time zones, read from /usr/share/zoneinfo.

#include <map>
#include <memory>
#include <string>

#include "alerts/time_zone.h"
#include "core/result.h"

namespace sluice::config {

// Those that were asked for, each read once.
class TimeZones {
 public:
  // "" and "UTC" are null, "Local" is the machine's own. An error when there is no such zone.
  Result<std::shared_ptr<const alerts::TimeZone>> find(const std::string& name);

 private:
  std::map<std::string, std::shared_ptr<const alerts::TimeZone>> zones_;
};

// For notification templates; null when there is none of that name. Zones are kept for the life of the
// process, at most some hundreds.
std::shared_ptr<const alerts::TimeZone> find_time_zone(const std::string& name);

}  // namespace sluice::config
