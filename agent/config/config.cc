#include "agent/config/config.h"

#include <fmt/format.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include "agent/config/alertmanager_file.h"
#include "agent/config/alertmanagers.h"
#include "agent/config/modules.h"
#include "agent/config/names.h"
#include "agent/config/parts.h"
#include "agent/config/postgres_queries.h"
#include "agent/config/rule_file.h"
#include "agent/config/web_file.h"
#include "agent/gate/commit.h"
#include "agent/gate/flag.h"
#include "core/check.h"
#include "core/file/file.h"
#include "core/net/redis_link.h"
#include "core/net/url.h"
#include "core/random.h"
#include "exporters/postgres/postgres_target.h"

namespace sluice::config {
namespace {

constexpr Duration kIntervalMin = 100ms;
constexpr size_t kTargetsMax = 100'000;

std::string folder_of(const std::string& file) {
  return std::filesystem::path(file).parent_path().string();
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

std::string lookup(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

// Whether the module's prober can ask such a target.
Result<void> check_target(const exporters::Module& module, const std::string& target) {
  const auto verdict = [](const auto& parsed) {
    return parsed.has_error() ? Result<void>(parsed.error()) : Result<void>();
  };
  if (module.prober == "postgres") return verdict(exporters::postgres::parse_target(target));
  if (module.prober == "redis") return verdict(net::parse_redis_url(target));
  if (module.prober == "tcp") return verdict(net::parse_host_port(target));
  // blackbox_exporter takes a target without a scheme for http.
  return verdict(net::parse_url(target.find("://") == std::string::npos ? "http://" + target : target));
}

// Reads sluice.yml into a Config; what it names is loaded afterwards.
class Loader {
 public:
  Loader(Config& config, Diagnostics& diagnostics, std::string folder, const Environment& environment)
      : config_(config), diagnostics_(diagnostics), folder_(std::move(folder)), environment_(environment) {}

  void read(const Node& root) {
    Fields fields(root, diagnostics_, "");
    if (const Node* node = fields.child("global")) read_global(*node);
    read_agent(fields.child("agent"));
    if (const Node* node = fields.child("web")) read_web(*node);
    if (const Node* node = fields.child("store")) read_store(*node);
    if (const Node* node = fields.child("redis")) read_redis(*node);
    config_.modules = built_in_modules();
    if (const Node* node = fields.child("modules"))
      read_modules(*node, diagnostics_, folder_, config_.modules);
    fields.each("probes", [&](const Node& node, const std::string& name) { read_job(node, name); });
    check_efficacy_jobs();
    fields.strings("rule_files", config_.rule_patterns);
    read_packs(fields);
    if (const Node* node = fields.child("alerting")) read_alerting(*node);
    fields.done();
  }

 private:
  void read_global(const Node& node) {
    Fields fields(node, diagnostics_, "global");
    fields.duration("interval", config_.global.interval, kIntervalMin);
    const bool has_timeout = fields.duration("timeout", config_.global.timeout, 1ms);
    if (!has_timeout) config_.global.timeout = std::min(config_.global.timeout, config_.global.interval);
    config_.global.evaluation_interval = config_.global.interval;
    fields.duration("evaluation_interval", config_.global.evaluation_interval, kIntervalMin);
    fields.labels("external_labels", config_.global.external_labels);
    if (config_.global.timeout > config_.global.interval) {
      fields.mistake("timeout", "must not be longer than the interval");
    }
    fields.done();
  }

  void read_agent(const Node* node) {
    config_.agent.name = lookup(environment_, "NODE_NAME");
    config_.agent.zone = lookup(environment_, "ZONE");
    if (node != nullptr) {
      Fields fields(*node, diagnostics_, "agent");
      fields.string("name", config_.agent.name);
      fields.string("zone", config_.agent.zone);
      fields.done();
    }
    if (config_.agent.name.empty()) config_.agent.name = host_name();
  }

  void read_web(const Node& node) {
    Fields fields(node, diagnostics_, "web");
    if (fields.string("listen_address", config_.web.listen_address)) {
      if (config_.web.listen_address.rfind(':') == std::string::npos) {
        fields.mistake("listen_address", "must be HOST:PORT or :PORT");
        config_.web.listen_address = ":9808";
      }
    }
    if (fields.string("config_file", config_.web.config_file)) {
      config_.web.config_file = resolve_path(folder_, config_.web.config_file);
    }
    if (fields.string("agent_check_address", config_.web.agent_check_address) &&
        config_.web.agent_check_address.rfind(':') == std::string::npos) {
      fields.mistake("agent_check_address", "must be HOST:PORT or :PORT");
    }
    if (fields.string("external_url", config_.web.external_url)) {
      while (config_.web.external_url.ends_with('/')) config_.web.external_url.pop_back();
    }
    fields.done();
  }

  void read_store(const Node& node) {
    Fields fields(node, diagnostics_, "store");
    fields.duration("retention", config_.store.retention, 1min);
    fields.size("series_max", config_.store.series_max, 1'000, 10'000'000);
    fields.bytes("journal_size", config_.store.journal_bytes);
    if (fields.string("path", config_.store.path))
      config_.store.path = resolve_path(folder_, config_.store.path);
    fields.done();
  }

  // Where it is: exactly one of url, sentinels and cluster_nodes.
  void read_redis_servers(Fields& fields, Redis& redis) {
    const int ways = int{fields.has("url")} + int{fields.has("sentinels")} + int{fields.has("cluster_nodes")};
    if (ways > 1) fields.mistake("url", "only one of url, sentinels and cluster_nodes");
    if (ways == 0) fields.require("url");
    if (fields.string("url", redis.url) && !redis.url.starts_with("redis://") &&
        !redis.url.starts_with("rediss://")) {
      fields.mistake("url", "must begin with redis:// or rediss://");
    }
    read_addresses(fields, "sentinels", 26379, redis.sentinels);
    read_addresses(fields, "cluster_nodes", 6379, redis.cluster_nodes);
    if (fields.has("sentinels")) fields.require("master_name");
    fields.string("master_name", redis.master_name);
    fields.string("sentinel_username", redis.sentinel_username);
    fields.string("sentinel_password", redis.sentinel_password);
    if (fields.string("sentinel_password_file", redis.sentinel_password_file))
      redis.sentinel_password_file = resolve_path(folder_, redis.sentinel_password_file);
    fields.boolean("tls", redis.use_tls);
    fields.integer("database", redis.database, 0, 1'000'000);
    if (fields.has("url") && (fields.has("tls") || fields.has("database"))) {
      fields.mistake(fields.has("tls") ? "tls" : "database",
                     "is part of the url: rediss:// for TLS, /1 for database 1");
    }
    if (fields.has("cluster_nodes") && redis.database != 0)
      fields.mistake("database", "a cluster has only database 0");
  }

  static void read_addresses(Fields& fields, std::string_view key, uint16_t port,
                             std::vector<net::HostPort>& out) {
    std::vector<std::string> texts;
    if (!fields.strings(key, texts)) return;
    for (const std::string& text : texts) {
      auto address = net::parse_host_port(text, port);
      if (address.has_error() || address->host.empty()) {
        fields.mistake(key, fmt::format("{} is not host:port", quote(text)));
      } else {
        out.push_back(std::move(*address));
      }
    }
    if (texts.empty()) fields.mistake(key, "must name at least one");
  }

  void read_redis(const Node& node) {
    Fields fields(node, diagnostics_, "redis");
    Redis redis;
    read_redis_servers(fields, redis);
    fields.string("username", redis.username);
    fields.string("password", redis.password);
    if (fields.string("password_file", redis.password_file))
      redis.password_file = resolve_path(folder_, redis.password_file);
    if (!redis.password.empty() && !redis.password_file.empty()) {
      fields.mistake("password_file", "at most one of password and password_file");
    }
    if (!redis.url.empty() && fields.diagnostics().ok()) {
      if (const auto url = net::parse_redis_url(redis.url); url.has_error())
        fields.mistake("url", url.error().message);
    }
    if (const Node* tls = fields.child("tls_config"))
      read_tls_config(*tls, diagnostics_, "redis.tls_config", folder_, redis.tls);
    fields.duration("timeout", redis.timeout, 10ms, 60s);
    if (fields.string("prefix", redis.prefix) &&
        (redis.prefix.empty() || redis.prefix.find_first_of("{}") != std::string::npos)) {
      fields.mistake("prefix", "must not be empty or hold braces");
    }
    fields.done();
    config_.redis = redis;
  }

  void read_job(const Node& node, const std::string& name) {
    Fields fields(node, diagnostics_, name);
    Job job;
    job.interval = config_.global.interval;
    fields.require("job_name");
    if (fields.string("job_name", job.name) && !job_names_.insert(job.name).second) {
      fields.mistake("job_name", fmt::format("another job is named {}", quote(job.name)));
    }
    fields.duration("interval", job.interval, kIntervalMin);
    fields.integer("vantages", job.vantages, 0, 100'000);
    fields.number("max_probes_per_second", job.max_probes_per_second, 0, 1'000'000);
    fields.require("module");
    const exporters::Module* module = nullptr;
    if (fields.string("module", job.module)) module = find_module(fields, job.module);
    read_timeout(fields, module, job);
    fields.each("static_configs", [&](const Node& inner, const std::string& inner_name) {
      read_static_config(inner, inner_name, module, job);
    });
    if (const Node* health = fields.child("health")) read_health(*health, name + ".health", job.health);
    if (const Node* upstream = fields.child("upstream")) read_upstream(*upstream, name + ".upstream", job);
    fields.done();
    config_.jobs.push_back(std::move(job));
  }

  const exporters::Module* find_module(Fields& fields, const std::string& wanted) {
    const auto found = config_.modules.find(wanted);
    if (found != config_.modules.end()) return &found->second;
    std::vector<std::string_view> names;
    for (const auto& [module_name, module] : config_.modules) names.push_back(module_name);
    const std::string near = nearest(wanted, names);
    fields.mistake("module", fmt::format("there is no module {}{}", quote(wanted),
                                         near.empty() ? "" : fmt::format(", did you mean {}?", quote(near))));
    return nullptr;
  }

  // The job's own timeout, else the module's, else the global one; never longer than the interval.
  void read_timeout(Fields& fields, const exporters::Module* module, Job& job) {
    const bool from_module = module != nullptr && module->timeout > Duration::zero();
    job.timeout = std::min(from_module ? module->timeout : config_.global.timeout, job.interval);
    fields.duration("timeout", job.timeout, 1ms);
    if (job.timeout > job.interval) fields.mistake("timeout", "must not be longer than the interval");
  }

  void read_static_config(const Node& node, const std::string& name, const exporters::Module* module,
                          Job& job) {
    Fields fields(node, diagnostics_, name);
    Labels labels;
    fields.labels("labels", labels);
    fields.require("targets");
    fields.each("targets", [&](const Node& item, const std::string& item_name) {
      const auto address = read_string(item, diagnostics_, item_name);
      if (!address) return;
      if (address->empty()) {
        diagnostics_.add(item.mark, fmt::format("{} is empty", item_name));
        return;
      }
      Target target{*address, module == nullptr ? *address : instance_of(*module, *address), labels};
      if (module != nullptr) {
        const Result<void> valid = check_target(*module, *address);
        if (valid.has_error())
          diagnostics_.add(item.mark, fmt::format("{}: {}", item_name, valid.error().message));
      }
      if (!target_keys_.insert(Config::key_of(job, target)).second) {
        diagnostics_.add(
            item.mark, fmt::format("{}: the job already has a target {}", item_name, quote(target.instance)));
      }
      if (target_keys_.size() == kTargetsMax + 1)
        diagnostics_.add(item.mark, fmt::format("more than {} targets", kTargetsMax));
      job.targets.push_back(std::move(target));
    });
    fields.done();
  }

  void read_health(const Node& node, const std::string& name, gate::HealthPolicy& health) {
    Fields fields(node, diagnostics_, name);
    fields.integer("rise", health.rise, 1, 100);
    fields.integer("fall", health.fall, 1, 100);
    fields.duration("fast_interval", health.fast_interval, kIntervalMin);
    fields.duration("down_interval", health.down_interval, kIntervalMin);
    fields.done();
  }

  void read_flag(const Node& node, const std::string& name, gate::FlagPolicy& flag) {
    Fields fields(node, diagnostics_, name);
    fields.string("key", flag.key);
    fields.string("value", flag.value);
    fields.duration("ttl", flag.ttl, 1s);
    std::string encoding;
    if (fields.choice("encoding", encoding, {"raw", "json", "pickle"}))
      flag.encoding = *flag_encodings().from_word(encoding);
    fields.done();
  }

  void read_disable_time(const Node& node, const std::string& name, gate::DisableTime& time) {
    Fields fields(node, diagnostics_, name);
    fields.duration("base", time.base);
    fields.duration("max", time.max);
    fields.duration("decay", time.decay);
    fields.integer("jitter_percent", time.jitter_percent, 0, 100);
    fields.done();
  }

  void read_efficacy(const Node& node, const std::string& name, gate::EfficacyPolicy& efficacy) {
    Fields fields(node, diagnostics_, name);
    fields.require("job");
    fields.string("job", efficacy.job);
    fields.duration("window", efficacy.window, 1s);
    fields.duration("hold", efficacy.hold);
    fields.done();
    if (!efficacy.job.empty()) efficacy_jobs_.emplace_back(efficacy, node.mark);
  }

  // Jobs may be named before they are written down.
  void check_efficacy_jobs() {
    for (const auto& [efficacy, mark] : efficacy_jobs_) {
      const auto job = std::find_if(config_.jobs.begin(), config_.jobs.end(),
                                    [&](const Job& candidate) { return candidate.name == efficacy.job; });
      if (job == config_.jobs.end()) {
        diagnostics_.add(mark, fmt::format("efficacy.job: there is no job {}", quote(efficacy.job)));
      } else if (efficacy.window < 2 * job->interval) {
        diagnostics_.add(mark, fmt::format("efficacy.window must be at least two intervals of the job {}: {}",
                                           quote(efficacy.job), format_duration(2 * job->interval)));
      }
    }
  }

  void read_upstream(const Node& node, const std::string& name, Job& job) {
    Fields fields(node, diagnostics_, name);
    gate::PoolPolicy pool;
    pool.pool = job.name;
    pool.vantages = job.vantages;
    pool.max_probes_per_second = job.max_probes_per_second;
    pool.interval = job.interval;
    fields.string("pool", pool.pool);
    if (const Node* flag = fields.child("flag")) read_flag(*flag, name + ".flag", pool.flag);
    fields.integer("max_disabled_percent", pool.max_disabled_percent, 0, 100);
    fields.integer("min_available", pool.min_available, 0, 1'000'000);
    std::string mode;
    if (fields.choice("mode", mode, {"enforce", "shadow"})) pool.mode = *gate_modes().from_word(mode);
    if (const Node* time = fields.child("disable_time"))
      read_disable_time(*time, name + ".disable_time", pool.disable_time);
    if (const Node* efficacy = fields.child("efficacy"))
      read_efficacy(*efficacy, name + ".efficacy", pool.efficacy);
    fields.number("eject_ratio", pool.eject_ratio, 0, 1);
    fields.number("release_ratio", pool.release_ratio, 0, 1);
    fields.duration("eject_for", pool.eject_for);
    fields.duration("release_for", pool.release_for);
    fields.integer("min_votes", pool.min_votes, 1, 100'000);
    fields.integer("min_zones", pool.min_zones, 1, 1'000);
    if (fields.integer("vantages", pool.vantages, 0, 100'000)) job.vantages = pool.vantages;
    if (fields.number("max_probes_per_second", pool.max_probes_per_second, 0, 1'000'000))
      job.max_probes_per_second = pool.max_probes_per_second;
    fields.duration("agent_memory", pool.agent_memory, 1s);
    fields.integer("freeze_percent", pool.freeze_percent, 0, 100);
    fields.duration("freeze_window", pool.freeze_window);
    fields.integer("freeze_pools", pool.freeze_pools, 0, 1'000);
    fields.duration("slow_start", pool.slow_start);
    fields.done();
    check_cluster(fields, pool);
    for (const std::string& problem : gate::validate(pool)) {
      fields.mistake(problem.substr(0, problem.find_first_of(" .")), problem);
    }
    if (!pools_.insert(pool.pool).second) {
      fields.mistake("pool", fmt::format("another job already has the pool {}", quote(pool.pool)));
    }
    job.upstream = pool;
  }

  // The key of any member will do: what decides is what stands around the member's name.
  void check_cluster(Fields& fields, const gate::PoolPolicy& pool) {
    if (!config_.redis || config_.redis->cluster_nodes.empty()) return;
    const std::string own = gate::pool_keys(pool.pool, config_.redis->prefix).record;
    const auto fits = gate::check_cluster(pool, {{"target", "instance", false}}, own);
    if (fits.has_error()) fields.mistake("flag", fits.error().message);
  }

  void read_packs(Fields& fields) {
    if (!fields.strings("rule_packs", config_.rule_packs)) return;
    for (const std::string& pack : config_.rule_packs) {
      const std::vector<std::string_view> names = rule_pack_names();
      if (std::find(names.begin(), names.end(), pack) != names.end()) continue;
      fields.mistake("rule_packs", fmt::format("there is no rule pack {}; there are {}", quote(pack),
                                               fmt::join(names, ", ")));
    }
  }

  void read_alerting(const Node& node) {
    Fields fields(node, diagnostics_, "alerting");
    if (!fields.has("alertmanagers")) fields.require("config_file");
    if (fields.string("config_file", config_.alerting_file))
      config_.alerting_file = resolve_path(folder_, config_.alerting_file);
    fields.each("alertmanagers", [&](const Node& item, const std::string& name) {
      read_alertmanagers(item, name, diagnostics_, folder_, config_.alertmanagers);
    });
    if (fields.child("alert_relabel_configs") != nullptr)
      fields.mistake("alert_relabel_configs", "not supported: alerts are forwarded as they are");
    fields.boolean("expand_environment", config_.alerting_environment);
    fields.choice("message_look", config_.message_look, {"sluice", "alertmanager"});
    fields.done();
  }

  Config& config_;
  Diagnostics& diagnostics_;
  std::string folder_;
  const Environment& environment_;
  std::set<std::string> job_names_, target_keys_, pools_;
  std::vector<std::pair<gate::EfficacyPolicy, Mark>> efficacy_jobs_;
};

void append(Mistakes& all, Mistakes more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

// The files a pattern of rule_files names, sorted. A pattern without a wildcard names its file even when it
// is missing.
std::vector<std::string> expand_pattern(const std::string& pattern) {
  if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return files;
}

void add_rule_groups(Config& config, rules::RuleFile loaded, Mistakes& mistakes) {
  for (rules::RuleGroup& group : loaded.groups) {
    const auto same = [&](const rules::RuleGroup& other) {
      return other.file == group.file && other.name == group.name;
    };
    if (std::any_of(config.rule_groups.begin(), config.rule_groups.end(), same)) {
      mistakes.push_back({group.file, group.at.line, group.at.column, "this rule file is loaded twice"});
      return;
    }
    config.rule_groups.push_back(std::move(group));
  }
}

void load_rule_text(Config& config, const std::string& path, std::string_view text, Mistakes& mistakes,
                    std::vector<std::string>& warnings) {
  LoadedRuleFile loaded = load_rule_file(path, text);
  for (const Mistake& warning : loaded.warnings) warnings.push_back(warning.to_string());
  if (loaded.mistakes.empty()) {
    add_rule_groups(config, std::move(loaded.file), mistakes);
  } else {
    append(mistakes, std::move(loaded.mistakes));
  }
}

void load_rules(Config& config, const std::string& folder, Mistakes& mistakes,
                std::vector<std::string>& warnings) {
  for (const EmbeddedFile& pack : rule_pack_files()) {
    const std::string name(pack.name.substr(0, pack.name.find('.')));
    if (std::find(config.rule_packs.begin(), config.rule_packs.end(), name) == config.rule_packs.end())
      continue;
    load_rule_text(config, "packs/" + std::string(pack.name), pack.text, mistakes, warnings);
  }
  for (const std::string& pattern : config.rule_patterns) {
    for (const std::string& path : expand_pattern(resolve_path(folder, pattern))) {
      const Result<std::string> text = file::read(path);
      if (text.has_error()) {
        mistakes.push_back({path, 0, 0, text.error().message});
      } else {
        load_rule_text(config, path, *text, mistakes, warnings);
      }
    }
  }
}

void load_alerting(Config& config, const Environment& environment, Mistakes& mistakes) {
  const Result<std::string> text = file::read(config.alerting_file);
  if (text.has_error()) {
    mistakes.push_back({config.alerting_file, 0, 0, text.error().message});
    return;
  }
  config.alerting = parse_alertmanager_file(config.alerting_file, *text, folder_of(config.alerting_file),
                                            mistakes, config.alerting_environment ? &environment : nullptr);
}

// Everything that sluice.yml names.
void load_named_files(Config& config, const std::string& folder, const Environment& environment,
                      Mistakes& mistakes, std::vector<std::string>& warnings) {
  if (!config.web.config_file.empty()) {
    if (auto access = load_web_file(config.web.config_file, mistakes)) config.web.access = *access;
  }
  for (auto& [name, module] : config.modules) {
    exporters::postgres::PostgresModule& postgres = module.postgres;
    if (!postgres.queries_file.empty())
      postgres.queries = load_postgres_queries(postgres.queries_file, mistakes);
  }
  load_rules(config, folder, mistakes, warnings);
  if (!config.alerting_file.empty()) load_alerting(config, environment, mistakes);
}

Loaded finish(Config config, Mistakes mistakes, std::vector<std::string> warnings) {
  Loaded loaded;
  loaded.warnings = std::move(warnings);
  loaded.mistakes = std::move(mistakes);
  if (loaded.mistakes.empty()) loaded.config = std::make_shared<const Config>(std::move(config));
  return loaded;
}

}  // namespace

std::vector<std::string_view> rule_pack_names() {
  std::vector<std::string_view> names;
  for (const EmbeddedFile& pack : rule_pack_files())
    names.push_back(pack.name.substr(0, pack.name.find('.')));
  return names;
}

std::string Config::people_url() const {
  if (!web.external_url.empty()) return web.external_url;
  return fmt::format("{}://{}{}", web.access.tls ? "https" : "http", agent.name,
                     web.listen_address.substr(web.listen_address.rfind(':')));
}

const exporters::Module& Config::module_of(const Job& job) const {
  const auto found = modules.find(job.module);
  SLUICE_CHECK(found != modules.end(), "a loaded job names a module that exists");
  return found->second;
}

std::string Config::hash_of(const Job& job) const {
  // The printed module and health settings: whatever decides about a verdict is in them.
  const std::string settings =
      print_module(module_of(job)) + print_health(job.health) + format_duration(job.timeout);
  return fmt::format("{:016x}", stable_hash(settings));
}

Loaded parse_config(std::string_view text, const std::string& path, const std::string& folder,
                    const Environment& environment) {
  Config config;
  config.file = path;
  config.text = text;
  Diagnostics diagnostics(path);
  const std::optional<Node> root = parse_yaml(text, diagnostics, &environment);
  if (root && root->is_null()) {
    diagnostics.add({}, "the file is empty");
  } else if (root) {
    Loader(config, diagnostics, folder, environment).read(*root);
  }
  Mistakes mistakes = diagnostics.take();
  std::vector<std::string> warnings;
  if (root) load_named_files(config, folder, environment, mistakes, warnings);
  return finish(std::move(config), std::move(mistakes), std::move(warnings));
}

Loaded load_config(const std::string& path, const Environment& environment) {
  const Result<std::string> text = file::read(path);
  if (text.has_error()) {
    Loaded failed;
    failed.mistakes.push_back({path, 0, 0, text.error().message});
    return failed;
  }
  return parse_config(*text, path, folder_of(path), environment);
}

Loaded config_from_environment(const std::string& env_file, const Environment& environment) {
  Loaded loaded = parse_config(yaml_from_environment(environment), env_file, "", environment);
  if (!loaded.config) return loaded;
  const std::string alerting = alerting_yaml_from_environment(environment);
  if (alerting.empty()) return loaded;
  Config config = *loaded.config;
  config.alerting = parse_alertmanager_file(env_file, alerting, "", loaded.mistakes, &environment);
  return finish(std::move(config), std::move(loaded.mistakes), std::move(loaded.warnings));
}

std::string instance_of(const exporters::Module& module, const std::string& target) {
  const size_t scheme = target.find("://");
  if (scheme == std::string::npos) return target;
  const size_t start = scheme + 3;
  const size_t end = std::min(target.find_first_of("/?#", start), target.size());
  const size_t at = target.rfind('@', end);
  const size_t host = at == std::string::npos || at < start ? start : at + 1;
  if (module.prober == "http" || module.prober == "oidc")
    return target.substr(0, start) + target.substr(host);
  const std::string authority = target.substr(host, end - host);
  const bool has_port =
      authority.find(':', authority.rfind(']') == std::string::npos ? 0 : authority.rfind(']')) !=
      std::string::npos;
  if (has_port || module.prober == "tcp") return authority;
  return authority + (module.prober == "postgres" ? ":5432" : ":6379");
}

Modules built_in_modules() {
  Modules modules;
  const auto add = [&](const char* name, const char* prober) {
    exporters::Module& module = modules[name];
    module.name = name;
    module.prober = prober;
  };
  add("http_2xx", "http");
  add("tcp_connect", "tcp");
  add("oidc", "oidc");
  add("postgres", "postgres");
  add("redis", "redis");
  return modules;
}

}  // namespace sluice::config
