#pragma once
// What agents tell each other besides votes: who is here, what fires on them, what was told to whom, and
// silences; and which of them tells people. A conversation with the shared Redis as plain data: this says
// what to ask, and what the answers mean.
//
// Keys, all of one hash tag, below "<prefix>:{fleet}:":
//   agents    sorted set: agent -> when it was last here, in Redis time
//   lease     string: the agent that tells, for kLease (notifier_role.h)
//   alerts    hash: agent -> its alerts, in Redis time (alert_board.h)
//   told      hash: conversation -> what was told, and the alerts that are open in it (alerts/shared.h)
//   silences  hash: id -> silence
//   version   string: a number that grows with every change of the last three, and who made it when
//   memory    string: drawn by whoever writes the first version; a Redis that lost everything has another one
//   written:<agent>  string, for kWrittenKept: the last version in which that agent said what was told
//
// A round, once a second or so, is one question when nothing has happened, and at most five:
//
//   look     the lease, the time, the version; I am here; now and then, who else is
//   read     when the version is another one: alerts, told, silences
//   publish  when there is something to say: only on top of the version that was read
//   lease    take it when it is free, renew it when it is ours
//   read     when it was just taken: what the last holder told comes before what this one may say
//
// So whoever writes has read what it writes on top of, nothing is lost between two that write at once, and an
// agent that dies between telling and writing it down leaves a message that is told twice, never one that is
// not told.
//
// What others wrote goes to the pipeline, and what waited here to be written about the same thing is dropped:
// the pipeline, which knows what both of them mean, says it again where there is something to add. So what an
// agent told while it was alone, or had lost the lease without knowing, is written on top of what the others
// told, and reaches the holder as a change that it did not make.
//
// A fail-over may lose the newest writes, or all of them. The version shows it: it is lower than before, or
// as high and made by somebody else. So does the memory when it is another one, and what an agent has written
// itself when it is not what it wrote last; both also after a restart, as they are kept with its state
// (alerts::SharedNews::memory). Then everybody who noticed puts back what it knows was told, and the
// silences: the one that told it may be gone, and the one that tells now may never have known. An agent whose
// own alerts are not there as it wrote them writes them again. What comes to light again from before is not
// taken for news.
//
// The obvious other way, a counter that INCR moves, was refused: after a fail-over two agents come to the
// same number by different ways, and neither looks.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fleet/alert_board.h"
#include "agent/fleet/notifier_role.h"
#include "alerts/shared.h"
#include "core/shared_clock.h"

namespace sluice::fleet {

using Command = std::vector<std::string>;
using Commands = std::vector<Command>;

// What Redis says to one command: nothing, a text, or a list of texts.
struct Reply {
  bool nil = true;
  std::string text;
  std::vector<std::string> items;
};
using Replies = std::vector<Reply>;

struct Question {
  // What must not change between `commands` and the writes that decide() makes of their replies. Empty: there
  // are no writes, `commands` is all.
  std::vector<std::string> watch;
  Commands commands;
};

enum class Outcome {
  kCommitted,  // the writes of decide()
  kConflict,   // somebody changed what was watched
  kNothing,    // decide() wanted no writes
};

// What others said, for the pipeline.
struct News {
  alerts::SharedNews told;       // to be learned first
  std::vector<Alert> alerts;     // as the fleet sees them now
  bool members_changed = false;  // other agents came or went
  // What made no sense and was passed over, for the log: of whom, and why.
  std::vector<std::string> unreadable;
};

struct Moment {
  Instant now;
  Timestamp wall;  // by this agent's own clock
};

inline constexpr auto kWrittenKept = std::chrono::days(30);
inline constexpr size_t kPendingMax = 100'000;  // conversations, and silences, that wait to be shared

class Sharing {
 public:
  // `memory` is what the last SharedNews::memory said, also before a restart.
  Sharing(std::string self, const std::string& prefix, Instant started, std::string_view memory = "");

