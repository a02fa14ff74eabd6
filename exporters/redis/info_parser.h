#pragma once
// INFO's text to redis_exporter's families. Pure.
//
// Names, types and labels are those of redis_exporter 1.45 for the same fields. Fields it does not know are
// skipped, as are values that are no numbers; a Redis that leaves something out (managed services do) only
// lacks those series.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metric_family.h"
#include "core/net/redis_codec.h"

namespace sluice::exporters::redis {

// "# Server\r\nredis_version:7.0.15\r\n" by field. At most 10,000 fields.
class Info {
 public:
  static Info parse(std::string_view text);

  std::string_view text(std::string_view field) const;  // "" when missing
  std::optional<double> number(std::string_view field) const;
  const std::map<std::string, std::string, std::less<>>& fields() const { return fields_; }

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

// `databases` is how many there are, for the zeros of empty ones; 0 when unknown.
void append_info_points(const Info& info, size_t databases, std::vector<MetricPoint>& points);

// The replies to CONFIG GET (name, value, name, value, ...), SLOWLOG LEN, SLOWLOG GET 1 and LATENCY LATEST.
void append_config_points(const net::RedisReply& config, std::vector<MetricPoint>& points);
size_t databases_in(const net::RedisReply& config);
void append_slowlog_points(const net::RedisReply* length, const net::RedisReply* last,
                           std::vector<MetricPoint>& points);
void append_latency_points(const net::RedisReply& latency, std::vector<MetricPoint>& points);

std::span<const MetricFamily> info_families();

}  // namespace sluice::exporters::redis
