#include "alerts/silence.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::alerts {
namespace {

// Longer than this is for ever; its nanoseconds still fit a Duration.
constexpr auto kLongest = std::chrono::hours(24 * 365 * 100);

// A random (version 4) UUID.
std::string make_id(Random& random) {
  const uint64_t a = random.next(), b = random.next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}", a >> 32, a >> 16 & 0xffff, a & 0xfff,
                     8 + (b >> 62), b >> 48 & 0xfff, b & 0xffffffffffffULL);
}

Result<bool> check(const Silence& silence) {
  if (silence.matchers.empty()) return invalid("silence invalid: at least one matcher required");
  const bool all_match_empty = std::all_of(silence.matchers.begin(), silence.matchers.end(),
                                           [](const Matcher& m) { return m.matches_empty(); });
  if (all_match_empty)
    return invalid("silence invalid: at least one matcher must not match the empty string");
  if (silence.ends_at < silence.starts_at) {
    return invalid("silence invalid: end time must not be before start time");
  }
  return true;
}

// Whether `next` may take the place of `old` under its id.
bool is_same_silence(const Silence& old, const Silence& next, Timestamp now) {
  if (old.matchers != next.matchers) return false;
  switch (old.state(now)) {
    case SilenceState::kPending:
      return next.starts_at >= now;
    case SilenceState::kActive:
      return std::chrono::floor<std::chrono::seconds>(next.starts_at) ==
                 std::chrono::floor<std::chrono::seconds>(old.starts_at) &&
             next.ends_at >= now;
    case SilenceState::kExpired:
      return false;
  }
  return false;
}

Silence ended(Silence silence, Timestamp now) {
  if (silence.state(now) == SilenceState::kPending) silence.starts_at = now;
  silence.ends_at = now;
  silence.updated_at = now;
  return silence;
}

}  // namespace

std::string_view to_string(SilenceState state) {
  switch (state) {
    case SilenceState::kPending:
      return "pending";
    case SilenceState::kActive:
      return "active";
    case SilenceState::kExpired:
      return "expired";
  }
  return "";
}

SilenceState Silence::state(Timestamp now) const {
  if (now < starts_at) return SilenceState::kPending;
  return now < ends_at ? SilenceState::kActive : SilenceState::kExpired;
}

bool Silence::matches(const Labels& labels) const {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(labels); });
}

const Silence* Silences::find(std::string_view id) const {
  const auto at = silences_.find(id);
  return at == silences_.end() ? nullptr : &at->second;
}

std::vector<std::string> Silences::silencing(Timestamp now, const Labels& labels) const {
  std::vector<std::string> ids;
  for (const auto& [id, silence] : silences_) {
    if (silence.state(now) == SilenceState::kActive && silence.matches(labels)) ids.push_back(id);
  }
  return ids;
}

Result<Silences::Change> Silences::set(Timestamp now, Silence silence, Random& random) {
  if (const auto ok = check(silence); !ok) return ok.error();
  const Silence* old = find(silence.id);
  if (!silence.id.empty() && old == nullptr) {
    return Error{ErrorKind::kUnavailable, fmt::format("silence {} not found", silence.id)};
  }
  silence.updated_at = now;
  silence.ends_at = std::min(silence.ends_at, now + kLongest);
  silence.starts_at = std::min(silence.starts_at, silence.ends_at);
  Change change;
  if (old != nullptr && is_same_silence(*old, silence, now)) {
    change.id = silence.id;
    change.changed.push_back(silence);
    put(std::move(silence));
    return change;
  }
  if (silences_.size() >= silences_max_) {
    return limit_met(fmt::format("there are already {} silences, the most that are kept", silences_.size()));
  }
  if (old != nullptr && old->state(now) != SilenceState::kExpired) {
    change.changed.push_back(ended(*old, now));
    put(change.changed.back());
  }
  silence.id = make_id(random);
  silence.starts_at = std::max(silence.starts_at, now);
  silence.ends_at = std::max(silence.ends_at, silence.starts_at);
  change.id = silence.id;
  change.changed.push_back(silence);
  put(std::move(silence));
  return change;
}

Result<Silences::Change> Silences::expire(Timestamp now, std::string_view id) {
  const Silence* old = find(id);
  if (old == nullptr) return Error{ErrorKind::kUnavailable, fmt::format("silence {} not found", id)};
  if (old->state(now) == SilenceState::kExpired)
    return invalid(fmt::format("silence {} already expired", id));
  Change change{old->id, {ended(*old, now)}};
  put(change.changed.back());
  return change;
}

void Silences::restore(Silence silence) {
  if (silences_.size() < silences_max_ || silences_.contains(silence.id)) put(std::move(silence));
}

std::vector<std::string> Silences::collect(Timestamp now) {
  std::vector<std::string> gone;
  for (const auto& [id, silence] : silences_) {
    if (silence.ends_at + to_ms(retention_) <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) silences_.erase(id);
  return gone;
}

std::optional<Timestamp> Silences::next_collect() const {
  std::optional<Timestamp> next;
  for (const auto& [id, silence] : silences_) {
    const Timestamp at = silence.ends_at + to_ms(retention_);
    if (!next || at < *next) next = at;
  }
  return next;
}

std::optional<Timestamp> Silences::next_transition(Timestamp now) const {
  std::optional<Timestamp> next;
  for (const auto& [id, silence] : silences_) {
    for (const Timestamp at : {silence.starts_at, silence.ends_at}) {
      if (at > now && (!next || at < *next)) next = at;
    }
  }
  return next;
}

void Silences::put(Silence silence) {
  ++version_;
  std::string id = silence.id;
  silences_.insert_or_assign(std::move(id), std::move(silence));
}

}  // namespace sluice::alerts
