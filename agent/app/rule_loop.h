#pragma once
// Evaluates rule groups when they are due, over the agent's own samples, and hands alerts on.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/app/edge.h"
#include "agent/config/config.h"
#include "core/store/sample_store.h"
#include "rules/group.h"

namespace sluice::app {

class RuleLoop {
 public:
  // What is seen now, and what has not been seen since a restart.
  using OnAlerts = std::function<void(std::vector<Alert>, std::vector<Alert>)>;

  RuleLoop(Edge& edge, store::SampleStore& store, OnAlerts on_alerts);

  // Groups that are in both configurations keep their alerts; those of the others end.
  void configure(const config::Config& config);
  boost::asio::awaitable<void> run();
  void stop();

  // State that survives a restart: what fires, since when, and why it is held. `text` comes from snapshot();
  // an error leaves the groups as they are.
  std::string snapshot() const;
  Result<void> restore(std::string_view text);
  // Counts changes of state: the owner writes a snapshot when it has moved.
  uint64_t changes() const { return changes_; }

  const std::vector<std::unique_ptr<rules::Group>>& groups() const { return groups_; }
  // Names of the series that rules write: shown on /metrics beside ALERTS.
  const std::set<std::string, std::less<>>& recorded() const { return recorded_; }

 private:
  void evaluate(rules::Group& group, Timestamp now);
  void take_result(const rules::Group& group, rules::GroupResult result);
  void log_event(const rules::Group& group, const rules::RuleEvent& event);
  Timestamp next_due(Timestamp now) const;

  Edge& edge_;
  store::SampleStore& store_;
  OnAlerts on_alerts_;
  std::vector<std::unique_ptr<rules::Group>> groups_;
  std::set<std::string, std::less<>> recorded_;
  Wakeup wakeup_;
  uint64_t changes_ = 0;
  Instant deadline_{};  // of the evaluation under way
  bool stopping_ = false;
};

}  // namespace sluice::app
