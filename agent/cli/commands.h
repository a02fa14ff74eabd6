#pragma once
// What each subcommand takes and does. cli.cc turns argv into these; each command is one file.
//
// Exit codes: 0 fine, 1 the check or test failed, 2 usage or unreadable input.

#include <string>
#include <vector>

namespace sluice::cli {

enum ExitCode : int { kFine = 0, kFailed = 1, kUsage = 2 };

struct RunOptions {
  std::string config_file;  // empty: sluice.yml, unless env_file is given
  std::string env_file;     // the whole set-up from the variables of a service, without a configuration file
  std::string listen_address;
  std::string web_config_file;
  std::string store_path;
  std::string log_level = "info";
  std::string log_format = "logfmt";
};
int run(const RunOptions& options);

struct CheckConfigOptions {
  std::vector<std::string> files;
  std::string env_file;
  bool print = false;
};
int check_config(const CheckConfigOptions& options);

struct CheckRulesOptions {
  std::vector<std::string> files;
  std::string config_file;  // with it, selectors that nothing on the agent can match are reported
};
int check_rules(const CheckRulesOptions& options);

struct CheckMetricsOptions {
  bool openmetrics = false;
};
int check_metrics(const CheckMetricsOptions& options);  // reads standard input

int check_web_config(const std::vector<std::string>& files);

int test_rules(const std::vector<std::string>& files);
int test_routes(const std::vector<std::string>& files);

struct PromqlTestOptions {
  std::vector<std::string> files;
  bool show_skipped = false;
};
int promql_test(const PromqlTestOptions& options);

struct PromqlQueryOptions {
  std::string openmetrics_file;
  std::string expression;
  std::string time, start, end, step;
};
int promql_query(const PromqlQueryOptions& options);

struct ProbeOptions {
  std::string target;
  std::string module;
  std::string config_file;
  std::string env_file;
  std::string timeout;
  bool json = false;
};
int probe(const ProbeOptions& options);

// Commands that talk to a running agent.
struct RemoteOptions {
  std::string url;  // http://127.0.0.1:9808 unless told
  std::string user, password_file;
  std::string ca_file;
  bool json = false;
};

struct UpstreamOptions : RemoteOptions {
  std::string target, pool, duration = "1h", reason, author;
};
int upstreams_list(const UpstreamOptions& options);
int upstreams_disable(const UpstreamOptions& options);
int upstreams_enable(const UpstreamOptions& options);
int upstreams_auto(const UpstreamOptions& options);  // takes the operator's word back
int upstreams_drain(const UpstreamOptions& options);
int upstreams_freeze(const UpstreamOptions& options);  // target is a pool's name
int upstreams_unfreeze(const UpstreamOptions& options);
int upstreams_log(const UpstreamOptions& options);

struct AlertsOptions : RemoteOptions {
  std::vector<std::string> matchers;
};
int alerts_list(const AlertsOptions& options);

struct SilenceOptions : RemoteOptions {
  std::vector<std::string> matchers;  // or ids, for expire
  std::string duration = "1h", comment, author;
};
int silence_add(const SilenceOptions& options);
int silence_list(const SilenceOptions& options);
int silence_expire(const SilenceOptions& options);

struct ReplayOptions {
  std::string config_file, env_file;
  std::vector<std::string> journals;  // folders (store.path) or files; one per agent
  std::string openmetrics_file;
  std::string from, to;  // Unix seconds, RFC 3339, or "-6h" before the newest probe
  bool json = false;
};
int replay(const ReplayOptions& options);

struct DrillOptions {
  std::string receiver;
  std::string config_file;
  std::string env_file;
};
int drill(const DrillOptions& options);

}  // namespace sluice::cli
