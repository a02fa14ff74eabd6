#include "agent/app/fleet_loop.h"

#include <algorithm>
#include <iterator>

#include "agent/app/shared_redis.h"
#include "core/random.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

fleet::Replies plain(net::RedisReplies replies) {
  fleet::Replies out;
  for (net::RedisReply& reply : replies) {
    fleet::Reply& plain = out.emplace_back(reply.is_nil(), std::move(reply.text), std::vector<std::string>{});
    for (net::RedisReply& element : reply.elements) plain.items.push_back(std::move(element.text));
  }
  return out;
}

}  // namespace

FleetLoop::FleetLoop(Edge& edge, NotifyLoop& notify, std::string agent)
    : edge_(edge),
      notify_(notify),
      agent_(std::move(agent)),
      sharing_(agent_, "", edge.clock.now()),
      wakeup_(edge),
      role_wakeup_(edge) {
  notify_.set_role([this] { return role() != fleet::Role::kStandby; });
  notify_.set_on_shared(
      [this](std::vector<alerts::SharedRecord> records) { take_records(std::move(records)); });
}

void FleetLoop::configure(const config::Config& config) {
  resolve_timeout_ = config.alerting ? config.alerting->resolve_timeout : 5min;
  if (config.redis == redis_) return;
  redis_ = config.redis;
  link_.reset();
  sharing_ =
      fleet::Sharing(agent_, redis_ ? redis_->prefix : "", edge_.clock.now(), notify_.pipeline().memory());
  if (redis_)
    link_ = std::make_unique<net::RedisLink>(edge_.net, redis_options(*redis_), stable_hash(agent_, 1));
  notify_.set_sharing(link_ != nullptr);
  apply_role();
  wakeup_.notify();
}

fleet::Role FleetLoop::role() const {
  return link_ == nullptr ? fleet::Role::kAlone : sharing_.role().role(edge_.clock.now());
}

void FleetLoop::apply_role() {
  notify_.look_at_role();
  role_wakeup_.notify();
}

asio::awaitable<void> FleetLoop::keep_role() {
  while (!stopping_) {
    const Instant now = edge_.clock.now();
    const fleet::Role before = role();
    co_await role_wakeup_.wait_until(link_ == nullptr ? Instant::max() : sharing_.role().next_change(now));
    if (role() == before) continue;
    apply_role();
    edge_.log.info("notifier", {{"role", to_string(role())}});
  }
}

void FleetLoop::fill_times(Alert& alert) const {
  const Timestamp now = edge_.clock.unix_now();
  if (alert.updated_at == Timestamp{}) alert.updated_at = now;
  if (alert.starts_at == Timestamp{}) alert.starts_at = alert.ends_at == Timestamp{} ? now : alert.ends_at;
  if (alert.ends_at != Timestamp{}) return;
  alert.ends_at = now + to_ms(resolve_timeout_);
  alert.timeout = true;
}

void FleetLoop::take_alerts(std::vector<Alert> alerts, std::vector<Alert> remembered) {
  if (link_ == nullptr) {
    std::move(remembered.begin(), remembered.end(), std::back_inserter(alerts));
    return notify_.take_alerts(std::move(alerts));
  }
  const Timestamp now = edge_.clock.unix_now();
  for (Alert& alert : alerts) fill_times(alert);
  std::vector<Alert> combined = sharing_.take_alerts(now, alerts);
  for (Alert& alert : remembered) {
    if (!sharing_.speaks_of(alert)) combined.push_back(std::move(alert));
  }
  notify_.take_alerts(std::move(combined));
  if (sharing_.has_news(now)) wakeup_.notify();
}

void FleetLoop::take_records(std::vector<alerts::SharedRecord> records) {
  sharing_.take_records(std::move(records));
  wakeup_.notify();
}

void FleetLoop::take_news(fleet::News news) {
  for (const std::string& what : news.unreadable)
    edge_.log.warn("what another agent shares cannot be read", {{"error", what}});
  notify_.learn(news.told);
  if (!news.alerts.empty()) notify_.take_alerts(std::move(news.alerts));
  if (news.members_changed) on_members_();
}

asio::awaitable<void> FleetLoop::run() {
  while (!stopping_) {
    if (link_ == nullptr) {
      co_await wakeup_.wait_until(Instant::max());
      continue;
    }
    const Instant began = edge_.clock.now();
    co_await round(Instant::max());
    if (!stopping_) co_await wakeup_.wait_until(began + sharing_.period());
  }
  if (link_ == nullptr || failing_) co_return;
  sharing_.leave();
  co_await round(stop_deadline_);
}

void FleetLoop::stop(Instant deadline) {
  stopping_ = true;
  stop_deadline_ = deadline;
  wakeup_.notify();
  role_wakeup_.notify();
}

asio::awaitable<void> FleetLoop::round(Instant until) {
  for (bool first = true; auto question = sharing_.ask(moment()); first = false) {
    const Instant deadline = std::min(until, edge_.clock.now() + redis_->timeout);
    const std::string error = co_await put(std::move(*question), deadline);
    if (!error.empty()) sharing_.unanswered();
    if (!first) continue;
    // The first question of a round says whether Redis is there.
    if (std::exchange(failing_, !error.empty()) == error.empty()) {
      if (failing_) {
        edge_.log.warn("alerts cannot be shared", {{"error", error}});
      } else {
        edge_.log.info("alerts are shared again");
      }
    }
  }
  apply_role();
}

// The error, if there was one; else what was asked is answered.
asio::awaitable<std::string> FleetLoop::put(fleet::Question question, Instant until) {
  if (question.watch.empty()) {
    auto replies = co_await link_->run(std::move(question.commands), until);
    if (replies.has_error()) co_return replies.error().message;
    std::string error = error_in(*replies);
    if (error.empty()) take_news(sharing_.answered(moment(), plain(std::move(*replies))));
    co_return error;
  }
  net::RedisTransaction transaction;
  transaction.watch = std::move(question.watch);
  transaction.reads = std::move(question.commands);
  transaction.decide = [this](const net::RedisReplies& reads) {
    return error_in(reads).empty() ? sharing_.decide(moment(), plain(reads)) : fleet::Commands{};
  };
  const auto commit = co_await link_->transact(std::move(transaction), until);
  if (commit.has_error()) co_return commit.error().message;
  using enum net::RedisCommit::Outcome;
  take_news(sharing_.settled(moment(), commit->outcome == kCommitted  ? fleet::Outcome::kCommitted
                                       : commit->outcome == kConflict ? fleet::Outcome::kConflict
                                                                      : fleet::Outcome::kNothing));
  co_return "";
}

}  // namespace sluice::app
