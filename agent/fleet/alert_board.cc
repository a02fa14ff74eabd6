#include "agent/fleet/alert_board.h"

#include <algorithm>
#include <set>

#include "alerts/record.h"

namespace sluice::fleet {
namespace {

// How long an end is still of interest to agents that have not heard of it.
constexpr auto kEndedKept = std::chrono::minutes(15);
constexpr auto kRenewBefore = std::chrono::seconds(60);

void shift(Alert& alert, std::chrono::milliseconds by) {
  for (Timestamp* time : {&alert.starts_at, &alert.ends_at, &alert.updated_at}) *time += by;
}

bool same_but_for_its_end(const Alert& a, const Alert& b) {
  return a.annotations == b.annotations && a.starts_at == b.starts_at && a.generator_url == b.generator_url;
}

}  // namespace

std::string write_alerts(const std::vector<Alert>& alerts, std::chrono::milliseconds offset) {
  std::string out;
  for (Alert alert : alerts) {
    shift(alert, offset);
    alerts::RecordWriter('A').alert(alert).append_to(out);
  }
  return out;
}

Result<std::vector<Alert>> read_alerts(std::string_view text, std::chrono::milliseconds offset) {
  const auto records = alerts::split_records(text);
  if (!records) return records.error();
  std::vector<Alert> out;
  for (const std::string_view record : *records) {
    alerts::RecordReader in(record);
    Alert alert = in.alert();
    if (!in.ok() || in.kind() != 'A') return invalid("an alert of another agent cannot be understood");
    if (out.size() >= kBoardAlertsMax) return limit_met("an agent has too many alerts");
    shift(alert, -offset);
    out.push_back(std::move(alert));
  }
  return out;
}

Alert AlertBoard::combined(Timestamp now, const Voices& voices) {
  const Alert* word = &voices.begin()->second;  // somebody says something
  Timestamp ends_at = Timestamp::min(), updated_at = Timestamp::min();
  for (const auto& [agent, alert] : voices) {
    ends_at = std::max(ends_at, alert.ends_at);
    updated_at = std::max(updated_at, alert.updated_at);
    const bool fires = !alert.resolved_at(now), fired = !word->resolved_at(now);
    if (fires != fired ? fires : alert.starts_at < word->starts_at) word = &alert;
  }
  Alert out = *word;
  out.ends_at = ends_at;
  out.updated_at = updated_at;
  return out;
}

bool AlertBoard::put(Voices& voices, const std::string& agent, const Alert& alert) {
  const auto [voice, is_new] = voices.try_emplace(agent, alert);
  if (is_new) return true;
  const bool different =
      !same_but_for_its_end(voice->second, alert) || voice->second.ends_at != alert.ends_at;
  voice->second = alert;
  return different;
}

std::vector<Alert> AlertBoard::hear(Timestamp now, const std::string& agent, const std::vector<Alert>& said) {
  std::vector<Alert> out;
  for (const Alert& alert : said) {
    const auto known = alerts_.find(alert.fingerprint());
    if (known == alerts_.end() && alert.resolved_at(now)) {
      if (agent != self_ || alert.ends_at + kEndedKept < now) continue;
      published_.insert(alert.fingerprint());
    }
    Voices& voices = alerts_[alert.fingerprint()];
    const auto before = voices.find(agent);
    const bool news = before == voices.end() || !same_but_for_its_end(before->second, alert) ||
                      before->second.resolved_at(now) != alert.resolved_at(now);
    put(voices, agent, alert);
    const bool say = agent == self_ && news && is_mine_to_say(now, alert.fingerprint(), voices);
    changed_ = changed_ || say;
    out.push_back(combined(now, voices));
  }
  return out;
}

std::vector<Alert> AlertBoard::replace(Timestamp now, const std::string& agent,
                                       const std::vector<Alert>& said) {
  std::vector<Alert> out;
  std::set<Fingerprint> named;
  for (const Alert& alert : said) {
    named.insert(alert.fingerprint());
    Voices& voices = alerts_[alert.fingerprint()];
    if (put(voices, agent, alert)) out.push_back(combined(now, voices));
  }
  for (auto it = alerts_.begin(); it != alerts_.end();) {
    const bool dropped = !named.contains(it->first) && it->second.erase(agent) > 0;
    if (dropped && !it->second.empty()) out.push_back(combined(now, it->second));
    // The others were enough until now.
    const bool say = !published_.contains(it->first) && is_mine_to_say(now, it->first, it->second);
    changed_ = changed_ || say;
    it = it->second.empty() ? alerts_.erase(it) : std::next(it);
  }
  return out;
}

void AlertBoard::forget_old(Timestamp now) {
  for (auto& [fingerprint, voices] : alerts_) {
    std::erase_if(voices, [&](const auto& voice) { return voice.second.ends_at + kEndedKept < now; });
  }
  std::erase_if(alerts_, [](const auto& alert) { return alert.second.empty(); });
}

bool AlertBoard::is_mine_to_say(Timestamp now, Fingerprint fingerprint, const Voices& voices) const {
  const auto own = voices.find(self_);
  if (own == voices.end() || own->second.ends_at + kEndedKept < now) return false;
  if (published_.contains(fingerprint)) return true;
  if (own->second.resolved_at(now)) return false;
  const auto others = std::count_if(voices.begin(), voices.end(), [&](const auto& voice) {
    return voice.first != self_ && voice.second.ends_at > now + kRenewBefore;
  });
  return others < kVoicesEnough;
}

std::vector<Alert> AlertBoard::own(Timestamp now) const {
  std::vector<Alert> out;
  for (const auto& [fingerprint, voices] : alerts_) {
    if (out.size() >= kBoardAlertsMax || !is_mine_to_say(now, fingerprint, voices)) continue;
    out.push_back(voices.find(self_)->second);
  }
  return out;
}

bool AlertBoard::to_be_published(Timestamp now) const {
  return changed_ || now >= renew_at_;
}

void AlertBoard::published(Timestamp now, const std::vector<Alert>& said) {
  renew_at_ = Timestamp::max();
  published_.clear();
  for (const Alert& alert : said) {
    published_.insert(alert.fingerprint());
    if (!alert.resolved_at(now)) {
      const Timestamp due = std::max(now + kRenewBefore / 4, alert.ends_at - kRenewBefore);
      renew_at_ = std::min(renew_at_, due);
    }
  }
}

}  // namespace sluice::fleet
