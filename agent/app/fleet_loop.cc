#include "agent/app/fleet_loop.h"

#include <algorithm>

#include "agent/app/shared_redis.h"
#include "alerts/shared.h"
#include "core/random.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

// How often to look: a takeover takes kLease and one of these at most.
constexpr Duration kLookMin = 1s;
constexpr Duration kLookMax = 3s;
// An agent that has not been here for so long is gone; who is here is asked less often the more there are.
constexpr Duration kMemberMemory = 15s;
constexpr Duration kMembersMin = 2s;
constexpr Duration kMembersMax = 60s;
constexpr auto kAgentsKept = std::chrono::hours(1);
constexpr size_t kPendingMax = 100'000;

std::string ms_text(Timestamp at) {
  return std::to_string(to_unix_ms(at));
}

std::map<std::string, std::string, std::less<>> map_of(const net::RedisReply& reply) {
  std::map<std::string, std::string, std::less<>> out;
  for (auto& [key, value] : redis_hash(reply)) out.emplace(std::move(key), std::move(value));
  return out;
}

}  // namespace

FleetLoop::FleetLoop(Edge& edge, NotifyLoop& notify, std::string agent)
    : edge_(edge),
      notify_(notify),
      agent_(std::move(agent)),
      role_(agent_, edge.clock.now()),
      board_(agent_),
      members_{agent_},
      wakeup_(edge),
      role_wakeup_(edge) {
  notify_.set_on_journal([this](std::string_view journal) { take_journal(journal); });
}

void FleetLoop::configure(const config::Config& config) {
  resolve_timeout_ = config.alerting ? config.alerting->resolve_timeout : 5min;
  if (config.redis == redis_) return;
  redis_ = config.redis;
  link_.reset();
  clock_ = {};
  version_ = -1;
  if (redis_) {
    link_ = std::make_unique<net::RedisLink>(edge_.net, redis_options(*redis_), stable_hash(agent_, 1));
    role_ = fleet::NotifierRole(agent_, edge_.clock.now());
  }
  apply_role();
  wakeup_.notify();
}

fleet::Role FleetLoop::role() const {
  return link_ == nullptr ? fleet::Role::kAlone : role_.role(edge_.clock.now());
}

void FleetLoop::apply_role() {
  notify_.set_telling(role() != fleet::Role::kStandby);
  role_wakeup_.notify();
}

asio::awaitable<void> FleetLoop::keep_role() {
  while (!stopping_) {
    const Instant now = edge_.clock.now();
    const fleet::Role before = role();
    co_await role_wakeup_.wait_until(link_ == nullptr ? Instant::max() : role_.next_change(now));
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

void FleetLoop::take_alerts(std::vector<Alert> alerts) {
  if (link_ == nullptr) return notify_.take_alerts(std::move(alerts));
  const Timestamp now = edge_.clock.unix_now();
  for (Alert& alert : alerts) fill_times(alert);
  std::vector<Alert> combined = board_.hear(now, agent_, alerts);
  notify_.take_alerts(std::move(combined));
  if (board_.to_be_published(now)) wakeup_.notify();
}

void FleetLoop::take_journal(std::string_view journal) {
  if (link_ == nullptr || journal.empty()) return;
  const bool telling = role() != fleet::Role::kStandby;
  for (alerts::SharedRecord& record : alerts::shared_records(journal)) {
    auto& pending = record.is_silence ? silences_pending_ : told_pending_;
    // What was learned is shared already, unless this agent had something to add.
    const bool news = learning_ ? !record.is_silence && pending.contains(record.key)
                                : record.is_silence || telling || pending.contains(record.key);
    if (!news || pending.size() >= kPendingMax) continue;
    pending[record.key] = std::move(record.line);
    wakeup_.notify();
  }
}

asio::awaitable<void> FleetLoop::run() {
  while (!stopping_) {
    if (link_ == nullptr) {
      co_await wakeup_.wait_until(Instant::max());
      continue;
    }
    const Instant began = edge_.clock.now();
    co_await sync();
    const Duration period =
        std::clamp<Duration>(static_cast<int64_t>(members_.size()) * 1ms, kLookMin, kLookMax);
    if (!stopping_) co_await wakeup_.wait_until(began + period);
  }
  if (link_ != nullptr) co_await leave();
}

void FleetLoop::stop(Instant deadline) {
  stopping_ = true;
  stop_deadline_ = deadline;
  wakeup_.notify();
  role_wakeup_.notify();
}

// One round: who is here and who tells; what they say; what we say; and the lease, if it is free or ours.
asio::awaitable<void> FleetLoop::sync() {
  bool answered = co_await look();
  if (answered && version_now_ != version_) answered = co_await read_shared();
  if (answered) co_await publish();
  if (answered) co_await seek_lease();
  apply_role();
}

std::chrono::milliseconds FleetLoop::offset() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.at(edge_.clock.now()) -
                                                               edge_.clock.unix_now());
}

