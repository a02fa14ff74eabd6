#pragma once
// Drives the notification pipeline: alerts in, requests out, answers back, and every state change on disk
// before the message that depends on it leaves.

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "agent/app/edge.h"
#include "agent/config/config.h"
#include "alerts/notify/notifier.h"
#include "alerts/pipeline.h"
#include "core/net/tls_config.h"

namespace sluice::app {

struct NotifyLoopStats {
  uint64_t state_writes = 0;
  uint64_t state_write_failures = 0;
};

net::TlsConfig to_net(const alerts::TlsConfig& from);
// Reads a secret's file, as notifiers ask for it.
Result<std::string> read_secret_file(const std::string& path);

// Sends it under its own timeout.
boost::asio::awaitable<Result<HttpResponse>> fetch(Edge& edge, alerts::notify::OutgoingRequest outgoing);

// How messages look, and what they say of this agent.
alerts::notify::NotifierOptions notifier_options(const config::Config& config);

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
  // Returns when all that was taken so far is on disk, or the disk has failed: then it survives kill -9.
  boost::asio::awaitable<void> written();
  Result<std::string> set_silence(alerts::Silence silence);
  Result<std::string> expire_silence(std::string_view id);

  boost::asio::awaitable<void> run();
  // Sends what is due and waits for answers until `deadline`; then run() returns.
  void stop(Instant deadline);
  bool idle() const { return in_flight_ == 0 && queue_.empty(); }

  // Other agents (fleet_loop.h): whether this one may tell, what others told, and what is to be told to them.
  void set_telling(bool telling);
  void learn(std::string_view records);
  void set_on_journal(std::function<void(std::string_view)> act) { on_journal_ = std::move(act); }

  const alerts::Pipeline& pipeline() const { return *pipeline_; }
  const NotifyLoopStats& stats() const { return stats_; }

 private:
  void accept(alerts::Effects effects);
  boost::asio::awaitable<void> carry_out(alerts::Effects effects);
  void keep(alerts::Effects& effects);
  boost::asio::awaitable<void> flush();
  boost::asio::awaitable<void> write_rest();
  boost::asio::awaitable<void> write_snapshot();
  boost::asio::awaitable<void> deliver(alerts::Delivery delivery);
  void log_events(const std::vector<alerts::PipelineEvent>& events);
  std::string path(std::string_view name) const;

  Edge& edge_;
  std::string folder_;
  std::shared_ptr<const alerts::Config> config_;
  std::unique_ptr<alerts::Pipeline> pipeline_;
  std::shared_ptr<const alerts::notify::Notifier> notifier_;
  bool telling_ = true;
  std::function<void(std::string_view)> on_journal_ = [](std::string_view) {};
  std::deque<alerts::Effects> queue_;  // in order: the journal of one before the sends of the next
  std::string pending_;                // journal that is not on disk yet
  bool pending_first_ = false;         // it must be before anything is sent
  Instant pending_since_{};
  uint64_t accepted_ = 0, kept_ = 0,
           written_ = 0;       // effects with a journal: all, in pending_ or further, on disk
  std::list<Wakeup> waiters_;  // for written_ to move
  std::string restored_;       // until the pipeline exists
  size_t journal_bytes_ = 0;
  bool state_failing_ = false;
  size_t in_flight_ = 0;
  NotifyLoopStats stats_;
  Wakeup wakeup_;
  bool stopping_ = false;
  Instant stop_deadline_ = Instant::max();
};

}  // namespace sluice::app
