#pragma once
// Drives the notification pipeline: alerts in, requests out, answers back, and every state change on disk
// before the message that depends on it leaves.
//
// The journal takes two steps. A change is appended to the file as soon as it is there: then kill -9 does not
// take it, and what a receiver has answered is not said again. Its fsync, which only the end of power asks
// for, comes before a message that depends on it, before the answer to whoever waits for it, and else soon
// after, many changes at once.

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
#include "core/net/http_pool.h"
#include "core/net/tls_config.h"

namespace sluice::app {

struct NotifyLoopStats {
  uint64_t state_writes = 0;  // fsyncs
  uint64_t state_write_failures = 0;
};

net::TlsConfig to_net(const alerts::TlsConfig& from);
// Reads a secret's file, as notifiers ask for it.
Result<std::string> read_secret_file(const std::string& path);

// Sends it under its own timeout; on a connection of its own without a pool.
boost::asio::awaitable<Result<HttpResponse>> fetch(Edge& edge, alerts::notify::OutgoingRequest outgoing,
                                                   std::shared_ptr<net::HttpPool> connections);

// How messages look, and what they say of this agent.
alerts::notify::NotifierOptions notifier_options(const config::Config& config);

// Makes the request of a delivery, sends it and judges the answer.
boost::asio::awaitable<alerts::DeliveryOutcome> send_delivery(
    Edge& edge, const alerts::notify::Notifier& notifier, const alerts::Delivery& delivery,
    std::shared_ptr<net::HttpPool> connections = nullptr);

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
  bool idle() const { return in_flight_ == 0 && queue_.empty() && synced_ >= accepted_; }

  // Other agents (fleet_loop.h): whether this one may tell, what others told, and what is to be told to them.
  // The role is looked at before everything that may send: an agent that was stopped for a while (SIGSTOP, a
  // suspended machine) has lost its lease before any timer of its own says so.
  void set_role(std::function<bool()> may_tell) { may_tell_ = std::move(may_tell); }
  void look_at_role();
  void set_sharing(bool sharing);
  void learn(const alerts::SharedNews& news);
  void set_on_shared(std::function<void(std::vector<alerts::SharedRecord>)> act) {
    on_shared_ = std::move(act);
  }

  const alerts::Pipeline& pipeline() const { return *pipeline_; }
  const NotifyLoopStats& stats() const { return stats_; }

 private:
  // Messages that leave when the journal is on disk up to there.
  struct Outgoing {
    uint64_t after = 0;
    std::vector<alerts::Delivery> send;
  };
  void restore_pipeline(Timestamp now);
  void accept(alerts::Effects effects);
  void append();
  boost::asio::awaitable<void> append_pending();
  // Until nothing is left to be appended.
  boost::asio::awaitable<void> append_all();
  boost::asio::awaitable<void> sync();
  boost::asio::awaitable<void> write_snapshot();
  void judge_write(const Result<void>& written);
  boost::asio::awaitable<void> deliver(alerts::Delivery delivery);
  void log_events(const std::vector<alerts::PipelineEvent>& events);
  std::string path(std::string_view name) const;

  Edge& edge_;
  std::string folder_;
  std::shared_ptr<const alerts::Config> config_;
  std::unique_ptr<alerts::Pipeline> pipeline_;
  std::shared_ptr<const alerts::notify::Notifier> notifier_;
  std::shared_ptr<net::HttpPool> connections_;  // of this configuration
  std::function<bool()> may_tell_ = [] { return true; };
  bool telling_ = true;  // as the pipeline knows it
  bool sharing_ = false;
  std::function<void(std::vector<alerts::SharedRecord>)> on_shared_;
  std::deque<Outgoing> queue_;
  std::string pending_;  // journal that is not in the file yet
  bool appending_ = false, append_failed_ = false, snapshotting_ = false;
  bool append_at_once_ = false;  // somebody waits for the file: no pause
  Instant append_again_at_{};    // without one, ahead of the clock in a long burst
  // Effects with a journal, counted: all; those that must be on disk before anything more is sent; those in
  // the file; those on disk. Without a folder, nothing is waited for.
  uint64_t accepted_ = 0, before_send_ = 0, appended_ = 0, synced_ = 0;
  Instant unsynced_since_{};
  std::list<Wakeup> waiters_;  // for synced_ to move
  std::string restored_;       // until the pipeline exists
  size_t journal_bytes_ = 0;
  size_t journal_bytes_max_ = 0;
  bool state_failing_ = false;
  Instant snapshot_again_at_{};  // while it fails
  size_t in_flight_ = 0;
  NotifyLoopStats stats_;
  Wakeup wakeup_, append_wakeup_;
  bool stopping_ = false;
  Instant stop_deadline_ = Instant::max();
};

}  // namespace sluice::app
