#include "exporters/redis/info_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::exporters::redis {
namespace {

std::map<std::string, double> points_of(std::string_view text, size_t databases = 0) {
  std::vector<MetricPoint> points;
  append_info_points(Info::parse(text), databases, points);
  std::map<std::string, double> values;
  for (const MetricPoint& point : points) {
    std::string name(point.family->name);
    for (const auto& label : point.labels) name += fmt::format(" {}={}", label.name, label.value);
    values[name] = point.value;
  }
  return values;
}

using Values = std::map<std::string, double>;

TEST(InfoParserTest, fields_become_families) {
  EXPECT_EQ(points_of("# Memory\r\nused_memory:123\r\nmem_fragmentation_ratio:1.25\r\nnonsense:1\r\n"),
            (Values{{"redis_memory_used_bytes", 123}, {"redis_mem_fragmentation_ratio", 1.25}}));
  EXPECT_EQ(points_of("rdb_last_bgsave_status:ok\naof_last_write_status:err\n"),
            (Values{{"redis_rdb_last_bgsave_status", 1}, {"redis_aof_last_write_status", 0}}));
  EXPECT_EQ(points_of("latest_fork_usec:2500000\r\n"), (Values{{"redis_latest_fork_seconds", 2.5}}));
}

TEST(InfoParserTest, groups_become_labels) {
  EXPECT_EQ(points_of("db0:keys=3,expires=1,avg_ttl=2500\r\n", 2),
            (Values{{"redis_db_keys db=db0", 3},
                    {"redis_db_keys_expiring db=db0", 1},
                    {"redis_db_avg_ttl_seconds db=db0", 2.5},
                    {"redis_db_keys db=db1", 0},
                    {"redis_db_keys_expiring db=db1", 0}}));
  EXPECT_EQ(
      points_of(
          "cmdstat_config|get:calls=2,usec=300,usec_per_call=150.00,rejected_calls=1,failed_calls=4\r\n"),
      (Values{{"redis_commands_total cmd=config|get", 2},
              {"redis_commands_duration_seconds_total cmd=config|get", 0.0003},
              {"redis_commands_rejected_calls_total cmd=config|get", 1},
              {"redis_commands_failed_calls_total cmd=config|get", 4}}));
  EXPECT_EQ(points_of("errorstat_NOAUTH:count=9\r\n"), (Values{{"redis_errors_total err=NOAUTH", 9}}));
  EXPECT_EQ(points_of("latency_percentiles_usec_get:p50=1.003,p99.9=15\r\n"),
            (Values{{"redis_latency_percentiles_usec cmd=get quantile=50", 1.003},
                    {"redis_latency_percentiles_usec cmd=get quantile=99.9", 15}}));
  EXPECT_EQ(
      points_of("slave0:ip=10.0.0.2,port=6379,state=online,offset=42,lag=3\r\n"),
      (Values{
          {"redis_connected_slave_offset_bytes slave_ip=10.0.0.2 slave_port=6379 slave_state=online", 42},
          {"redis_connected_slave_lag_seconds slave_ip=10.0.0.2 slave_port=6379 slave_state=online", 3}}));
}

TEST(InfoParserTest, a_replica_tells_of_its_master) {
  const Values values = points_of(
      "role:slave\r\nmaster_host:m\r\nmaster_port:6379\r\nmaster_link_status:down\r\nmaster_last_io_seconds_"
      "ago:-1\r\n"
      "slave_read_only:1\r\n");
  EXPECT_EQ(values.at("redis_master_link_up master_host=m master_port=6379"), 0);
  EXPECT_EQ(values.at("redis_master_last_io_seconds_ago master_host=m master_port=6379"), -1);
  EXPECT_EQ(values.at("redis_slave_info master_host=m master_port=6379 read_only=1"), 1);
}

TEST(InfoParserTest, nonsense_gives_no_points_and_no_harm) {
  for (const std::string& text :
       {std::string(), std::string(":"), std::string("used_memory:\r\n"), std::string("used_memory:nan\r\n"),
        std::string("used_memory:inf\r\n"), std::string("db:keys=1\r\n"), std::string("dbx:keys=1\r\n"),
        std::string("cmdstat_:\r\n"), std::string("\0\0\0", 3), std::string("no colon at all")}) {
    EXPECT_EQ(points_of(text), Values()) << text;
  }
  const Values odd = points_of("errorstat_\xff:count=1\r\n");
  EXPECT_EQ(odd, (Values{{"redis_errors_total err=invalid", 1}}));
  std::string many;
  for (int i = 0; i < 20000; ++i) many += "x" + std::to_string(i) + ":1\n";
  EXPECT_LE(Info::parse(many).fields().size(), 10000u);
}

}  // namespace
}  // namespace sluice::exporters::redis