  // --- queries ---
  const NotifierRole& role() const { return role_; }
  bool tells(Instant now) const { return role_.may_tell(now); }
  // The agents that live, sorted; this one is always among them.
  const std::vector<std::string>& members() const { return members_; }
  // From the beginning of a round to that of the next.
  Duration period() const;
  // Whether anybody has said something about it, not long ago.
  bool speaks_of(const Alert& alert) const { return board_.speaks_of(alert.fingerprint()); }
  // Whether a round has something to publish, as far as is known now.
  bool has_news(Timestamp wall) const;

  // --- what this agent says ---
  // Its own alerts, with all three times. Returns what the fleet says about them.
  std::vector<Alert> take_alerts(Timestamp wall, const std::vector<Alert>& alerts);
  // What its pipeline says that others must know.
  void take_records(std::vector<alerts::SharedRecord> records);

  // --- a round ---
  // The next question; none: the round is over, and the next call begins another. One of the four below must
  // follow every question.
  std::optional<Question> ask(Moment at);
  // The writes of a question with `watch`; no more than that has happened.
  Commands decide(Moment at, const Replies& reads);
  // All that a question without `watch` asked for, one reply per command.
  News answered(Moment at, const Replies& replies);
  // The end of a question with `watch`.
  News settled(Moment at, Outcome outcome);
  // No answer, or an error. What was to be written may be there or not.
  void unanswered();
  // This agent stops: the next round says good-bye, and gives the lease back.
  void leave() { leaving_ = true; }

 private:
  using Lines = std::map<std::string, std::string, std::less<>>;
  enum class Step { kLook, kRead, kPublish, kLease, kCatchUp, kFree, kGone, kEnd };

  std::string key(std::string_view name) const { return stem_ + std::string(name); }
  Question look(Instant now);
  std::optional<Question> publish(Timestamp wall);
  std::optional<Question> seek_lease(Instant now);
  News take_look(Moment at, const Replies& replies);
  News take_shared(Moment at, const Replies& replies);
  void take_others(Moment at, Lines texts, News& news);
  void note_members(Moment at, const std::vector<std::string>& seen, News& news);
  void published(Moment at, News& news);
  void not_published();
  // Whether Redis has lost something since it was read or written.
  bool has_forgotten(const std::string& version, const std::string& mark, const std::string& written) const;
  void remember(const std::string& mark, const std::string& written, News& news);
  void know_told(const std::string& conversation, std::string text);
  Duration members_period() const;
  std::chrono::milliseconds offset(Moment at) const;

  std::string self_;
  std::string stem_;
  SharedClock clock_;
  NotifierRole role_;
  AlertBoard board_;
  std::vector<std::string> members_;
  std::map<std::string, Instant, std::less<>> last_seen_;
  Instant members_due_{};

  std::optional<std::string> version_;  // of what was read
  std::string mark_, written_;          // the keys "memory" and "written:<self>" as they should be
  Lines silences_;                      // as read or written: key -> text
  struct Told {
    std::string text;
    uint64_t before = 0;  // hash of what stood there before: a fail-over may bring it to light again
  };
  std::map<std::string, Told, std::less<>> told_;  // likewise
  Lines others_;                                   // agent -> its alerts as text
  std::string alerts_written_;                     // this agent's, as text
  // What is still to be shared: key -> text, empty for what is gone.
  Lines told_pending_, silences_pending_;

  // The round.
  Step step_ = Step::kLook;
  Instant asked_{};              // the question under way
  Instant lease_asked_{};        // when the lease was asked for
  bool roll_call_ = false;       // the look asks who is here
  std::string version_now_;      // as of the look
  // What the transaction under way publishes.
  struct Draft {
    bool alerts = false;
    std::vector<Alert> said;
    std::string alerts_text;
    Lines told, silences;
    std::string version, mark;
  } draft_;  // until it is known to have arrived
  bool leaving_ = false;
};

}  // namespace sluice::fleet
