#pragma once
// One alert, however many agents see it.
//
// Each agent evaluates its rules over what it sees itself, so the same alert (the same labels) may fire on
// several. The board keeps what each of them says and what that comes to: an alert fires while any of them
// says so, since the earliest, until the latest end anybody named; it is resolved when nobody says otherwise.
// An agent that dies stays on the board until the ends it named have passed, as Prometheus's alerts do with
// Alertmanager.
//
//   a: Down firing since 12:00 until 12:04 | b: Down firing since 12:01 until 12:05 -> firing since 12:00
//   a: Down resolved at 12:02              | b: still                               -> firing since 12:01
//   b: resolved at 12:03                                                            -> resolved at 12:03
//
// What three others have published already need not be said a fourth time: an alert on all of a thousand
// agents costs a handful of them a write. An agent whose word is missing then steps in.
//
// Agents' wall clocks may be minutes apart: what is published is in Redis time.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/alert.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::fleet {

inline constexpr size_t kBoardAlertsMax = 20'000;  // of one agent
inline constexpr int kVoicesEnough = 3;            // that publish one alert

// One agent's alerts as text; `offset` is added to every time: Redis time less the agent's own.
std::string write_alerts(const std::vector<Alert>& alerts, std::chrono::milliseconds offset);
Result<std::vector<Alert>> read_alerts(std::string_view text, std::chrono::milliseconds offset);

class AlertBoard {
 public:
  explicit AlertBoard(std::string self) : self_(std::move(self)) {}

  // What an agent says about some alerts; the rest of what it said stays. Alerts must have both times.
  // Returns what the fleet says about these. The end of something that nobody speaks of is this agent's to
  // say: it began before a restart, and others may have its word for it.
  std::vector<Alert> hear(Timestamp now, const std::string& agent, const std::vector<Alert>& alerts);
  // All that another agent says, in place of what it said before. Returns what the fleet says now about
  // everything that is different.
  std::vector<Alert> replace(Timestamp now, const std::string& agent, const std::vector<Alert>& alerts);
  // Forgets what ended longer ago than anybody may ask for.
  void forget_old(Timestamp now);

  // This agent's own words, to be published: what fires and not enough others say, and what it published and
  // ended not long ago.
  std::vector<Alert> own(Timestamp now) const;
  // Whether something of that began or ended since publishing(), or runs out within a minute.
  bool to_be_published(Timestamp now) const;
  // What own() said is on its way: what changes from here on is to be published again.
  void publishing() { changed_ = false; }
  void published(Timestamp now, const std::vector<Alert>& said);
  // What was published is lost, or did not arrive.
  void publish_again() { changed_ = true; }

  bool speaks_of(Fingerprint alert) const { return alerts_.contains(alert); }
  size_t size() const { return alerts_.size(); }

 private:
  // What one agent says about one alert.
  using Voices = std::map<std::string, Alert, std::less<>>;
  static Alert combined(Timestamp now, const Voices& voices);
  static bool put(Voices& voices, const std::string& agent, const Alert& alert);
  bool is_mine_to_say(Timestamp now, Fingerprint fingerprint, const Voices& voices) const;

  std::string self_;
  std::map<Fingerprint, Voices> alerts_;
  std::set<Fingerprint> published_;
  bool changed_ = false;
  Timestamp renew_at_ = Timestamp::max();
};

}  // namespace sluice::fleet
