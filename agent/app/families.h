#pragma once
// The agent's own metrics: one row each. docs/metrics.md and the tests iterate this table.

#include <span>

#include "core/metric_family.h"

namespace sluice::app {

using enum MetricType;

// Per target, kept beside what its prober reports.
inline constexpr MetricFamily kProbeRuns{"sluice_probe_runs_total", kCounter,
                                         "Probes that ended, by result."};
inline constexpr MetricFamily kProbeFailureReason{"sluice_probe_failure_reason", kGauge,
                                                  "1 for the reason of the last probe, when it failed."};
inline constexpr MetricFamily kProbeLastRun{"sluice_probe_last_run_timestamp_seconds", kGauge,
                                            "When the last probe of the target began, in Unix seconds."};
inline constexpr MetricFamily kTargetHealth{
    "sluice_target_health", kGauge,
    "What this agent thinks of the target: 1 up, 0 down; absent while unknown."};

// Of the agent as a whole.
inline constexpr MetricFamily kBuildInfo{"sluice_build_info", kGauge, "1, labelled with the version."};
inline constexpr MetricFamily kStartTime{"process_start_time_seconds", kGauge,
                                         "Start time of the process, in Unix seconds."};
inline constexpr MetricFamily kCpuSeconds{"process_cpu_seconds_total", kCounter,
                                          "User and system CPU time spent, in seconds."};
inline constexpr MetricFamily kResidentBytes{"process_resident_memory_bytes", kGauge,
                                             "Resident memory size in bytes."};
inline constexpr MetricFamily kOpenFds{"process_open_fds", kGauge, "Open file descriptors."};
inline constexpr MetricFamily kMaxFds{"process_max_fds", kGauge, "Most file descriptors that may be open."};
inline constexpr MetricFamily kConfigReloadOk{
    "sluice_config_last_reload_successful", kGauge,
    "Whether the last attempt to load the configuration succeeded."};
inline constexpr MetricFamily kConfigReloadTime{
    "sluice_config_last_reload_success_timestamp_seconds", kGauge,
    "When the configuration was last loaded successfully, in Unix seconds."};
inline constexpr MetricFamily kScheduleTargets{"sluice_probe_targets", kGauge, "Targets that are probed."};
inline constexpr MetricFamily kScheduleInFlight{"sluice_probe_in_flight", kGauge, "Probes under way."};
inline constexpr MetricFamily kProbeMissed{
    "sluice_probe_missed_total", kCounter,
    "Scheduled probes that were never run: the target's last one was still under way."};
inline constexpr MetricFamily kProbeLate{"sluice_probe_late_total", kCounter,
                                         "Probes that began more than 100 ms late."};
inline constexpr MetricFamily kProbeOverran{"sluice_probe_overran_total", kCounter,
                                            "Probes that ended more than 100 ms after their deadline."};
inline constexpr MetricFamily kLoopLag{"sluice_event_loop_lag_seconds", kGauge,
                                       "How late the event loop was at its last self-check, in seconds."};
inline constexpr MetricFamily kStoreSeries{"sluice_store_series", kGauge, "Series in the sample store."};
inline constexpr MetricFamily kStoreBytes{"sluice_store_bytes", kGauge,
                                          "Memory of the sample store, in bytes."};
inline constexpr MetricFamily kStoreSamples{"sluice_store_samples_appended_total", kCounter,
                                            "Samples appended to the store."};
inline constexpr MetricFamily kStoreRefused{"sluice_store_series_refused_total", kCounter,
                                            "Series refused at store.series_max."};
inline constexpr MetricFamily kStoreOutOfOrder{"sluice_store_samples_out_of_order_total", kCounter,
                                               "Samples refused because they were out of order."};
inline constexpr MetricFamily kRuleEvaluations{"sluice_rule_evaluations_total", kCounter,
                                               "Rules evaluated, by group."};
inline constexpr MetricFamily kRuleFailures{"sluice_rule_evaluation_failures_total", kCounter,
                                            "Rule evaluations that failed, by group."};
inline constexpr MetricFamily kRuleMissed{"sluice_rule_group_iterations_missed_total", kCounter,
                                          "Evaluations of a group that were missed."};
inline constexpr MetricFamily kRuleDuration{"sluice_rule_group_last_duration_seconds", kGauge,
                                            "Duration of the group's last evaluation, in seconds."};
inline constexpr MetricFamily kRuleLastEvaluation{"sluice_rule_group_last_evaluation_timestamp_seconds",
                                                  kGauge,
                                                  "When the group was last evaluated, in Unix seconds."};
inline constexpr MetricFamily kRuleHealthy{"sluice_rule_healthy", kGauge,
                                           "Whether the rule's last evaluation succeeded."};
inline constexpr MetricFamily kRuleNoData{"sluice_rule_no_data", kGauge,
                                          "1 while a rule that had data finds none."};
inline constexpr MetricFamily kRuleTemplateErrors{"sluice_rule_template_errors_total", kCounter,
                                                  "Labels and annotations whose template failed."};
inline constexpr MetricFamily kRuleLimit{
    "sluice_rule_limit_exceeded", kGauge,
    "Alerts or samples beyond the group's limit in the last evaluation."};
inline constexpr MetricFamily kNotifyAlerts{"sluice_notify_alerts", kGauge,
                                            "Alerts in the notification pipeline."};
inline constexpr MetricFamily kNotifyGroups{"sluice_notify_groups", kGauge, "Alert groups."};
inline constexpr MetricFamily kNotifyOutbox{"sluice_notify_outbox", kGauge,
                                            "Conversations that have something to say."};
inline constexpr MetricFamily kNotifyDelivered{"sluice_notify_notifications_total", kCounter,
                                               "Messages delivered, by integration."};
inline constexpr MetricFamily kNotifyAttempts{"sluice_notify_attempts_total", kCounter,
                                              "Messages tried, by integration."};
inline constexpr MetricFamily kNotifyFailed{"sluice_notify_failed_total", kCounter,
                                            "Attempts that failed, by integration and reason."};
inline constexpr MetricFamily kNotifyRefused{
    "sluice_notify_permanent_failures_total", kCounter,
    "Messages given up because they would never succeed, by integration."};
inline constexpr MetricFamily kNotifySilences{"sluice_notify_silences", kGauge,
                                              "Silences that have not been forgotten."};
inline constexpr MetricFamily kNotifyJournalFailures{
    "sluice_notify_state_write_failures_total", kCounter,
    "Writes of the notification state that failed, a full disk for one."};
inline constexpr MetricFamily kNotifyJournalWrites{"sluice_notify_state_writes_total", kCounter,
                                                   "Writes of the notification state."};
inline constexpr MetricFamily kForwardSent{"sluice_forward_sent_total", kCounter,
                                           "Alerts that an Alertmanager took."};
inline constexpr MetricFamily kForwardErrors{"sluice_forward_errors_total", kCounter,
                                             "Alerts in requests to an Alertmanager that failed."};
inline constexpr MetricFamily kForwardDropped{
    "sluice_forward_dropped_total", kCounter,
    "Alerts that an Alertmanager was not told: the queue was full, or it refused them."};
inline constexpr MetricFamily kForwardQueue{"sluice_forward_queue_length", kGauge,
                                            "Alerts that wait for an Alertmanager."};
inline constexpr MetricFamily kUpstreamUp{"sluice_upstream_up", kGauge,
                                          "The fleet's verdict: 1 up, 0 down; absent while undecided."};
inline constexpr MetricFamily kUpstreamDisabled{
    "sluice_upstream_disabled", kGauge,
    "Whether the upstream is disabled; in shadow mode, whether it would be."};
inline constexpr MetricFamily kUpstreamVotes{"sluice_upstream_votes", kGauge,
                                             "Votes on the upstream, by state."};
inline constexpr MetricFamily kUpstreamDecisions{"sluice_upstream_decisions_total", kCounter,
                                                 "Decisions committed, by action and mode."};
inline constexpr MetricFamily kUpstreamHolds{
    "sluice_upstream_holds_total", kCounter,
    "Turns in which a failing upstream was not disabled, by what held it."};
inline constexpr MetricFamily kPoolAllowed{"sluice_pool_disabled_max", kGauge,
                                           "Members of the pool that may be disabled at a time."};
inline constexpr MetricFamily kPoolDisabled{"sluice_pool_disabled", kGauge,
                                            "Members of the pool that are disabled."};
inline constexpr MetricFamily kPoolFrozen{"sluice_pool_frozen", kGauge,
                                          "1 while nothing new is disabled in the pool, by why."};
inline constexpr MetricFamily kPoolApiFailing{
    "sluice_pool_api_failing_ratio", kGauge,
    "Share of the pool's API (upstream.efficacy) that fails, as the median agent sees it."};
inline constexpr MetricFamily kReaders{
    "sluice_pool_readers", kGauge,
    "Readers of the pool's flags that acknowledge what they see; on the agent that watches them."};
inline constexpr MetricFamily kReadersBehind{"sluice_pool_readers_behind", kGauge,
                                             "Readers that have not acknowledged the pool's newest epoch."};
inline constexpr MetricFamily kReaderLag{
    "sluice_pool_reader_lag_seconds", kGauge,
    "For how long the slowest reader has acted on an older epoch of the pool, in seconds."};
inline constexpr MetricFamily kJournalDropped{
    "sluice_journal_dropped_total", kCounter,
    "Probes left out of the probe journal because the disk did not keep up."};
inline constexpr MetricFamily kAgentSick{
    "sluice_agent_sick", kGauge,
    "1 for an agent whose votes on the pool do not count: it fails what the others pass."};
inline constexpr MetricFamily kFleetAgents{"sluice_fleet_agents", kGauge,
                                           "Agents that share the Redis and live, this one included."};
inline constexpr MetricFamily kNotifierRole{
    "sluice_notifier_role", kGauge,
    "1 for what this agent is: holder (it tells), standby (another does), alone (Redis is away: it tells)."};
inline constexpr MetricFamily kUnassigned{"sluice_probe_targets_unassigned", kGauge,
                                          "Targets that other agents of the fleet probe."};
inline constexpr MetricFamily kRedisUp{"sluice_redis_connected", kGauge,
                                       "Whether the shared Redis answered the last command."};
inline constexpr MetricFamily kRedisErrors{"sluice_redis_errors_total", kCounter,
                                           "Commands to the shared Redis that failed."};
inline constexpr MetricFamily kGateConflicts{"sluice_gate_conflicts_total", kCounter,
                                             "Commits that another agent was faster with."};
inline constexpr MetricFamily kHttpRequests{"sluice_http_requests_total", kCounter,
                                            "HTTP requests answered, by path and status."};
inline constexpr MetricFamily kHttpBad{"sluice_http_requests_bad_total", kCounter,
                                       "HTTP requests refused before they were read in full."};

// All of the above.
std::span<const MetricFamily* const> own_families();

}  // namespace sluice::app
