#pragma once
// Probes what the configuration names, when the scheduler says so, and hands on what was seen: samples to the
// store, lines to /metrics, verdicts to the gate.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/api/views.h"
#include "agent/app/edge.h"
#include "agent/app/series_writer.h"
#include "agent/config/config.h"
#include "agent/gate/health.h"
#include "agent/schedule/scheduler.h"
#include "exporters/probe.h"

namespace sluice::app {

class ProbeLoop {
 public:
  // What the gate makes of a verdict: how closely to look from here on.
  using OnVerdict = std::function<gate::Attention(const std::string& pool, const std::string& target,
                                                  bool good, std::string_view reason)>;

  // Every probe that has ended, of whatever job; valid for the call.
  struct Ended {
    std::string_view job, instance;
    bool good = false;
    std::string_view reason;
    Duration took{};
    Timestamp began{};
  };
  using OnEnd = std::function<void(const Ended&)>;

  ProbeLoop(Edge& edge, store::SampleStore& store, exposition::MetricsPage& page, OnVerdict on_verdict,
            OnEnd on_end);
  ~ProbeLoop();

  // This agent's part of a target that a fleet watches together.
  struct Share {
    bool probe = true;
    bool deep = true;  // with the server's statistics
    Duration phase_shift{};
    Duration fast_interval{};
  };
  using Assign = std::function<Share(const config::Job& job, const config::Target& target)>;
  void set_assign(Assign assign) { assign_ = std::move(assign); }

  // Starts new targets, ends removed ones, leaves unchanged ones as they are. Called again when shares may
  // have changed.
  void configure(const config::Config& config);
  // Until stop().
  boost::asio::awaitable<void> run();
  void stop();

  const schedule::ScheduleStats& stats() const { return scheduler_.stats(); }
  std::vector<api::TargetView> targets() const;
  // Targets of the configuration that others of the fleet probe.
  size_t unassigned() const;

 private:
  struct Probed;

  void start_target(const std::string& key, std::shared_ptr<Probed> probed, const config::Job& job);
  void remove_target(schedule::TargetId id);
  void hand_over(Probed& probed);
  boost::asio::awaitable<void> probe_one(std::shared_ptr<Probed> probed, schedule::Due due);
  void take_result(Probed& probed, const schedule::Due& due, exporters::ProbeResult result);

  Edge& edge_;
  store::SampleStore& store_;
  exposition::MetricsPage& page_;
  OnVerdict on_verdict_;
  OnEnd on_end_;
  Assign assign_ = [](const config::Job& job, const config::Target&) {
    return Share{.phase_shift = {}, .fast_interval = job.health.fast_interval};
  };
  schedule::Scheduler scheduler_;
  std::unordered_map<schedule::TargetId, std::shared_ptr<Probed>> probed_;
  std::unordered_map<std::string, schedule::TargetId> ids_;  // by key
  schedule::TargetId next_id_ = 1;
  Wakeup wakeup_;
  bool stopping_ = false;
};

}  // namespace sluice::app
