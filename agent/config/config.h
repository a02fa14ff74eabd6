#pragma once
// The whole configuration as one immutable value, and how it is read from files.
//
//     auto loaded = load_config("sluice.yml", environment());
//     if (!loaded.mistakes.empty()) ... print them, keep the old one
//     std::shared_ptr<const Config> config = loaded.config;
//
// Loading reads sluice.yml and everything it names: rule files, alertmanager.yml, the web configuration. It
// reports all mistakes of all of them. Nothing is half-loaded: with one mistake there is no Config.
//
// Names follow prometheus.yml. `${NAME}` and `${NAME:-default}` in values come from the environment; secrets
// live there or in `*_file`s and are never printed.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/yaml.h"
#include "agent/gate/config.h"
#include "alerts/config.h"
#include "alerts/forward.h"
#include "core/labels.h"
#include "core/mistake.h"
#include "core/net/address.h"
#include "core/net/http_server.h"
#include "core/net/tls_config.h"
#include "exporters/registry/module.h"
#include "rules/config.h"

namespace sluice::config {

struct Global {
  Duration interval = 15s;             // of probes
  Duration timeout = 5s;               // of probes
  Duration evaluation_interval = 15s;  // of rule groups
  Labels external_labels;              // added to alerts

  bool operator==(const Global&) const = default;
};

struct Agent {
  std::string name;  // NODE_NAME, else the host name, unless told
  std::string zone;  // ZONE, unless told

  bool operator==(const Agent&) const = default;
};

struct Web {
  std::string listen_address = ":9808";
  std::string config_file;   // TLS and basic auth, exporter-toolkit format
  std::string agent_check_address;  // HOST:PORT for HAProxy's agent-check; empty: none
  std::string external_url;  // where people reach this agent; empty: http://<name>:<port>
  net::WebConfig access;     // what config_file says

  bool operator==(const Web&) const = default;
};

struct Store {
  Duration retention = 2h;
  size_t series_max = 200'000;
  std::string path;  // folder for the state that survives a restart; empty: nothing survives
  size_t journal_bytes = 64 << 20;  // of the probe journal in that folder; 0: none is written

  bool operator==(const Store&) const = default;
};

// The Redis that all agents share: one server by its URL, the primary that sentinels name, or a cluster.
struct Redis {
  std::string url;
  std::vector<net::HostPort> sentinels;
  std::string master_name;
  std::string sentinel_username;
  std::string sentinel_password;
  std::string sentinel_password_file;
  std::vector<net::HostPort> cluster_nodes;
  bool use_tls = false;  // with sentinels or cluster_nodes; a URL says it by its scheme
  int database = 0;      // likewise
  std::string username;
  std::string password;
  std::string password_file;
  net::TlsConfig tls;
  Duration timeout = 2s;
  std::string prefix = "sluice";  // of our own keys

  bool operator==(const Redis&) const = default;
};

struct Target {
  std::string address;   // as written: a URL, host:port or DSN
  std::string instance;  // its label: never a password
  Labels labels;         // of the static_config, without job and instance

  bool operator==(const Target&) const = default;
};

struct Job {
  std::string name;
  std::string module;
  Duration interval{};
  Duration timeout{};
  std::vector<Target> targets;
  int vantages = 5;                  // agents of a fleet that probe each target; 0: all
  double max_probes_per_second = 0;  // of each target by the whole fleet; 0: no limit
  gate::HealthPolicy health;
  std::optional<gate::PoolPolicy> upstream;

  bool operator==(const Job&) const = default;
};

struct Config {
  std::string file;  // "" for one built from the environment
  std::string text;  // what was read, for /api/v1/status/config; secrets still named by reference
  Global global;
  Agent agent;
  Web web;
  Store store;
  std::optional<Redis> redis;
  std::map<std::string, exporters::Module, std::less<>> modules;
  std::vector<Job> jobs;
  std::vector<std::string> rule_patterns;
  std::vector<std::string> rule_packs;  // of those shipped with Sluice, by name
  std::vector<rules::RuleGroup> rule_groups;
  std::string alerting_file;
  bool alerting_environment = false;                 // replace ${NAME} in it; Alertmanager itself does not
  std::shared_ptr<const alerts::Config> alerting;    // null: alerts are shown, nobody is told
  std::string message_look = "sluice";               // or alertmanager
  std::vector<alerts::ForwardTarget> alertmanagers;  // alerts are forwarded to each of them

  // Where people reach this agent, without a trailing slash.
  std::string people_url() const;
  // The module of that name; loaded configurations never lack one that a job names.
  const exporters::Module& module_of(const Job& job) const;
  // "job/instance": identifies a target over restarts and reloads.
  static std::string key_of(const Job& job, const Target& target) { return job.name + "/" + target.instance; }
  // Changes when something changes that decides about a target's verdict: it is part of a vote.
  std::string hash_of(const Job& job) const;
};

struct Loaded {
  std::shared_ptr<const Config> config;  // null when there are mistakes
  Mistakes mistakes;
  std::vector<std::string> warnings;
};

// The process's environment as it was when it was first asked for: what a PostgreSQL prober makes libpq
// forget later (PGPASSWORD, ...) is still there for a reload.
const Environment& environment();
// Adds the variables of a .env file: NAME=value lines, `export`, comments, single and double quotes.
void read_env_file(const std::string& path, Environment& environment, Mistakes& mistakes);

Loaded load_config(const std::string& file, const Environment& environment);
// The same from text; relative paths are below `folder`.
Loaded parse_config(std::string_view text, const std::string& file, const std::string& folder,
                    const Environment& environment);

// The default set-up of a service that has AUTH_SERVER_URL (or AUTH_SERVERS), JWKS_URL, OAUTH_ISSUER,
// OAUTH_AUDIENCE, DATABASE_URL, REDIS_URL, API_HEALTH_URL, SLACK_WEBHOOK_URL, PAGERDUTY_INTEGRATION_KEY: what
// is set is watched.
Loaded config_from_environment(const std::string& env_file, const Environment& environment);

// The effective configuration as YAML: defaults filled in, secrets masked.
std::string print_config(const Config& config);

// The modules that exist without being configured: http_2xx, tcp_connect, oidc, postgres, redis.
std::map<std::string, exporters::Module, std::less<>> built_in_modules();

// "https://auth1" for a URL of http(s), "host:port" for the rest: the `instance` label.
std::string instance_of(const exporters::Module& module, const std::string& target);

}  // namespace sluice::config
