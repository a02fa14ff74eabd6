#pragma once
// Drives the notification pipeline: alerts in, requests out, answers back, and every state change on disk
// before the message that depends on it leaves.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/app/edge.h"
#include "agent/config/config.h"
#include "alerts/notify/notifier.h"
#include "alerts/pipeline.h"

namespace sluice::app {

struct NotifyLoopStats {
  uint64_t state_write_failures = 0;
};

// Makes the request of a delivery, sends it and judges the answer.
boost::asio::awaitable<alerts::DeliveryOutcome> send_delivery(Edge& edge,
                                                              const alerts::notify::Notifier& notifier,
                                                              const alerts::Delivery& delivery);

class NotifyLoop {
 public:
  // `folder` is where state is kept; empty: in memory only.
  NotifyLoop(Edge& edge, std::string folder);

  // Reads the state of the last run; before the first configure(). A damaged file is set aside with a log
  // line.
  void restore();
  // Mistakes in templates were found by the loader. Without an alerting configuration, alerts are only kept.
  void configure(const config::Config& config);
  void take_alerts(std::vector<Alert> alerts);
  Result<std::string> set_silence(alerts::Silence silence);
  Result<std::string> expire_silence(std::string_view id);

  boost::asio::awaitable<void> run();
  // Sends what is due and waits for answers until `deadline`; then run() returns.
  void stop(Instant deadline);
  bool idle() const { return in_flight_ == 0 && queue_.empty(); }

  const alerts::Pipeline& pipeline() const { return *pipeline_; }
  const NotifyLoopStats& stats() const { return stats_; }

 private:
  void accept(alerts::Effects effects);
  boost::asio::awaitable<void> carry_out(alerts::Effects effects);
  boost::asio::awaitable<void> persist(std::string journal);
  boost::asio::awaitable<void> write_snapshot();
  boost::asio::awaitable<void> deliver(alerts::Delivery delivery);
  void log_events(const std::vector<alerts::PipelineEvent>& events);
  std::string path(std::string_view name) const;

  Edge& edge_;
  std::string folder_;
  std::shared_ptr<const alerts::Config> config_;
  std::unique_ptr<alerts::Pipeline> pipeline_;
  std::shared_ptr<const alerts::notify::Notifier> notifier_;
  std::deque<alerts::Effects> queue_;  // in order: the journal of one before the sends of the next
  std::string restored_;               // until the pipeline exists
  size_t journal_bytes_ = 0;
  bool state_failing_ = false;
  size_t in_flight_ = 0;
  NotifyLoopStats stats_;
  Wakeup wakeup_;
  bool stopping_ = false;
  Instant stop_deadline_ = Instant::max();
};

}  // namespace sluice::app