asio::awaitable<bool> FleetLoop::look() {
  const Instant asked = edge_.clock.now();
  std::vector<net::RedisCommand> commands = {{"GET", key("lease")}, {"TIME"}, {"GET", key("version")}};
  const bool on_time = clock_.known();
  const bool roll_call = on_time && asked >= members_due_;
  if (on_time) commands.push_back({"ZADD", key("agents"), ms_text(clock_.at(asked)), agent_});
  if (roll_call) {
    const Timestamp shared = clock_.at(asked);
    commands.push_back({"ZRANGEBYSCORE", key("agents"), ms_text(shared - to_ms(kMemberMemory)), "+inf"});
    commands.push_back({"ZREMRANGEBYSCORE", key("agents"), "-inf", ms_text(shared - kAgentsKept)});
  }
  const auto replies = co_await link_->run(std::move(commands), deadline());
  const std::string error = replies.has_error() ? replies.error().message : error_in(*replies);
  if (!error.empty()) {
    if (!std::exchange(failing_, true)) edge_.log.warn("alerts cannot be shared", {{"error", error}});
    role_.unreachable();
    co_return false;
  }
  const auto time = redis_time((*replies)[1]);
  if (!time) co_return false;
  if (std::exchange(failing_, false)) edge_.log.info("alerts are shared again");
  clock_.learn(asked, edge_.clock.now(), *time);
  version_now_ = redis_number((*replies)[2].text).value_or(0);
  if (roll_call) {
    std::vector<std::string> live;
    for (const net::RedisReply& member : (*replies)[4].elements) live.push_back(member.text);
    note_members(live);
    members_due_ = asked + members_period();
  }
  const std::string& holder = (*replies)[0].text;
  role_.heard(asked, holder, members_);
  co_return on_time;
}

Duration FleetLoop::members_period() const {
  return std::clamp<Duration>(static_cast<int64_t>(members_.size()) * 10ms, kMembersMin, kMembersMax);
}

// Members that are missing from the answer are not gone at once: a Redis that was restarted knows nobody.
void FleetLoop::note_members(const std::vector<std::string>& seen) {
  const Instant now = edge_.clock.now();
  last_seen_[agent_] = now;
  for (const std::string& agent : seen) last_seen_[agent] = now;
  const Duration memory = kMemberMemory + members_period();
  std::erase_if(last_seen_, [&](const auto& member) { return now - member.second > memory; });
  std::vector<std::string> members;
  for (const auto& [agent, at] : last_seen_) members.push_back(agent);
  if (members == members_) return;
  // The word of one that is gone does not stand against what those who are here see. What nobody else has
  // seen ends when it said that it would.
  std::vector<Alert> combined;
  for (const std::string& agent : members_) {
    if (last_seen_.contains(agent)) continue;
    for (Alert& alert : board_.replace(edge_.clock.unix_now(), agent, {}))
      combined.push_back(std::move(alert));
  }
  if (!combined.empty()) notify_.take_alerts(std::move(combined));
  members_ = std::move(members);
  on_members_();
}

asio::awaitable<bool> FleetLoop::read_shared() {
  std::vector<net::RedisCommand> commands = {
      {"HGETALL", key("alerts")}, {"HGETALL", key("told")}, {"HGETALL", key("silences")}};
  const auto replies = co_await link_->run(std::move(commands), deadline());
  if (replies.has_error() || !error_in(*replies).empty()) co_return false;
  // Redis has lost what it held: the one that tells puts its part back, everybody the silences it knows.
  const bool lost = version_now_ < version_;
  const bool tells = role() != fleet::Role::kStandby;
  if (lost) {
    if (tells) told_pending_.insert(told_.begin(), told_.end());
    silences_pending_.insert(silences_.begin(), silences_.end());
    board_.publish_again();
  }
  version_ = version_now_;
  take_others((*replies)[0]);
  auto told = map_of((*replies)[1]), silences = map_of((*replies)[2]);
  // One that tells knows better what it has told, and it alone writes that down.
  std::string news;
  for (const auto& [name, line] : told) {
    if (tells) break;
    const auto known = told_.find(name);
    if (known != told_.end() && known->second == line && !told_pending_.contains(name)) continue;
    news += line;
  }
  for (const auto& [name, line] : told_) {
    if (!tells && !lost && !told.contains(name)) news += alerts::gone_conversation(name);
  }
  for (const auto& [name, line] : silences) {
    const auto known = silences_.find(name);
    if (known == silences_.end() || known->second != line) news += line;
  }
  told_ = std::move(told);
  silences_ = std::move(silences);
  learning_ = true;
  notify_.learn(news);
  learning_ = false;
  co_return true;
}

void FleetLoop::take_others(const net::RedisReply& alerts) {
  const Timestamp now = edge_.clock.unix_now();
  auto texts = map_of(alerts);
  texts.erase(agent_);
  std::vector<Alert> combined;
  const auto replace = [&](const std::string& agent, std::string_view text) {
    const auto said = fleet::read_alerts(text, offset());
    if (!said) return;
    for (Alert& alert : board_.replace(now, agent, *said)) combined.push_back(std::move(alert));
  };
  for (const auto& [agent, text] : texts) {
    const auto known = others_.find(agent);
    if (known == others_.end() || known->second != text) replace(agent, text);
  }
  for (const auto& [agent, text] : others_) {
    if (!texts.contains(agent)) replace(agent, "");
  }
  others_ = std::move(texts);
  board_.forget_old(now);
  if (!combined.empty()) notify_.take_alerts(std::move(combined));
}

