#pragma once
// Carries out what fleet::Sharing asks of the shared Redis, and hands what it learns to the notification
// loop. Without Redis everything passes straight through.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/edge.h"
#include "agent/app/notify_loop.h"
#include "agent/config/config.h"
#include "agent/fleet/sharing.h"
#include "core/net/redis_link.h"

namespace sluice::app {

class FleetLoop {
 public:
  FleetLoop(Edge& edge, NotifyLoop& notify, std::string agent);

  // The notify loop comes first: it has read what this agent knew before it was restarted.
  void configure(const config::Config& config);
  // This agent's own alerts; the notify loop gets what the fleet says about them. Of what is only
  // `remembered` from before a restart the fleet is not told: who lives has looked meanwhile.
  void take_alerts(std::vector<Alert> alerts, std::vector<Alert> remembered = {});
  // Called when other agents came or went.
  void set_on_members(std::function<void()> act) { on_members_ = std::move(act); }

  boost::asio::awaitable<void> run();
  // Beside run(): takes the word from this agent when its lease ends, whatever Redis does.
  boost::asio::awaitable<void> keep_role();
  // Gives the lease back, then run() returns.
  void stop(Instant deadline);

  // The agents that live, sorted; this one is always among them. Alone: only this one.
  const std::vector<std::string>& members() const { return sharing_.members(); }
  fleet::Role role() const;
  bool shares() const { return link_ != nullptr; }

 private:
  boost::asio::awaitable<void> round(Instant until);
  boost::asio::awaitable<std::string> put(fleet::Question question, Instant until);
  void apply_role();
  void take_news(fleet::News news);
  void take_records(std::vector<alerts::SharedRecord> records);
  void fill_times(Alert& alert) const;
  fleet::Moment moment() const { return {edge_.clock.now(), edge_.clock.unix_now()}; }

  Edge& edge_;
  NotifyLoop& notify_;
  std::string agent_;
  Duration resolve_timeout_ = 5min;
  std::optional<config::Redis> redis_;
  std::unique_ptr<net::RedisLink> link_;
  fleet::Sharing sharing_;
  std::function<void()> on_members_ = [] {};
  bool failing_ = false;
  Wakeup wakeup_, role_wakeup_;
  bool stopping_ = false;
  Instant stop_deadline_ = Instant::max();
};

}  // namespace sluice::app
