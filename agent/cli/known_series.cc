#include "agent/cli/known_series.h"

#include "agent/app/families.h"
#include "exporters/http/http_judge.h"
#include "exporters/oidc/families.h"
#include "exporters/postgres/postgres_judge.h"
#include "exporters/postgres/statistics.h"
#include "exporters/probe_families.h"
#include "exporters/redis/info_parser.h"
#include "exporters/redis/redis_judge.h"
#include "exporters/tcp/tcp_judge.h"

namespace sluice::cli {
namespace {

class Gatherer {
 public:
  void add(const MetricFamily& family) { known_.names.emplace(family.name); }
  void add(std::span<const MetricFamily> families) {
    for (const MetricFamily& family : families) add(family);
  }
  void add(std::span<const MetricFamily* const> families) {
    for (const MetricFamily* family : families) add(*family);
  }

  void add_prober(std::string_view prober) {
    if (prober == "http") add(exporters::http::families());
    if (prober == "tcp") add(exporters::tcp::families());
    if (prober == "oidc") add(exporters::oidc::families());
    if (prober == "postgres") {
      add(exporters::postgres::probe_families());
      add(exporters::postgres::statistics_families());
      known_.prefixes.push_back("pg_settings_");  // one for each setting of the server
    }
    if (prober == "redis") {
      add(exporters::redis::probe_families());
      add(exporters::redis::info_families());
    }
  }

  rules::KnownSeries& known() { return known_; }

 private:
  rules::KnownSeries known_;
};

}  // namespace

rules::KnownSeries known_series(const config::Config& config) {
  Gatherer gatherer;
  rules::KnownSeries& known = gatherer.known();
  gatherer.add(app::own_families());
  gatherer.add(exporters::kProbeSuccess);
  gatherer.add(exporters::kProbeDuration);
  std::set<std::string, std::less<>>& jobs = known.values["job"];
  std::set<std::string, std::less<>>& instances = known.values["instance"];
  jobs.insert("sluice");
  instances.insert(config.agent.name);
  for (const config::Job& job : config.jobs) {
    gatherer.add_prober(config.module_of(job).prober);
    jobs.insert(job.name);
    for (const config::Target& target : job.targets) instances.insert(target.instance);
  }
  for (const rules::RuleGroup& group : config.rule_groups) {
    for (const rules::Rule& rule : group.rules) {
      if (!rule.is_alert()) known.names.insert(rule.record);
    }
  }
  return std::move(known);
}

}  // namespace sluice::cli