// Everything that is not shared yet, unless somebody was faster: then it is read first.
asio::awaitable<void> FleetLoop::publish() {
  const Timestamp now = edge_.clock.unix_now();
  const bool alerts = board_.to_be_published(now);
  if (!alerts && told_pending_.empty() && silences_pending_.empty()) co_return;
  net::RedisTransaction transaction;
  transaction.watch = {key("version")};
  transaction.reads = {{"GET", key("version")}};
  const auto told = told_pending_, silences = silences_pending_;
  transaction.decide = [&](const net::RedisReplies& reads) {
    std::vector<net::RedisCommand> writes;
    if (redis_number(reads[0].text).value_or(0) != version_) return writes;
    if (alerts) {
      const std::vector<Alert> own = board_.own(now);
      if (own.empty()) {
        writes.push_back({"HDEL", key("alerts"), agent_});
      } else {
        writes.push_back({"HSET", key("alerts"), agent_, fleet::write_alerts(own, offset())});
      }
    }
    const auto write = [&](const std::string& hash, const auto& lines) {
      for (const auto& [name, line] : lines) {
        writes.push_back(line.empty() ? net::RedisCommand{"HDEL", hash, name}
                                      : net::RedisCommand{"HSET", hash, name, line});
      }
    };
    write(key("told"), told);
    write(key("silences"), silences);
    writes.push_back({"INCR", key("version")});
    return writes;
  };
  const auto commit = co_await link_->transact(std::move(transaction), deadline());
  if (commit.has_error() || commit->outcome != net::RedisCommit::Outcome::kCommitted) {
    // Read first, then try again: at once when somebody was faster.
    if (commit.has_value()) version_ = -1;
    co_return;
  }
  ++version_;
  if (alerts) board_.published(now);
  const auto settle = [](auto& pending, const auto& sent, auto& known) {
    for (const auto& [name, line] : sent) {
      if (line.empty()) {
        known.erase(name);
      } else {
        known[name] = line;
      }
      const auto still = pending.find(name);
      if (still != pending.end() && still->second == line) pending.erase(still);
    }
  };
  settle(told_pending_, told, told_);
  settle(silences_pending_, silences, silences_);
}

asio::awaitable<void> FleetLoop::seek_lease() {
  const Instant asked = edge_.clock.now();
  const fleet::NotifierRole::Wish wish = role_.wish(asked);
  const std::string lease = key("lease"), ms = std::to_string(to_ms(fleet::kLease).count());
  if (wish == fleet::NotifierRole::Wish::kNothing) co_return;
  if (wish == fleet::NotifierRole::Wish::kTake) {
    std::vector<net::RedisCommand> commands = {{"SET", lease, agent_, "NX", "PX", ms}};
    const auto replies = co_await link_->run(std::move(commands), deadline());
    if (replies.has_error() || replies->front().text != "OK") co_return;
  } else {
    net::RedisTransaction transaction;
    transaction.watch = {lease};
    transaction.reads = {{"GET", lease}};
    transaction.decide = [&](const net::RedisReplies& reads) -> std::vector<net::RedisCommand> {
      if (reads[0].text != agent_) return {};
      return {{"SET", lease, agent_, "PX", ms}};
    };
    const auto commit = co_await link_->transact(std::move(transaction), deadline());
    if (commit.has_error()) co_return;
    if (commit->outcome != net::RedisCommit::Outcome::kCommitted) {
      role_.lost();
      co_return;
    }
  }
  if (role() != fleet::Role::kHolder) {
    // What the last holder told until its lease ended comes before what this one may say.
    told_.clear();
    version_ = -1;
    const bool up_to_date = co_await read_shared();
    if (!up_to_date) co_return;
    version_ = -1;  // the version that was read is not known
  }
  role_.granted(asked);
}

// SIGTERM: the next one need not wait for the lease to end.
asio::awaitable<void> FleetLoop::leave() {
  if (failing_) co_return;
  if (role() == fleet::Role::kHolder) {
    co_await publish();
    net::RedisTransaction transaction;
    const std::string lease = key("lease");
    transaction.watch = {lease};
    transaction.reads = {{"GET", lease}};
    transaction.decide = [&](const net::RedisReplies& reads) -> std::vector<net::RedisCommand> {
      if (reads[0].text != agent_) return {};
      return {{"DEL", lease}};
    };
    (void)co_await link_->transact(std::move(transaction), std::min(deadline(), stop_deadline_));
  }
  std::vector<net::RedisCommand> commands = {{"ZREM", key("agents"), agent_}};
  (void)co_await link_->run(std::move(commands), std::min(deadline(), stop_deadline_));
}

}  // namespace sluice::app
