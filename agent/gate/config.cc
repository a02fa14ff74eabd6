#include "agent/gate/config.h"

#include <fmt/format.h>

#include "agent/gate/flag.h"

namespace sluice::gate {
namespace {

class Complaints {
 public:
  template <typename T>
  void outside(std::string_view key, T value, T low, T high) {
    if (value < low || value > high)
      out_.push_back(fmt::format("{} is {}, must be from {} to {}", key, value, low, high));
  }
  void shorter(std::string_view key, Duration value, Duration least) {
    if (value < least) {
      out_.push_back(
          fmt::format("{} is {}, must be at least {}", key, format_duration(value), format_duration(least)));
    }
  }
  void negative(std::string_view key, Duration value) {
    if (value < Duration::zero()) out_.push_back(fmt::format("{} must not be negative", key));
  }
  void add(std::string text) { out_.push_back(std::move(text)); }
  std::vector<std::string> take() { return std::move(out_); }

 private:
  std::vector<std::string> out_;
};

}  // namespace

std::vector<std::string> validate(const HealthPolicy& policy) {
  Complaints complaints;
  complaints.outside("health.rise", policy.rise, 1, 100);
  complaints.outside("health.fall", policy.fall, 1, 100);
  complaints.negative("health.fast_interval", policy.fast_interval);
  complaints.negative("health.down_interval", policy.down_interval);
  return complaints.take();
}

std::vector<std::string> validate(const PoolPolicy& policy) {
  Complaints complaints;
  if (policy.pool.empty()) complaints.add("pool must have a name");
  if (policy.pool.find_first_of("{}\t\r\n") != std::string::npos) {
    complaints.add("pool must not contain braces, tabs or line ends");
  }
  if (policy.pool.size() > 200) complaints.add("pool must be at most 200 bytes");
  const Member example{.target = "t", .instance = "i"};
  if (const auto key = render_key(policy.flag.key, policy.pool, example); key.has_error()) {
    complaints.add("flag.key " + key.error().message);
  }
  if (policy.flag.value.size() > 64 * 1024) complaints.add("flag.value must be at most 65536 bytes");
  complaints.shorter("flag.ttl", policy.flag.ttl, 1s);
  complaints.outside("max_disabled_percent", policy.max_disabled_percent, 0, 100);
  if (policy.min_available < 0) complaints.add("min_available must not be negative");
  complaints.shorter("disable_time.base", policy.disable_time.base, 0s);
  if (policy.disable_time.max < policy.disable_time.base) {
    complaints.add("disable_time.max must not be shorter than disable_time.base");
  }
  complaints.negative("disable_time.decay", policy.disable_time.decay);
  complaints.outside("disable_time.jitter_percent", policy.disable_time.jitter_percent, 0, 100);
  // With half or less on each side, the same votes could disable and release at once.
  if (!(policy.eject_ratio > 0.5 && policy.eject_ratio <= 1.0)) {
    complaints.add(fmt::format("eject_ratio is {}, must be above 0.5 and at most 1", policy.eject_ratio));
  }
  if (!(policy.release_ratio > 1.0 - policy.eject_ratio && policy.release_ratio <= 1.0)) {
    complaints.add(fmt::format("release_ratio is {}, must be above 1 - eject_ratio and at most 1",
                               policy.release_ratio));
  }
  if (!policy.efficacy.job.empty()) complaints.shorter("efficacy.window", policy.efficacy.window, 1s);
  complaints.negative("efficacy.hold", policy.efficacy.hold);
  complaints.negative("eject_for", policy.eject_for);
  complaints.negative("release_for", policy.release_for);
  complaints.outside("min_votes", policy.min_votes, 1, 1000);
  complaints.outside("min_zones", policy.min_zones, 1, 100);
  complaints.outside("vantages", policy.vantages, 0, 1000);
  if (policy.vantages > 0 && policy.vantages < policy.min_votes) {
    complaints.add("vantages must not be below min_votes: nothing could ever be decided");
  }
  complaints.shorter("agent_memory", policy.agent_memory, 10s);
  complaints.outside("freeze_percent", policy.freeze_percent, 0, 100);
  complaints.negative("freeze_window", policy.freeze_window);
  if (policy.freeze_pools < 0) complaints.add("freeze_pools must not be negative");
  complaints.negative("slow_start", policy.slow_start);
  if (policy.slow_start > Duration::zero() && policy.flag.encoding != FlagEncoding::kJson) {
    complaints.add("slow_start needs flag.encoding json: readers of a plain flag see no weight");
  }
  complaints.shorter("interval", policy.interval, 10ms);
  return complaints.take();
}

}  // namespace sluice::gate
