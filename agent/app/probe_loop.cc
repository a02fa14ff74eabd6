#include "agent/app/probe_loop.h"

#include <algorithm>
#include <unordered_set>

#include "agent/app/families.h"
#include "core/check.h"
#include "exporters/probe_families.h"
#include "exporters/registry/registry.h"

namespace sluice::app {

namespace asio = boost::asio;

// One target under probe. Shared with the probe in flight, which may outlive the target.
struct ProbeLoop::Probed {
  schedule::TargetId id = 0;
  config::Target target;
  std::string job, pool;
  exporters::Module module;
  Duration interval{}, timeout{};
  std::unique_ptr<exporters::Prober> prober;
  std::unique_ptr<SeriesWriter> series;
  gate::Health health;
  uint64_t succeeded = 0, failed = 0;
  exporters::Reason reason = exporters::Reason::kOk;
  std::string detail;
  Duration last_duration{};
  Timestamp last_run{};
  bool removed = false;
  bool assigned = true;  // this agent is one of those that probe it
  bool deep = true;
  Labels labels;

  // Whether a reload leaves the prober and its series as they are.
  bool same_probe(const config::Job& other_job, const config::Target& other,
                  const exporters::Module& other_module) const {
    return other_job.name == job && other == target && other_module == module;
  }
};

namespace {

schedule::Pace pace_of(gate::Attention attention) {
  switch (attention) {
    case gate::Attention::kNormal:
      return schedule::Pace::kNormal;
    case gate::Attention::kFast:
      return schedule::Pace::kFast;
    case gate::Attention::kSlow:
      return schedule::Pace::kSlow;
  }
  return schedule::Pace::kNormal;
}

schedule::TargetSpec spec_of(const std::string& key, const config::Job& job, const ProbeLoop::Share& share) {
  schedule::TargetSpec spec;
  spec.key = key;
  spec.interval = job.interval;
  spec.timeout = job.timeout;
  spec.fast_interval = share.fast_interval;
  spec.phase_shift = share.phase_shift;
  spec.slow_interval = job.health.down_interval;
  return spec;
}

Labels labels_of(const config::Job& job, const config::Target& target) {
  Labels labels = target.labels;
  labels.set("job", job.name);
  labels.set("instance", target.instance);
  return labels;
}

}  // namespace

ProbeLoop::ProbeLoop(Edge& edge, store::SampleStore& store, exposition::MetricsPage& page,
                     OnVerdict on_verdict, OnEnd on_end)
    : edge_(edge),
      store_(store),
      page_(page),
      on_verdict_(std::move(on_verdict)),
      on_end_(std::move(on_end)),
      wakeup_(edge) {}

ProbeLoop::~ProbeLoop() = default;

void ProbeLoop::configure(const config::Config& config) {
  std::unordered_set<std::string> wanted;
  for (const config::Job& job : config.jobs) {
    const exporters::Module& module = config.module_of(job);
    for (const config::Target& target : job.targets) {
      const std::string key = config::Config::key_of(job, target);
      wanted.insert(key);
      const auto known = ids_.find(key);
      std::shared_ptr<Probed> probed = known == ids_.end() ? nullptr : probed_.at(known->second);
      if (probed == nullptr || !probed->same_probe(job, target, module)) {
        auto fresh = std::make_shared<Probed>();
        if (probed != nullptr) {
          fresh->health = probed->health;
          remove_target(probed->id);
        }
        fresh->id = next_id_++;
        fresh->target = target;
        fresh->job = job.name;
        fresh->module = module;
        fresh->labels = labels_of(job, target);
        auto prober = edge_.probers.make_prober(module, target.address);
        SLUICE_CHECK(prober.has_value(),
                     "a target that the loader accepted can be probed: " + prober.error().message);
        fresh->prober = std::move(*prober);
        probed = fresh;
      }
      start_target(key, probed, job);
    }
  }
  std::vector<schedule::TargetId> gone;
  for (const auto& [key, id] : ids_) {
    if (!wanted.contains(key)) gone.push_back(id);
  }
  for (const schedule::TargetId id : gone) remove_target(id);
  wakeup_.notify();
}

void ProbeLoop::start_target(const std::string& key, std::shared_ptr<Probed> probed, const config::Job& job) {
  probed->pool = job.upstream ? job.upstream->pool : "";
  probed->interval = job.interval;
  probed->timeout = job.timeout;
  probed->health.set_policy(job.health);
  const config::Target target = probed->target;
  const Share share = assign_(job, target);
  probed->deep = share.deep;
  ids_[key] = probed->id;
  if (share.probe) {
    const bool takes_over = !std::exchange(probed->assigned, true);
    if (probed->series == nullptr)
      probed->series = std::make_unique<SeriesWriter>(store_, page_, probed->labels);
    const Instant now = edge_.clock.now();
    scheduler_.set_target(probed->id, spec_of(key, job, share), now);
    // Soon, so that it is known before those who watched it until now are forgotten.
    if (takes_over) scheduler_.set_pace(probed->id, schedule::Pace::kFast, now);
  } else {
    hand_over(*probed);
  }
  probed_[probed->id] = std::move(probed);
}

// Others probe it from now on: what this agent saw of it is not shown as if it were current.
void ProbeLoop::hand_over(Probed& probed) {
  probed.assigned = false;
  if (probed.series != nullptr) probed.series->end(edge_.clock.unix_now());
  probed.series.reset();
  probed.health = gate::Health();
  scheduler_.remove_target(probed.id);
}

size_t ProbeLoop::unassigned() const {
  return static_cast<size_t>(
      std::count_if(probed_.begin(), probed_.end(), [](const auto& one) { return !one.second->assigned; }));
}

void ProbeLoop::remove_target(schedule::TargetId id) {
  const auto found = probed_.find(id);
  found->second->removed = true;
  hand_over(*found->second);
  std::erase_if(ids_, [&](const auto& entry) { return entry.second == id; });
  probed_.erase(found);
}

asio::awaitable<void> ProbeLoop::run() {
  while (!stopping_) {
    co_await wakeup_.wait_until(scheduler_.next_due());
    for (const schedule::Due& due : scheduler_.due(edge_.clock.now())) {
      spawn(edge_, probe_one(probed_.at(due.id), due), "probe");
    }
  }
}

void ProbeLoop::stop() {
  stopping_ = true;
  wakeup_.notify();
}

asio::awaitable<void> ProbeLoop::probe_one(std::shared_ptr<Probed> probed, schedule::Due due) {
  exporters::ProbeContext context{due.scheduled, due.deadline, false, probed->deep};
  exporters::ProbeResult result = co_await probed->prober->probe(context);
  if (!probed->removed && probed->assigned) take_result(*probed, due, std::move(result));
  scheduler_.finished(due.id, edge_.clock.now());
  wakeup_.notify();
}

void ProbeLoop::take_result(Probed& probed, const schedule::Due& due, exporters::ProbeResult result) {
  const Instant now = edge_.clock.now();
  const bool good = result.success();
  const std::string_view reason = to_string(result.reason);
  // Samples carry the time the probe was to begin, as Prometheus stamps a scrape.
  const Timestamp began = edge_.clock.unix_at(due.scheduled);
  (good ? probed.succeeded : probed.failed) += 1;
  const auto own = probed.health.observe(now, good, reason);
  gate::Attention attention = probed.health.attention();
  if (!probed.pool.empty()) attention = on_verdict_(probed.pool, probed.target.address, good, reason);
  scheduler_.set_pace(probed.id, pace_of(attention), now);
  on_end_({probed.job, probed.target.instance, good, reason, result.duration, began});

  std::vector<MetricPoint> points = std::move(result.points);
  points.push_back({&exporters::kProbeSuccess, {}, good ? 1.0 : 0.0});
  points.push_back({&exporters::kProbeDuration, {}, to_seconds(result.duration)});
  points.push_back({&kProbeRuns, {{"result", "success"}}, static_cast<double>(probed.succeeded)});
  points.push_back({&kProbeRuns, {{"result", "failure"}}, static_cast<double>(probed.failed)});
  points.push_back({&kProbeLastRun, {}, to_seconds(began)});
  if (!good) points.push_back({&kProbeFailureReason, {{"reason", std::string(reason)}}, 1});
  if (probed.health.verdict() != gate::Verdict::kUnknown) {
    points.push_back({&kTargetHealth, {}, probed.health.verdict() == gate::Verdict::kUp ? 1.0 : 0.0});
  }
  probed.series->write(began, points);

  if (own) {
    const bool up = own->to == gate::Verdict::kUp;
    std::vector<LogField> fields = {
        {"job", probed.job}, {"instance", probed.target.instance}, {"reason", reason}};
    if (!result.detail.empty()) fields.emplace_back("detail", result.detail);
    if (up) {
      edge_.log.info("target is up", fields);
    } else {
      edge_.log.warn("target is down", fields);
    }
  }
  probed.reason = result.reason;
  probed.detail = std::move(result.detail);
  probed.last_duration = result.duration;
  probed.last_run = began;
}

std::vector<api::TargetView> ProbeLoop::targets() const {
  std::vector<api::TargetView> all;
  all.reserve(probed_.size());
  for (const auto& [id, probed] : probed_) {
    api::TargetView view;
    view.job = probed->job;
    view.instance = probed->target.instance;
    view.address = probed->target.address;
    view.module = probed->module.name;
    view.pool = probed->pool;
    view.labels = probed->labels;
    view.assigned = probed->assigned;
    view.interval = probed->interval;
    view.timeout = probed->timeout;
    view.health = probed->health.verdict();
    view.reason = to_string(probed->reason);
    view.detail = probed->detail;
    view.last_duration = probed->last_duration;
    view.last_run = probed->last_run;
    all.push_back(std::move(view));
  }
  std::sort(all.begin(), all.end(), [](const api::TargetView& a, const api::TargetView& b) {
    return std::tie(a.job, a.instance) < std::tie(b.job, b.instance);
  });
  return all;
}

}  // namespace sluice::app
