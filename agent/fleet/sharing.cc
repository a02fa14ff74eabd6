#include "agent/fleet/sharing.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/random.h"
#include "core/whole_number.h"

namespace sluice::fleet {
namespace {

// How often to look: a takeover takes kLease and one of these at most.
constexpr Duration kLookMin = 1s;
constexpr Duration kLookMax = 3s;
// An agent that has not been here for so long is gone; who is here is asked less often the more there are.
constexpr Duration kMemberMemory = 15s;
constexpr Duration kMembersMin = 2s;
constexpr Duration kMembersMax = 60s;
constexpr auto kAgentsKept = std::chrono::hours(1);
constexpr size_t kMarkBytesMax = 1024;  // of what anybody may have written where our marks are

std::string ms_text(Timestamp at) {
  return std::to_string(to_unix_ms(at));
}

// The number that a version begins with; 0 when there is none.
int64_t number_of(const std::string& version) {
  return parse_whole<int64_t>(std::string_view(version).substr(0, version.find(' '))).value_or(0);
}

// Whether `version` cannot have come after `known`.
bool is_behind(const std::string& version, const std::string& known) {
  return version != known && number_of(version) <= number_of(known);
}

}  // namespace

Sharing::Sharing(std::string self, const std::string& prefix, Instant started, std::string_view memory)
    : self_(std::move(self)),
      stem_(prefix + ":{fleet}:"),
      role_(self_, started),
      board_(self_),
      members_{self_},
      mark_(memory.substr(0, memory.find(' '))) {
  if (mark_.size() < memory.size()) written_ = memory.substr(mark_.size() + 1);
}

Duration Sharing::period() const {
  return std::clamp<Duration>(static_cast<int64_t>(members_.size()) * 1ms, kLookMin, kLookMax);
}

Duration Sharing::members_period() const {
  return std::clamp<Duration>(static_cast<int64_t>(members_.size()) * 10ms, kMembersMin, kMembersMax);
}

bool Sharing::has_news(Timestamp wall) const {
  return board_.to_be_published(wall) || !told_pending_.empty() || !silences_pending_.empty();
}

std::chrono::milliseconds Sharing::offset(Moment at) const {
  return clock_.at(at.now) - at.wall;
}

std::vector<Alert> Sharing::take_alerts(Timestamp wall, const std::vector<Alert>& alerts) {
  return board_.hear(wall, self_, alerts);
}

void Sharing::take_records(std::vector<alerts::SharedRecord> records) {
  for (alerts::SharedRecord& record : records) {
    Lines& pending = record.is_silence ? silences_pending_ : told_pending_;
    if (pending.size() < kPendingMax || pending.contains(record.key))
      pending[record.key] = std::move(record.text);
  }
}

// The round
// -----------------------------------------------------------------------------------------------------------

std::optional<Question> Sharing::ask(Moment at) {
  if (leaving_ && step_ < Step::kPublish) step_ = tells(at.now) ? Step::kPublish : Step::kGone;
  asked_ = at.now;
  switch (step_) {
    case Step::kLook:
      return look(at.now);
    case Step::kRead:
    case Step::kCatchUp:
      return Question{{},
                      {{"GET", key("version")},
                       {"GET", key("memory")},
                       {"GET", key("written:" + self_)},
                       {"HGETALL", key("alerts")},
                       {"HGETALL", key("told")},
                       {"HGETALL", key("silences")}}};
    case Step::kPublish:
      if (auto question = publish(at.wall)) return question;
      [[fallthrough]];
    case Step::kLease:
      step_ = Step::kLease;
      if (leaving_) {
        step_ = Step::kFree;
        return Question{{key("lease")}, {{"GET", key("lease")}}};
      }
      if (auto question = seek_lease(at.now)) return question;
      break;
    case Step::kGone:
      return Question{{}, {{"ZREM", key("agents"), self_}}};
    case Step::kFree:
    case Step::kEnd:
      break;
  }
  step_ = Step::kLook;
  return std::nullopt;
}

Question Sharing::look(Instant now) {
  Commands commands = {{"GET", key("lease")}, {"TIME"}, {"GET", key("version")}};
  // Nothing may be stamped before Redis has said what time it is.
  if (clock_.known()) commands.push_back({"ZADD", key("agents"), ms_text(clock_.at(now)), self_});
  roll_call_ = clock_.known() && now >= members_due_;
  if (roll_call_) {
    const Timestamp shared = clock_.at(now);
    commands.push_back({"ZRANGEBYSCORE", key("agents"), ms_text(shared - to_ms(kMemberMemory)), "+inf"});
    commands.push_back({"ZREMRANGEBYSCORE", key("agents"), "-inf", ms_text(shared - kAgentsKept)});
  }
  return {{}, std::move(commands)};
}

std::optional<Question> Sharing::publish(Timestamp wall) {
  if (!has_news(wall)) return std::nullopt;
  draft_ = {};
  return Question{{key("version")}, {{"GET", key("version")}}};
}

std::optional<Question> Sharing::seek_lease(Instant now) {
  const std::string lease = key("lease"), ms = std::to_string(to_ms(kLease).count());
  lease_asked_ = now;
  switch (role_.wish(now)) {
    case NotifierRole::Wish::kTake:
      return Question{{}, {{"SET", lease, self_, "NX", "PX", ms}}};
    case NotifierRole::Wish::kRenew:
      return Question{{lease}, {{"GET", lease}}};
    case NotifierRole::Wish::kNothing:
      break;
  }
  return std::nullopt;
}

Commands Sharing::decide(Moment at, const Replies& reads) {
  const std::string& read = reads.at(0).text;
  if (step_ == Step::kPublish) {
    if (read != version_.value_or("")) return {};
    draft_.alerts = board_.to_be_published(at.wall);
    if (draft_.alerts) {
      draft_.said = board_.own(at.wall);
      if (!draft_.said.empty()) draft_.alerts_text = write_alerts(draft_.said, offset(at));
      board_.publishing();
    }
    draft_.told = told_pending_;
    draft_.silences = silences_pending_;
    draft_.version = fmt::format("{} {} {}", number_of(read) + 1, self_, ms_text(clock_.at(at.now)));
    Commands writes;
    const auto write = [&](const std::string& hash, const std::string& field, const std::string& text) {
      writes.push_back(text.empty() ? Command{"HDEL", hash, field} : Command{"HSET", hash, field, text});
    };
    if (draft_.alerts) write(key("alerts"), self_, draft_.alerts_text);
    for (const auto& [name, line] : draft_.told) write(key("told"), name, line);
    for (const auto& [name, line] : draft_.silences) write(key("silences"), name, line);
    writes.push_back({"SET", key("version"), draft_.version});
    if (!draft_.told.empty()) {
      const std::string seconds = std::to_string(std::chrono::seconds(kWrittenKept).count());
      writes.push_back({"SET", key("written:" + self_), draft_.version, "EX", seconds});
    }
    if (mark_.empty()) {
      draft_.mark = fmt::format("{:016x}", stable_hash(draft_.version));
      writes.push_back({"SET", key("memory"), draft_.mark, "NX"});
    }
    return writes;
  }
  if (read != self_) return {};
  if (step_ == Step::kFree) return {{"DEL", key("lease")}};
  return {{"SET", key("lease"), self_, "PX", std::to_string(to_ms(kLease).count())}};
}

News Sharing::answered(Moment at, const Replies& replies) {
  switch (step_) {
    case Step::kLook:
      return take_look(at, replies);
    case Step::kRead:
      step_ = Step::kPublish;
      return take_shared(at, replies);
    case Step::kLease:
      // Taken, or somebody was faster.
      step_ = replies.at(0).text == "OK" ? Step::kCatchUp : Step::kEnd;
      return {};
    case Step::kCatchUp: {
      News news = take_shared(at, replies);
      role_.granted(lease_asked_);
      step_ = Step::kEnd;
      return news;
    }
    case Step::kPublish:
    case Step::kFree:
    case Step::kGone:
    case Step::kEnd:
      break;
  }
  step_ = Step::kEnd;
  return {};
}

News Sharing::settled(Moment at, Outcome outcome) {
  News news;
  const bool committed = outcome == Outcome::kCommitted;
  if (step_ == Step::kPublish) {
    if (committed) {
      published(at, news);
    } else {
      not_published();  // somebody was faster: the next look shows it
      draft_ = {};
    }
    step_ = Step::kLease;
  } else if (step_ == Step::kFree) {
    role_.lost();
    step_ = Step::kGone;
  } else {
    step_ = Step::kEnd;
    if (!committed) {
      role_.lost();
    } else if (role_.role(at.now) == Role::kHolder) {
      role_.granted(lease_asked_);
    } else {
      step_ = Step::kCatchUp;
    }
  }
  return news;
}

void Sharing::unanswered() {
  if (step_ == Step::kLook) role_.unreachable();
  if (step_ == Step::kPublish) not_published();
  step_ = step_ == Step::kPublish ? Step::kLease : step_ == Step::kFree ? Step::kGone : Step::kEnd;
}

News Sharing::take_look(Moment at, const Replies& replies) {
  News news;
  step_ = Step::kEnd;
  const std::vector<std::string>& answer = replies.at(1).items;
  const auto time = answer.size() == 2 ? redis_time(answer[0], answer[1]) : std::nullopt;
  if (!time) return news;
  const bool on_time = clock_.known();
  clock_.learn(asked_, at.now, *time);
  version_now_ = replies.at(2).text;
  if (roll_call_) {
    note_members(at, replies.at(4).items, news);
    members_due_ = asked_ + members_period();
  }
  role_.heard(asked_, replies.at(0).text, members_);
  if (on_time) step_ = version_ == version_now_ ? Step::kPublish : Step::kRead;
  return news;
}

// Members that are missing from the answer are not gone at once: a Redis that was restarted knows nobody.
void Sharing::note_members(Moment at, const std::vector<std::string>& seen, News& news) {
  last_seen_[self_] = at.now;
  for (const std::string& agent : seen) last_seen_[agent] = at.now;
  const Duration memory = kMemberMemory + members_period();
  std::erase_if(last_seen_, [&](const auto& member) { return at.now - member.second > memory; });
  std::vector<std::string> members;
  for (const auto& [agent, when] : last_seen_) members.push_back(agent);
  if (members == members_) return;
  // The word of one that is gone does not stand against what those who are here see. What nobody else has
  // seen ends when it said that it would.
  for (const std::string& agent : members_) {
    if (last_seen_.contains(agent)) continue;
    for (Alert& alert : board_.replace(at.wall, agent, {})) news.alerts.push_back(std::move(alert));
  }
  members_ = std::move(members);
  news.members_changed = true;
}

News Sharing::take_shared(Moment at, const Replies& replies) {
  const auto lines = [&](size_t i) {
    const std::vector<std::string>& items = replies.at(i).items;
    Lines out;
    for (size_t k = 0; k + 1 < items.size(); k += 2) out.emplace(items[k], items[k + 1]);
    return out;
  };
  News news;
  const std::string& version = replies.at(0).text;
  const std::string mark = replies.at(1).text.substr(0, kMarkBytesMax);
  const std::string written = replies.at(2).text.substr(0, kMarkBytesMax);
  // It had arrived, and only the answer was lost.
  if (!draft_.version.empty() && (version == draft_.version || written == draft_.version))
    published(at, news);
  const bool lost = has_forgotten(version, mark, written);
  remember(mark, written, news);
  Lines alerts = lines(3), told = lines(4), silences = lines(5);
  if (lost) silences_pending_.insert(silences_.begin(), silences_.end());
  news.told.lost = lost;
  const auto own = alerts.find(self_);
  if (!alerts_written_.empty() && (own == alerts.end() || own->second != alerts_written_))
    board_.publish_again();
  version_ = version;
  take_others(at, std::move(alerts), news);
  const auto learn = [&](const std::string& name, const std::string& text, Lines& pending) {
    news.told.texts.push_back(text);
    pending.erase(name);
  };
  for (auto it = told_.begin(); it != told_.end();) {
    const bool gone = !told.contains(it->first);
    if (gone && !lost && !tells(at.now))
      learn(it->first, alerts::gone_conversation(it->first), told_pending_);
    it = gone ? told_.erase(it) : std::next(it);
  }
  for (auto& [name, text] : told) {
    const auto known = told_.find(name);
    const bool same = known != told_.end() && known->second.text == text;
    const bool old = lost && known != told_.end() && known->second.before == stable_hash(text);
    if (!same && !old) learn(name, text, told_pending_);
    know_told(name, std::move(text));
  }
  for (const auto& [name, text] : silences) {
    const auto known = silences_.find(name);
    if (known == silences_.end() || known->second != text) learn(name, text, silences_pending_);
  }
  silences_ = std::move(silences);
  return news;
}

bool Sharing::has_forgotten(const std::string& version, const std::string& mark,
                            const std::string& written) const {
  return is_behind(version, version_.value_or("")) || is_behind(written, written_) ||
         (!mark_.empty() && mark_ != mark);
}

void Sharing::remember(const std::string& mark, const std::string& written, News& news) {
  if (mark == mark_ && written == written_) return;
  mark_ = mark;
  written_ = written.substr(0, kMarkBytesMax);
  news.told.memory = mark_ + ' ' + written_;
}

void Sharing::know_told(const std::string& conversation, std::string text) {
  const auto [known, fresh] = told_.try_emplace(conversation);
  Told& told = known->second;
  if (told.text == text) return;
  if (!fresh) told.before = stable_hash(told.text);
  told.text = std::move(text);
}

void Sharing::take_others(Moment at, Lines texts, News& news) {
  texts.erase(self_);
  const auto replace = [&](const std::string& agent, std::string_view text) {
    const auto said = read_alerts(text, offset(at));
    if (!said) return news.unreadable.push_back(fmt::format("alerts of {}: {}", agent, said.error().message));
    for (Alert& alert : board_.replace(at.wall, agent, *said)) news.alerts.push_back(std::move(alert));
  };
  for (const auto& [agent, text] : texts) {
    const auto known = others_.find(agent);
    if (known == others_.end() || known->second != text) replace(agent, text);
  }
  for (const auto& [agent, text] : others_) {
    if (!texts.contains(agent)) replace(agent, "");
  }
  others_ = std::move(texts);
  board_.forget_old(at.wall);
}

void Sharing::not_published() {
  if (draft_.alerts) board_.publish_again();
}

void Sharing::published(Moment at, News& news) {
  version_ = draft_.version;
  remember(draft_.mark.empty() ? mark_ : draft_.mark, draft_.told.empty() ? written_ : draft_.version, news);
  if (draft_.alerts) {
    board_.published(at.wall, draft_.said);
    alerts_written_ = draft_.alerts_text;
  }
  // Whether nothing newer waits by now.
  const auto settle = [](Lines& pending, const std::string& name, const std::string& text) {
    const auto still = pending.find(name);
    if (still == pending.end() || still->second != text) return false;
    pending.erase(still);
    return true;
  };
  for (const auto& [name, text] : draft_.told) {
    if (settle(told_pending_, name, text)) news.told.known.push_back(name);
    if (text.empty()) {
      told_.erase(name);
    } else {
      know_told(name, text);
    }
  }
  for (const auto& [name, text] : draft_.silences) {
    (void)settle(silences_pending_, name, text);
    if (text.empty()) {
      silences_.erase(name);
    } else {
      silences_[name] = text;
    }
  }
  draft_ = {};
}

}  // namespace sluice::fleet
