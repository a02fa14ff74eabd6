#pragma once
// From alerts to notifications: route, group, inhibit, silence, mute, deduplicate, retry. Pure: alerts,
// answers and the time go in, deliveries come out.
//
//     alert -> route tree -> group -(group_wait, group_interval, repeat_interval)-> conversation -> outbox ->
//     delivery
//
// A *group* is the alerts of one route with equal `group_by` labels; it decides when there is something to
// look at. A *conversation* is what one integration of the receiver knows of one group: which alerts it was
// told are firing. It decides whether there is something to say, by comparing what is with what was told. The
// *outbox* decides when the endpoint may be spoken to (rate limit, Retry-After, backoff, requests under way).
//
// The meaning of grouping, deduplication, inhibition, silences and mute times is Alertmanager's, with these
// promises on top, which it does not make:
//   - An alert that was told is told to be resolved, whatever silences, inhibits or mutes it by then, and
//   across
//     reloads, restarts and outages of the receiver.
//   - A message waits in the outbox until the receiver takes it or refuses it for good; it is composed when
//   it is
//     sent, so that whatever came meanwhile is in it.
//   - repeat_interval is exact, not rounded up to a multiple of group_interval.
//
// Example, group_wait 30s: A fires at 0s; at 30s the group is flushed, the conversation owes a message
// ("first"), the journal says so, the delivery leaves. The answer is lost and the agent dies. Restored, the
// conversation still owes the message: it is sent again (PagerDuty folds the two by their key). Had A ended
// meanwhile, its end would be sent.
//
// Durability. The state file begins with `snapshot()`, and each `Effects::journal` is appended to it in
// order; where `journal_before_send` says so, it must be on disk before `send` is carried out. Then a process
// killed at any instant loses nothing: `restore()` reads the file back. When the file has grown, begin a
// fresh one.
//
// Not chosen: one timer and one retry loop per group, as in Alertmanager. There a message that could not be
// delivered within group_interval is dropped and rebuilt, a rate limit cannot be shared, and nothing survives
// a restart.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alerts/notification.h"
#include "alerts/shared.h"
#include "alerts/silence.h"
#include "core/alert.h"
#include "core/log.h"

namespace sluice::alerts {

struct PipelineOptions {
  Duration retention = 120h;  // of expired silences
  size_t alerts_max = 100'000;
  size_t groups_max = 100'000;
  size_t silences_max = 10'000;
  uint64_t seed = 1;  // for jitter and silence ids: take it from the system's entropy
};

// Something that changed, worth a line in the log.
struct PipelineEvent {
  LogLevel level = LogLevel::kInfo;
  std::string message;
  std::vector<LogField> fields;
};

struct Effects {
  std::string journal;               // to be appended to the state file; often empty
  bool journal_before_send = false;  // it must be durable before `send` is carried out; else within a second
  std::vector<SharedRecord> shared;  // what other agents must know now; empty unless set_sharing()
  std::vector<Delivery> send;        // each is answered by exactly one on_delivery()
  std::vector<PipelineEvent> events;
};

struct IntegrationStats {
  uint64_t notifications_total = 0;  // messages delivered
  uint64_t attempts_total = 0;
  uint64_t retries_total = 0;
  std::map<std::string, uint64_t, std::less<>> failed_total;  // by reason
  uint64_t refused_total = 0;                                 // given up
  uint64_t merged_total = 0;                                  // groups that shared a message with another
};

struct PipelineStats {
  size_t alerts_active = 0;  // firing, not suppressed as of the last flush of their groups
  size_t alerts = 0;         // held, firing or not yet told to be resolved
  size_t groups = 0;
  size_t conversations = 0;
  size_t outbox = 0;  // conversations that have something to say
  size_t in_flight = 0;
  size_t silences = 0;
  uint64_t received_firing_total = 0;
  uint64_t received_resolved_total = 0;
  uint64_t alerts_refused_total = 0;  // above alerts_max
  uint64_t groups_refused_total = 0;  // above groups_max
  uint64_t resolves_lost_total = 0;   // told alerts whose receiver no longer exists after a restart
  std::map<std::string, IntegrationStats> integrations;  // by Integration::name()
};

struct AlertStatus {
  std::vector<std::string> silenced_by;
  std::vector<Fingerprint> inhibited_by;
  bool suppressed() const { return !silenced_by.empty() || !inhibited_by.empty(); }
};

// One group as /api/v2/alerts/groups shows it.
struct GroupView {
  Labels labels;
  std::string receiver;
  std::vector<std::shared_ptr<const Alert>> alerts;  // those that have not ended
};

class Pipeline {
 public:
  Pipeline(std::shared_ptr<const Config> config, PipelineOptions options);
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  // --- queries ---
  const Config& config() const;
  // Alerts that have not ended, by fingerprint order.
  std::vector<std::shared_ptr<const Alert>> alerts(Timestamp now) const;
  AlertStatus status(Timestamp now, const Labels& labels) const;
  // The receivers that the route tree names for these labels, in its order.
  std::vector<std::string> receivers_of(const Labels& labels) const;
  std::vector<GroupView> groups(Timestamp now) const;
  const Silences& silences() const;
  PipelineStats stats() const;

  // --- events in, effects out ---
  // Takes alerts (repetitions and new ones alike) and does what is due at `now`. Alerts without starts_at,
  // ends_at or updated_at get them filled in from `now` and resolve_timeout. Time may step backwards: timers
  // follow it.
  Effects step(Timestamp now, std::span<const Alert> alerts = {});
  Effects on_delivery(Timestamp now, DeliveryId id, const DeliveryOutcome& outcome);
  // Keeps groups, timers and conversations of routes and receivers that are the same in both configurations.
  // What was told through a receiver that is gone is still resolved through it.
  Effects reload(Timestamp now, std::shared_ptr<const Config> config);
  // Creates or, with an id, changes a silence; the answer is the id. See Silences::set.
  Result<std::string> set_silence(Timestamp now, Silence silence, Effects& effects);
  // Ends a silence now. An error when there is none with that id, or it has ended.
  Result<std::string> expire_silence(Timestamp now, std::string_view id, Effects& effects);

  // --- other agents that could tell the same people ---
  // While it may not tell, nothing leaves, but everything else goes on: what is due waits in the outbox.
  Effects set_telling(Timestamp now, bool telling);
  bool telling() const;
  // From here on Effects::shared says what the others must know, beginning with what only this one knows:
  // what it told and could not share, also before it was restarted, and silences. Said again while it shares
  // already: they remember nothing of it.
  Effects set_sharing(Timestamp now, bool sharing);
  // What the others know and told. Their word counts where this one told nothing that they do not know; where
  // it did, both are put together so that nobody goes without an end, at the price of one that is told twice.
  // Of two versions of a silence the later one counts. Records that make no sense are left out. Never sends.
  Effects learn(Timestamp now, const SharedNews& news);
  // The last SharedNews::memory, also of before a restart: what this one knows that the others know, they
  // know if their memory still is that one.
  const std::string& memory() const;

  // --- next wake-up ---
  // When step() has something to do; empty while nothing is due by itself.
  std::optional<Timestamp> next_wake() const;

  // --- state on disk ---
  std::string snapshot(Timestamp now) const;
  // Puts back what a state file holds, into a pipeline that has not stepped yet; the answer is the number of
  // records. A last line cut short is what a crash leaves, and is dropped; any other damage is an error that
  // names the line, and the pipeline stays as it was. Time spent dead does not resolve alerts: they get as
  // long as they had to be repeated.
  Result<size_t> restore(Timestamp now, std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::alerts
