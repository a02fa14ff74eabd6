#include "exporters/redis/info_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/number.h"

namespace sluice::exporters::redis {
namespace {

constexpr size_t kFieldsMax = 10'000;
constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

struct FieldRow {
  std::string_view field;
  MetricFamily family;
};
constexpr FieldRow kFields[] = {
    {"uptime_in_seconds", {"redis_uptime_in_seconds", kGauge, "Seconds since the server started"}},
    {"process_id", {"redis_process_id", kGauge, "Process id of the server"}},
    {"io_threads_active", {"redis_io_threads_active", kGauge, "Whether I/O threads are active"}},
    {"connected_clients", {"redis_connected_clients", kGauge, "Number of client connections"}},
    {"blocked_clients", {"redis_blocked_clients", kGauge, "Clients waiting in a blocking command"}},
    {"tracking_clients", {"redis_tracking_clients", kGauge, "Clients being tracked"}},
    {"clients_in_timeout_table", {"redis_clients_in_timeout_table", kGauge, "Clients in the timeout table"}},
    {"cluster_connections",
     {"redis_cluster_connections", kGauge, "Approximate number of sockets used by the cluster bus"}},
    {"client_longest_output_list",
     {"redis_client_longest_output_list", kGauge, "Longest output list among clients"}},
    {"client_biggest_input_buf",
     {"redis_client_biggest_input_buf", kGauge, "Biggest input buffer among clients"}},
    {"client_recent_max_output_buffer",
     {"redis_client_recent_max_output_buffer_bytes", kGauge, "Biggest recent output buffer among clients"}},
    {"client_recent_max_input_buffer",
     {"redis_client_recent_max_input_buffer_bytes", kGauge, "Biggest recent input buffer among clients"}},
    {"allocator_active", {"redis_allocator_active_bytes", kGauge, "Bytes in the allocator's active pages"}},
    {"allocator_allocated",
     {"redis_allocator_allocated_bytes", kGauge, "Bytes allocated from the allocator"}},
    {"allocator_resident", {"redis_allocator_resident_bytes", kGauge, "Bytes resident in the allocator"}},
    {"allocator_frag_ratio", {"redis_allocator_frag_ratio", kGauge, "Ratio of active to allocated bytes"}},
    {"allocator_frag_bytes", {"redis_allocator_frag_bytes", kGauge, "Active less allocated bytes"}},
    {"allocator_rss_ratio", {"redis_allocator_rss_ratio", kGauge, "Ratio of resident to active bytes"}},
    {"allocator_rss_bytes", {"redis_allocator_rss_bytes", kGauge, "Resident less active bytes"}},
    {"used_memory", {"redis_memory_used_bytes", kGauge, "Bytes allocated by Redis"}},
    {"used_memory_rss",
     {"redis_memory_used_rss_bytes", kGauge, "Bytes of Redis as the operating system sees it"}},
    {"used_memory_peak", {"redis_memory_used_peak_bytes", kGauge, "Most bytes ever allocated"}},
    {"used_memory_lua", {"redis_memory_used_lua_bytes", kGauge, "Bytes used by the Lua engine"}},
    {"used_memory_scripts", {"redis_memory_used_scripts_bytes", kGauge, "Bytes used by cached scripts"}},
    {"used_memory_overhead", {"redis_memory_used_overhead_bytes", kGauge, "Bytes used for managing data"}},
    {"used_memory_startup", {"redis_memory_used_startup_bytes", kGauge, "Bytes used at start"}},
    {"used_memory_dataset", {"redis_memory_used_dataset_bytes", kGauge, "Bytes used by the data itself"}},
    {"number_of_cached_scripts", {"redis_number_of_cached_scripts", kGauge, "Number of cached scripts"}},
    {"maxmemory", {"redis_memory_max_bytes", kGauge, "Memory limit, 0 for none"}},
    {"maxmemory_reservation",
     {"redis_memory_max_reservation_bytes", kGauge, "Memory reserved for other than data"}},
    {"maxmemory_desired_reservation",
     {"redis_memory_max_reservation_desired_bytes", kGauge,
      "Memory wished to be reserved for other than data"}},
    {"maxfragmentationmemory_reservation",
     {"redis_memory_max_fragmentation_reservation_bytes", kGauge, "Memory reserved for fragmentation"}},
    {"maxfragmentationmemory_desired_reservation",
     {"redis_memory_max_fragmentation_reservation_desired_bytes", kGauge,
      "Memory wished to be reserved for fragmentation"}},
    {"mem_fragmentation_ratio",
     {"redis_mem_fragmentation_ratio", kGauge, "Ratio of resident to allocated bytes"}},
    {"mem_fragmentation_bytes", {"redis_mem_fragmentation_bytes", kGauge, "Resident less allocated bytes"}},
    {"mem_clients_slaves", {"redis_mem_clients_slaves", kGauge, "Bytes used by connections of replicas"}},
    {"mem_clients_normal", {"redis_mem_clients_normal", kGauge, "Bytes used by connections of clients"}},
    {"mem_not_counted_for_evict",
     {"redis_mem_not_counted_for_eviction_bytes", kGauge, "Bytes that do not count for eviction"}},
    {"lazyfree_pending_objects", {"redis_lazyfree_pending_objects", kGauge, "Objects waiting to be freed"}},
    {"active_defrag_running", {"redis_active_defrag_running", kGauge, "Whether defragmentation is running"}},
    {"migrate_cached_sockets", {"redis_migrate_cached_sockets_total", kGauge, "Sockets open for MIGRATE"}},
    {"active_defrag_hits", {"redis_defrag_hits", kGauge, "Values moved by defragmentation"}},
    {"active_defrag_misses",
     {"redis_defrag_misses", kGauge, "Values that defragmentation left where they were"}},
    {"active_defrag_key_hits", {"redis_defrag_key_hits", kGauge, "Keys defragmented"}},
    {"active_defrag_key_misses", {"redis_defrag_key_misses", kGauge, "Keys skipped by defragmentation"}},
    {"expired_stale_perc",
     {"redis_expired_stale_percentage", kGauge, "Percentage of keys that are probably expired already"}},
    {"expired_time_cap_reached_count",
     {"redis_expired_time_cap_reached_total", kGauge, "Times the expiry cycle ran out of time"}},
    {"loading", {"redis_loading_dump_file", kGauge, "Whether data is being loaded"}},
    {"rdb_changes_since_last_save",
     {"redis_rdb_changes_since_last_save", kGauge, "Changes since the last dump"}},
    {"rdb_bgsave_in_progress", {"redis_rdb_bgsave_in_progress", kGauge, "Whether a dump is being written"}},
    {"rdb_last_save_time", {"redis_rdb_last_save_timestamp_seconds", kGauge, "Unix time of the last dump"}},
    {"rdb_last_bgsave_status",
     {"redis_rdb_last_bgsave_status", kGauge, "Whether the last dump was written (1) or failed (0)"}},
    {"rdb_last_bgsave_time_sec",
     {"redis_rdb_last_bgsave_duration_sec", kGauge, "Seconds the last dump took"}},
    {"rdb_current_bgsave_time_sec",
     {"redis_rdb_current_bgsave_duration_sec", kGauge, "Seconds the current dump has taken"}},
    {"rdb_last_cow_size",
     {"redis_rdb_last_cow_size_bytes", kGauge, "Bytes copied on write during the last dump"}},
    {"aof_enabled", {"redis_aof_enabled", kGauge, "Whether the append-only file is on"}},
    {"aof_rewrite_in_progress",
     {"redis_aof_rewrite_in_progress", kGauge, "Whether the append-only file is being rewritten"}},
    {"aof_rewrite_scheduled",
     {"redis_aof_rewrite_scheduled", kGauge, "Whether a rewrite will follow the dump"}},
    {"aof_last_rewrite_time_sec",
     {"redis_aof_last_rewrite_duration_sec", kGauge, "Seconds the last rewrite took"}},
    {"aof_current_rewrite_time_sec",
     {"redis_aof_current_rewrite_duration_sec", kGauge, "Seconds the current rewrite has taken"}},
    {"aof_last_cow_size",
     {"redis_aof_last_cow_size_bytes", kGauge, "Bytes copied on write during the last rewrite"}},
    {"aof_current_size", {"redis_aof_current_size_bytes", kGauge, "Bytes of the append-only file"}},
    {"aof_base_size",
     {"redis_aof_base_size_bytes", kGauge, "Bytes of the append-only file after the last rewrite"}},
    {"aof_pending_rewrite", {"redis_aof_pending_rewrite", kGauge, "Whether a rewrite is pending"}},
    {"aof_buffer_length", {"redis_aof_buffer_length", kGauge, "Bytes of the append-only buffer"}},
    {"aof_rewrite_buffer_length", {"redis_aof_rewrite_buffer_length", kGauge, "Bytes of the rewrite buffer"}},
    {"aof_pending_bio_fsync", {"redis_aof_pending_bio_fsync", kGauge, "Pending fsyncs in the background"}},
    {"aof_delayed_fsync", {"redis_aof_delayed_fsync", kGauge, "Number of delayed fsyncs"}},
    {"aof_last_bgrewrite_status",
     {"redis_aof_last_bgrewrite_status", kGauge, "Whether the last rewrite succeeded (1) or failed (0)"}},
    {"aof_last_write_status",
     {"redis_aof_last_write_status", kGauge, "Whether the last append succeeded (1) or failed (0)"}},
    {"module_fork_in_progress", {"redis_module_fork_in_progress", kGauge, "Whether a module has forked"}},
    {"module_fork_last_cow_size",
     {"redis_module_fork_last_cow_size", kGauge, "Bytes copied on write during the last fork of a module"}},
    {"pubsub_channels", {"redis_pubsub_channels", kGauge, "Channels with subscribers"}},
    {"pubsub_patterns", {"redis_pubsub_patterns", kGauge, "Patterns with subscribers"}},
    {"connected_slaves", {"redis_connected_slaves", kGauge, "Number of connected replicas"}},
    {"repl_backlog_size", {"redis_replication_backlog_bytes", kGauge, "Size of the replication backlog"}},
    {"repl_backlog_active",
     {"redis_repl_backlog_is_active", kGauge, "Whether there is a replication backlog"}},
    {"repl_backlog_first_byte_offset",
     {"redis_repl_backlog_first_byte_offset", kGauge, "Offset of the first byte in the backlog"}},
    {"repl_backlog_histlen", {"redis_repl_backlog_history_bytes", kGauge, "Bytes of data in the backlog"}},
    {"master_repl_offset", {"redis_master_repl_offset", kGauge, "Replication offset of the server"}},
    {"second_repl_offset",
     {"redis_second_repl_offset", kGauge, "Offset up to which the second replication id is accepted"}},
    {"slave_expires_tracked_keys",
     {"redis_slave_expires_tracked_keys", kGauge, "Keys whose expiry a writable replica tracks"}},
    {"slave_priority", {"redis_slave_priority", kGauge, "Priority of the replica in a fail-over"}},
    {"sync_full", {"redis_replica_resyncs_full", kGauge, "Full resynchronisations of replicas"}},
    {"sync_partial_ok",
     {"redis_replica_partial_resync_accepted", kGauge, "Partial resynchronisations accepted"}},
    {"sync_partial_err",
     {"redis_replica_partial_resync_denied", kGauge, "Partial resynchronisations denied"}},
    {"cluster_enabled", {"redis_cluster_enabled", kGauge, "Whether cluster mode is on"}},
    {"tracking_total_keys", {"redis_tracking_total_keys", kGauge, "Keys being tracked"}},
    {"tracking_total_items", {"redis_tracking_total_items", kGauge, "Clients and keys being tracked"}},
    {"tracking_total_prefixes", {"redis_tracking_total_prefixes", kGauge, "Prefixes being tracked"}},
    {"sentinel_masters", {"redis_sentinel_masters", kGauge, "Masters watched by this sentinel"}},
    {"sentinel_tilt", {"redis_sentinel_tilt", kGauge, "Whether the sentinel is in tilt mode"}},
    {"sentinel_running_scripts",
     {"redis_sentinel_running_scripts", kGauge, "Scripts the sentinel is running"}},
    {"sentinel_scripts_queue_length",
     {"redis_sentinel_scripts_queue_length", kGauge, "Scripts waiting in the sentinel"}},
    {"sentinel_simulate_failure_flags",
     {"redis_sentinel_simulate_failure_flags", kGauge, "Failures the sentinel simulates"}},
    {"total_connections_received", {"redis_connections_received_total", kCounter, "Connections accepted"}},
    {"total_commands_processed", {"redis_commands_processed_total", kCounter, "Commands processed"}},
    {"rejected_connections",
     {"redis_rejected_connections_total", kCounter, "Connections rejected because of maxclients"}},
    {"total_net_input_bytes", {"redis_net_input_bytes_total", kCounter, "Bytes received"}},
    {"total_net_output_bytes", {"redis_net_output_bytes_total", kCounter, "Bytes sent"}},
    {"total_error_replies", {"redis_total_error_replies", kCounter, "Error replies sent"}},
    {"unexpected_error_replies", {"redis_unexpected_error_replies", kCounter, "Unexpected error replies"}},
    {"dump_payload_sanitizations", {"redis_dump_payload_sanitizations", kCounter, "Payloads checked deeply"}},
    {"total_reads_processed", {"redis_total_reads_processed", kCounter, "Read events processed"}},
    {"total_writes_processed", {"redis_total_writes_processed", kCounter, "Write events processed"}},
    {"io_threaded_reads_processed",
     {"redis_io_threaded_reads_processed", kCounter, "Read events processed by I/O threads"}},
    {"io_threaded_writes_processed",
     {"redis_io_threaded_writes_processed", kCounter, "Write events processed by I/O threads"}},
    {"expired_keys", {"redis_expired_keys_total", kCounter, "Keys expired"}},
    {"evicted_keys", {"redis_evicted_keys_total", kCounter, "Keys evicted because of maxmemory"}},
    {"keyspace_hits", {"redis_keyspace_hits_total", kCounter, "Look-ups that found their key"}},
    {"keyspace_misses", {"redis_keyspace_misses_total", kCounter, "Look-ups that found nothing"}},
    {"used_cpu_sys", {"redis_cpu_sys_seconds_total", kCounter, "CPU seconds in the kernel"}},
    {"used_cpu_user", {"redis_cpu_user_seconds_total", kCounter, "CPU seconds in user space"}},
    {"used_cpu_sys_children",
     {"redis_cpu_sys_children_seconds_total", kCounter, "CPU seconds of children in the kernel"}},
    {"used_cpu_user_children",
     {"redis_cpu_user_children_seconds_total", kCounter, "CPU seconds of children in user space"}},
    {"used_cpu_sys_main_thread",
     {"redis_cpu_sys_main_thread_seconds_total", kCounter, "CPU seconds of the main thread in the kernel"}},
    {"used_cpu_user_main_thread",
     {"redis_cpu_user_main_thread_seconds_total", kCounter, "CPU seconds of the main thread in user space"}},
};

enum Derived {
  kInstanceInfo,
  kStartTime,
  kLatestFork,
  kDbKeys,
  kDbKeysExpiring,
  kDbAverageTtl,
  kCommands,
  kCommandsDuration,
  kCommandsRejected,
  kCommandsFailed,
  kErrors,
  kLatencyPercentiles,
  kSlaveInfo,
  kMasterLinkUp,
  kMasterLastIo,
  kMasterSync,
  kSlaveOffset,
  kReplicaOffset,
  kReplicaLag,
  kConfigMaxClients,
  kConfigMaxMemory,
  kConfigIoThreads,
  kSlowlogLength,
  kSlowlogLastId,
  kSlowlogLastDuration,
  kLatencySpikeLast,
  kLatencySpikeDuration,
  kSentinelMasterStatus,
  kSentinelMasterSlaves,
  kSentinelMasterSentinels,
};
constexpr MetricFamily kDerived[] = {
    {"redis_instance_info", kGauge, "Information about the Redis instance"},
    {"redis_start_time_seconds", kGauge, "Start time of the Redis instance since unix epoch in seconds."},
    {"redis_latest_fork_seconds", kGauge, "Seconds the last fork took"},
    {"redis_db_keys", kGauge, "Total number of keys by DB"},
    {"redis_db_keys_expiring", kGauge, "Total number of expiring keys by DB"},
    {"redis_db_avg_ttl_seconds", kGauge, "Avg TTL in seconds"},
    {"redis_commands_total", kCounter, "Total number of calls per command"},
    {"redis_commands_duration_seconds_total", kCounter, "Total amount of time in seconds spent per command"},
    {"redis_commands_rejected_calls_total", kCounter,
     "Total number of errors within command execution per command"},
    {"redis_commands_failed_calls_total", kCounter,
     "Total number of errors prior command execution per command"},
    {"redis_errors_total", kCounter, "Total number of errors per error type"},
    {"redis_latency_percentiles_usec", MetricType::kSummary,
     "A summary of latency percentile distribution per command"},
    {"redis_slave_info", kGauge, "Information about the Redis slave"},
    {"redis_master_link_up", kGauge, "Whether the replica is connected to its master"},
    {"redis_master_last_io_seconds_ago", kGauge, "Seconds since the replica last heard of its master"},
    {"redis_master_sync_in_progress", kGauge, "Whether the replica is loading its master's data"},
    {"redis_slave_repl_offset", kGauge, "Replication offset of the replica"},
    {"redis_connected_slave_offset_bytes", kGauge, "Offset of connected slave"},
    {"redis_connected_slave_lag_seconds", kGauge, "Lag of connected slave"},
    {"redis_config_maxclients", kGauge, "Limit of client connections"},
    {"redis_config_maxmemory", kGauge, "Memory limit, 0 for none"},
    {"redis_config_io_threads", kGauge, "Number of I/O threads"},
    {"redis_slowlog_length", kGauge, "Total slowlog"},
    {"redis_slowlog_last_id", kGauge, "Last id of slowlog"},
    {"redis_last_slow_execution_duration_seconds", kGauge,
     "The amount of time needed for last slow execution, in seconds"},
    {"redis_latency_spike_last", kGauge, "When the latency spike last occurred"},
    {"redis_latency_spike_duration_seconds", kGauge, "Length of the last latency spike in seconds"},
    {"redis_sentinel_master_status", kGauge, "Master status on Sentinel"},
    {"redis_sentinel_master_slaves", kGauge, "The number of slaves of the master"},
    {"redis_sentinel_master_sentinels", kGauge, "The number of sentinels monitoring this master"},
};
static_assert(std::size(kDerived) == kSentinelMasterSentinels + 1);

// A status is 1 when it is "ok"; a percentage may end in '%'.
std::optional<double> to_number(std::string_view text) {
  if (text == "ok") return 1;
  if (text == "err" || text == "fail") return 0;
  if (text.ends_with('%')) text.remove_suffix(1);
  // Infinities are no measurements; words like "nan" do not belong here either.
  if (text.empty() || (text[0] != '-' && text[0] != '.' && (text[0] < '0' || text[0] > '9')))
    return std::nullopt;
  return parse_float(text);
}

// "calls=2,usec=317,rejected_calls=0" part by part.
template <typename Visit>
void each_part(std::string_view text, char separator, const Visit& visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string_view part(std::string_view text, std::string_view name) {
  std::string_view found;
  each_part(text, ',', [&](std::string_view one) {
    if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=')
      found = one.substr(name.size() + 1);
  });
  return found;
}

// Label values come from the server: text that is not UTF-8 would spoil the page.
std::string label(std::string_view text) {
  return is_valid_utf8(text) ? std::string(text.substr(0, 500)) : std::string("invalid");
}

class Writer {
 public:
  explicit Writer(std::vector<MetricPoint>& points) : points_(points) {}
  void add(Derived family, Labels labels, std::optional<double> value) {
    if (value) points_.push_back({&kDerived[family], std::move(labels), *value});
  }

 private:
  std::vector<MetricPoint>& points_;
};

std::optional<double> divided(std::optional<double> value, double by) {
  if (!value) return std::nullopt;
  return *value / by;
}

void add_database(std::string_view name, std::string_view text, Writer& out) {
  const Labels labels{{"db", label(name)}};
  out.add(kDbKeys, labels, to_number(part(text, "keys")));
  out.add(kDbKeysExpiring, labels, to_number(part(text, "expires")));
  const auto ttl_ms = to_number(part(text, "avg_ttl"));
  if (ttl_ms && *ttl_ms > 0) out.add(kDbAverageTtl, labels, *ttl_ms / 1000);
}

void add_command(std::string_view name, std::string_view text, Writer& out) {
  const Labels labels{{"cmd", label(name)}};
  out.add(kCommands, labels, to_number(part(text, "calls")));
  out.add(kCommandsDuration, labels, divided(to_number(part(text, "usec")), 1e6));
  out.add(kCommandsRejected, labels, to_number(part(text, "rejected_calls")));
  out.add(kCommandsFailed, labels, to_number(part(text, "failed_calls")));
}

void add_latency_percentiles(std::string_view name, std::string_view text, Writer& out) {
  each_part(text, ',', [&](std::string_view one) {
    const size_t equals = one.find('=');
    if (!one.starts_with('p') || equals == std::string_view::npos) return;
    out.add(kLatencyPercentiles, {{"cmd", label(name)}, {"quantile", label(one.substr(1, equals - 1))}},
            to_number(one.substr(equals + 1)));
  });
}

// "ip=10.0.0.2,port=6379,state=online,offset=42,lag=0"
void add_replica(std::string_view text, Writer& out) {
  const Labels labels{{"slave_ip", label(part(text, "ip"))},
                      {"slave_port", label(part(text, "port"))},
                      {"slave_state", label(part(text, "state"))}};
  out.add(kReplicaOffset, labels, to_number(part(text, "offset")));
  out.add(kReplicaLag, labels, to_number(part(text, "lag")));
}

// "name=mymaster,status=ok,address=127.0.0.1:6379,slaves=1,sentinels=3"
void add_sentinel_master(std::string_view text, Writer& out) {
  const Labels labels{{"master_name", label(part(text, "name"))},
                      {"master_address", label(part(text, "address"))}};
  const std::string_view status = part(text, "status");
  out.add(kSentinelMasterStatus, labels.with("master_status", label(status)), status == "ok");
  out.add(kSentinelMasterSlaves, labels, to_number(part(text, "slaves")));
  out.add(kSentinelMasterSentinels, labels, to_number(part(text, "sentinels")));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

struct Group {
  std::string_view prefix;
  bool numbered;  // what follows the prefix is a number, and the name is the whole field
  void (*add)(std::string_view name, std::string_view text, Writer& out);
};
constexpr Group kGroups[] = {
    {"cmdstat_", false, add_command},
    {"latency_percentiles_usec_", false, add_latency_percentiles},
    {"errorstat_", false,
     [](std::string_view name, std::string_view text, Writer& out) {
       out.add(kErrors, {{"err", label(name)}}, to_number(part(text, "count")));
     }},
    {"db", true, add_database},
    {"slave", true, [](std::string_view, std::string_view text, Writer& out) { add_replica(text, out); }},
    {"master", true,
     [](std::string_view, std::string_view text, Writer& out) { add_sentinel_master(text, out); }},
};

void add_instance(const Info& info, Writer& out) {
  Labels labels;
  for (const auto& [name, field] : {std::pair{"role", "role"},
                                    {"redis_version", "redis_version"},
                                    {"redis_build_id", "redis_build_id"},
                                    {"redis_mode", "redis_mode"},
                                    {"os", "os"},
                                    {"maxmemory_policy", "maxmemory_policy"},
                                    {"tcp_port", "tcp_port"},
                                    {"run_id", "run_id"},
                                    {"process_id", "process_id"}}) {
    labels.set(name, label(info.text(field)));
  }
  if (!labels.empty()) out.add(kInstanceInfo, std::move(labels), 1);
  const auto server_time = info.number("server_time_usec");
  const auto uptime = info.number("uptime_in_seconds");
  if (server_time && uptime) out.add(kStartTime, {}, std::floor(*server_time / 1e6) - *uptime);
  out.add(kLatestFork, {}, divided(info.number("latest_fork_usec"), 1e6));
}

void add_replication(const Info& info, Writer& out) {
  if (info.text("role") != "slave") return;
  const Labels master{{"master_host", label(info.text("master_host"))},
                      {"master_port", label(info.text("master_port"))}};
  out.add(kSlaveInfo, master.with("read_only", label(info.text("slave_read_only"))), 1);
  out.add(kMasterLinkUp, master, info.text("master_link_status") == "up");
  out.add(kMasterLastIo, master, info.number("master_last_io_seconds_ago"));
  out.add(kMasterSync, master, info.number("master_sync_in_progress"));
  out.add(kSlaveOffset, master, info.number("slave_repl_offset"));
}

std::string_view config_value(const net::RedisReply& config, std::string_view name) {
  for (size_t i = 0; i + 1 < config.elements.size(); i += 2) {
    if (config.elements[i].text == name) return config.elements[i + 1].text;
  }
  return {};
}

}  // namespace

Info Info::parse(std::string_view text) {
  Info info;
  each_part(text, '\n', [&](std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos || info.fields_.size() >= kFieldsMax) return;
    info.fields_.try_emplace(std::string(line.substr(0, colon)), line.substr(colon + 1));
  });
  return info;
}

std::string_view Info::text(std::string_view field) const {
  const auto found = fields_.find(field);
  return found == fields_.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<double> Info::number(std::string_view field) const {
  return to_number(text(field));
}

void append_info_points(const Info& info, size_t databases, std::vector<MetricPoint>& points) {
  for (const FieldRow& row : kFields) {
    if (const auto value = info.number(row.field)) points.push_back({&row.family, {}, *value});
  }
  Writer out(points);
  add_instance(info, out);
  add_replication(info, out);
  for (const auto& [field, text] : info.fields()) {
    for (const Group& group : kGroups) {
      if (!field.starts_with(group.prefix)) continue;
      const std::string_view rest = std::string_view(field).substr(group.prefix.size());
      if (group.numbered && !all_digits(rest)) continue;
      group.add(group.numbered ? std::string_view(field) : rest, text, out);
      break;
    }
  }
  for (size_t i = 0; i < databases; ++i) {
    const std::string name = fmt::format("db{}", i);
    if (info.text(name).empty()) add_database(name, "keys=0,expires=0", out);
  }
}

size_t databases_in(const net::RedisReply& config) {
  const auto count = to_number(config_value(config, "databases"));
  return count && *count >= 0 && *count <= 256 ? static_cast<size_t>(*count) : 0;
}

void append_config_points(const net::RedisReply& config, std::vector<MetricPoint>& points) {
  Writer out(points);
  out.add(kConfigMaxClients, {}, to_number(config_value(config, "maxclients")));
  out.add(kConfigMaxMemory, {}, to_number(config_value(config, "maxmemory")));
  out.add(kConfigIoThreads, {}, to_number(config_value(config, "io-threads")));
}

void append_slowlog_points(const net::RedisReply* length, const net::RedisReply* last,
                           std::vector<MetricPoint>& points) {
  using Kind = net::RedisReply::Kind;
  Writer out(points);
  if (length != nullptr && length->kind == Kind::kInteger) {
    out.add(kSlowlogLength, {}, static_cast<double>(length->integer));
  }
  if (last == nullptr || last->kind != Kind::kArray) return;
  double id = 0;
  double seconds = 0;
  // One entry: id, Unix time, microseconds, command, ...
  if (!last->elements.empty() && last->elements[0].elements.size() >= 3) {
    id = static_cast<double>(last->elements[0].elements[0].integer);
    seconds = static_cast<double>(last->elements[0].elements[2].integer) / 1e6;
  }
  out.add(kSlowlogLastId, {}, id);
  out.add(kSlowlogLastDuration, {}, seconds);
}

void append_latency_points(const net::RedisReply& latency, std::vector<MetricPoint>& points) {
  Writer out(points);
  // Each entry: event, Unix time of the last spike, its milliseconds, the longest ever.
  for (const net::RedisReply& entry : latency.elements) {
    if (entry.elements.size() < 3) continue;
    const Labels labels{{"event_name", label(entry.elements[0].text)}};
    out.add(kLatencySpikeLast, labels, static_cast<double>(entry.elements[1].integer));
    out.add(kLatencySpikeDuration, labels, static_cast<double>(entry.elements[2].integer) / 1e3);
  }
}

std::span<const MetricFamily> info_families() {
  static const std::vector<MetricFamily> all = [] {
    std::vector<MetricFamily> families(std::begin(kDerived), std::end(kDerived));
    for (const FieldRow& row : kFields) families.push_back(row.family);
    return families;
  }();
  return all;
}

}  // namespace sluice::exporters::redis
