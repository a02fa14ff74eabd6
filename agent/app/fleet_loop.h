#pragma once
// What agents tell each other besides votes, through the shared Redis: that they live, what fires on them,
// what was told to whom, and silences; and which of them tells people. Decisions are in agent/fleet; without
// Redis everything passes straight through.
//
// Keys, all of one hash tag, below "<prefix>:{fleet}:":
//   agents    sorted set: agent -> when it was last here, in Redis time
//   lease     string: the agent that tells, for kLease
//   alerts    hash: agent -> its alerts, in Redis time
//   told      hash: conversation -> what was told (alerts/shared.h)
//   silences  hash: id -> silence
//   version   string: grows with every change of the last three

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/edge.h"
#include "agent/app/notify_loop.h"
#include "agent/config/config.h"
#include "agent/fleet/alert_board.h"
#include "agent/fleet/notifier_role.h"
#include "agent/gate/votes.h"
#include "core/net/redis_link.h"

namespace sluice::app {

class FleetLoop {
 public:
  FleetLoop(Edge& edge, NotifyLoop& notify, std::string agent);

  void configure(const config::Config& config);
  // This agent's own alerts; the notify loop gets what the fleet says about them.
  void take_alerts(std::vector<Alert> alerts);
  // Called when other agents came or went.
  void set_on_members(std::function<void()> act) { on_members_ = std::move(act); }

  boost::asio::awaitable<void> run();
  // Beside run(): takes the word from this agent when its lease ends, whatever Redis does.
  boost::asio::awaitable<void> keep_role();
  // Gives the lease back, then run() returns.
  void stop(Instant deadline);

  // The agents that live, sorted; this one is always among them. Alone: only this one.
  const std::vector<std::string>& members() const { return members_; }
  fleet::Role role() const;
  bool shares() const { return link_ != nullptr; }

 private:
  boost::asio::awaitable<void> sync();
  boost::asio::awaitable<bool> look();
  boost::asio::awaitable<bool> read_shared();
  boost::asio::awaitable<void> publish();
  boost::asio::awaitable<void> seek_lease();
  boost::asio::awaitable<void> leave();
  void apply_role();
  void note_members(const std::vector<std::string>& seen);
  Duration members_period() const;
  void take_others(const net::RedisReply& alerts);
  void take_journal(std::string_view journal);
  void fill_times(Alert& alert) const;
  std::chrono::milliseconds offset() const;
  std::string key(std::string_view name) const { return redis_->prefix + ":{fleet}:" + std::string(name); }
  Instant deadline() const { return edge_.clock.now() + redis_->timeout; }

  Edge& edge_;
  NotifyLoop& notify_;
  std::string agent_;
  Duration resolve_timeout_ = 5min;
  std::optional<config::Redis> redis_;
  std::unique_ptr<net::RedisLink> link_;
  gate::SharedClock clock_;
  fleet::NotifierRole role_;
  fleet::AlertBoard board_;
  std::vector<std::string> members_;
  std::map<std::string, Instant, std::less<>> last_seen_;
  Instant members_due_{};
  std::function<void()> on_members_ = [] {};

  int64_t version_ = -1;                                             // of what was read; -1: nothing was
  int64_t version_now_ = 0;                                          // as of the last look
  std::map<std::string, std::string, std::less<>> told_, silences_;  // as read: key -> line
  std::map<std::string, std::string, std::less<>> others_;           // agent -> its alerts as text
  // What is still to be shared: key -> line, empty for what is gone.
  std::map<std::string, std::string, std::less<>> told_pending_, silences_pending_;
  bool learning_ = false;
  bool failing_ = false;
  Wakeup wakeup_, role_wakeup_;
  bool stopping_ = false;
  Instant stop_deadline_ = Instant::max();
};

}  // namespace sluice::app
