#pragma once
// What one probe of a Redis saw, as plain values: filled in by the I/O, judged by redis_judge.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/fault.h"
#include "core/net/redis_codec.h"
#include "core/time.h"

namespace sluice::exporters::redis {

// The steps of a probe, in order; those that do not apply are skipped.
enum class Phase { kResolve, kConnect, kTls, kAuth, kPing, kRole, kCanary };
inline constexpr size_t kPhaseCount = 7;
inline constexpr std::array<std::string_view, kPhaseCount> kPhaseNames = {
    "resolve", "connect", "tls", "auth", "ping", "role", "canary"};

struct Failure {
  Phase at = Phase::kConnect;
  std::optional<net::Fault> fault;  // the network's or our own
  std::string error;  // Redis's words, "NOAUTH Authentication required.", when there is no fault

  bool operator==(const Failure&) const = default;
};

struct RedisObservation {
  std::array<std::optional<Duration>, kPhaseCount> phases;  // empty: did not happen, or did not end
  std::optional<Failure> failure;
  bool tls = false;
  std::string role;  // "master", "slave", "sentinel"; empty when Redis does not tell us
  // The statistics' replies as they came: INFO ALL, CONFIG GET, SLOWLOG ... Each may be an error (ACL) or
  // missing.
  bool statistics_asked = false;
  std::optional<net::RedisReply> info;
  std::optional<net::RedisReply> config;  // CONFIG GET databases maxclients maxmemory io-threads, flattened
  std::optional<net::RedisReply> slowlog_length;
  std::optional<net::RedisReply> slowlog_last;
  std::optional<net::RedisReply> latency;
  std::optional<net::Fault> statistics_fault;
  Duration statistics_duration{};
};

}  // namespace sluice::exporters::redis
