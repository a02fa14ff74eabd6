#pragma once
// What the pipeline holds, and the steps it is made of. Only the pipeline*.cc files include this.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerts/inhibit.h"
#include "alerts/notification_log.h"
#include "alerts/outbox.h"
#include "alerts/pipeline.h"
#include "alerts/record.h"
#include "alerts/route.h"
#include "core/random.h"

namespace sluice::alerts {

struct Group;

struct AlertEntry {
  std::shared_ptr<const Alert> alert;
  std::vector<Group*> groups;
  // Whether a silence matches, as of that epoch of the silences.
  uint64_t silence_epoch = 0;
  bool silenced = false;
};

// What a conversation is known by, also to other agents and after a restart.
struct ConversationName {
  std::string receiver, group_key, integration;

  auto operator<=>(const ConversationName&) const = default;
  void write(RecordWriter& out) const;
  static ConversationName read(RecordReader& in);
  // As one text: SharedRecord::key.
  std::string key() const;
  static ConversationName of(std::string_view key);
};

struct SavedConversation {
  std::string route_key;
  Labels labels;
  LogEntry log;
  bool unshared = false;
};

// What records come to.
struct Saved {
  std::map<Fingerprint, Alert> alerts;
  std::map<ConversationName, SavedConversation> conversations;
  std::set<ConversationName> gone;  // of them
  std::map<std::string, Silence> silences;
  std::string memory;

  // False when the record makes no sense.
  bool apply(std::string_view record);
  // Everything of `later`, which counts where both speak of the same.
  void take(Saved later);
};

// An alert in a group.
struct Member {
  AlertEntry* entry = nullptr;
  // The route tree leads it elsewhere since a reload; it stays here only until it was told to be resolved.
  bool guest = false;
  // A flush has seen it resolved: once every conversation had its say, it leaves the group.
  bool ended = false;
};

// One integration's dealings with one group.
struct Conversation {
  enum class Phase { kIdle, kWaiting, kInFlight };

  ConversationId id = 0;
  std::shared_ptr<const Integration> to;
  Group* group = nullptr;
  LogEntry log;
  // No route leads here any more, or the receiver lost this integration.
  bool closing = false;

  Phase phase = Phase::kIdle;
  Outbox::Endpoint* endpoint = nullptr;  // while waiting or in flight
  int attempts = 0;                      // of the message that is waiting or in flight
  bool alone = false;                    // a merged message was refused: find out which part it is
  bool reconsider = false;               // a flush came while in flight
  Visible message;                       // in flight
  FingerprintSet withdrawn;              // while in flight: withdraw_resolved()
  bool unshared = false;                 // it told something that the others may not know
  std::unique_ptr<LogEntry> heard;       // in flight: what others told meanwhile
  Timestamp sent_at{};

  ConversationName name() const;
  void write(RecordWriter& out) const;
};

struct Group {
  uint64_t id = 0;
  std::string key;  // "{}/{team=\"a\"}:{...}", what receivers see
  std::string route_key;
  std::string receiver;
  Labels labels;
  const Route* route = nullptr;  // of the current configuration; null when it has no such route any more
  Duration group_wait = 30s, group_interval = 5min, repeat_interval = 4h;
  std::map<Fingerprint, Member> members;
  std::vector<std::unique_ptr<Conversation>> conversations;
  Timestamp next_flush{};
  bool flushed = false;
  Timestamp timer{};  // where it stands in State::timers

  bool idle() const;
};

struct TimerOrder {
  bool operator()(const std::pair<Timestamp, Group*>& a, const std::pair<Timestamp, Group*>& b) const {
    return std::pair(a.first, a.second->id) < std::pair(b.first, b.second->id);
  }
};

// One alert of a group as a flush sees it.
struct Seen {
  Fingerprint fingerprint = 0;
  const std::shared_ptr<const Alert>* alert = nullptr;
  bool resolved = false;
  bool suppressed = false;
};

struct InFlight {
  Outbox::Endpoint* endpoint = nullptr;
  std::vector<ConversationId> conversations;
};

struct Pipeline::State {
  State(std::shared_ptr<const Config> c, PipelineOptions o);

  std::shared_ptr<const Config> config;
  PipelineOptions options;
  Random random;
  RouteTree tree;
  Inhibitor inhibitor;
  Silences silences;
  uint64_t silence_epoch = 1, silence_version = 0;
  Timestamp silence_epoch_until{};

  std::unordered_map<Fingerprint, std::unique_ptr<AlertEntry>> alerts;
  std::unordered_map<std::string, std::unique_ptr<Group>> groups;  // by slot()
  std::set<std::pair<Timestamp, Group*>, TimerOrder> timers;
  std::unordered_map<ConversationId, Conversation*> conversations;
  Outbox outbox;
  std::unordered_map<DeliveryId, InFlight> in_flight;
  uint64_t next_group_id = 1, next_conversation_id = 1, next_delivery_id = 1;
  Timestamp now{};  // of the last event
  // Other agents: whether this one tells, whether they hear of it, and what they told that has no
  // conversation here yet.
  bool telling = true, sharing = false;
  std::unordered_map<std::string, LogEntry> remembered;  // by slot() and integration
  std::string memory;                                    // SharedNews::memory
  PipelineStats counters;

  // --- time (pipeline.cc) ---
  // Every event begins here. A clock that was set back takes the timers with it.
  void advance(Timestamp to);

  // --- alerts and groups (pipeline.cc) ---
  void ingest(Alert alert, Effects& effects);
  void assign(AlertEntry& entry);
  void join(AlertEntry& entry, const Route& route, const std::string& route_key, const std::string& receiver);
  Group& group_for(const Route& route, const std::string& route_key, const std::string& receiver,
                   const Labels& labels);
  static std::string slot(const std::string& receiver, const std::string& key);
  void add_conversation(Group& group, std::shared_ptr<const Integration> to);
  void hurry(Group& group, const Alert& alert);
  void schedule(Group& group);
  void wake(Group& group, Effects& effects);
  void flush(Group& group, Effects& effects);
  void settle(Group& group, Effects& effects);
  void drop_alert(Fingerprint fingerprint, Effects& effects);
  void drop_conversation(Conversation& conversation, Effects& effects);
  void drop_group(Group& group);

  // --- conversations (pipeline_talk.cc) ---
  bool suppressed(AlertEntry& entry);
  bool muted(const Group& group) const;
  std::vector<Seen> look(const Group& group);
  Visible visible(const Conversation& conversation, const std::vector<Seen>& seen) const;
  NotifyRules rules(const Conversation& conversation) const;
  void consider(Conversation& conversation, const std::vector<Seen>& seen, Effects& effects);
  void queue(Conversation& conversation, Timestamp ready_at);
  void cancel(Conversation& conversation, Effects& effects);
  std::optional<Notification> compose(Conversation& conversation, Effects& effects);
  void dispatch(Effects& effects);
  void on_delivered(Conversation& conversation, Effects& effects);
  void on_retry(Conversation& conversation, const DeliveryOutcome& outcome, Effects& effects);
  void on_refused(Conversation& conversation, const DeliveryOutcome& outcome, Effects& effects);
  void report_refusal(const Conversation& conversation, const DeliveryOutcome& outcome, Effects& effects);
  void report_recovery(const Integration& integration, Effects& effects);
  IntegrationStats& counters_of(const Integration& integration);

  // --- state on disk (pipeline_journal.cc) ---
  void journal_alert(const Alert& alert, std::string& out) const;
  void journal_conversation(const Conversation& conversation, std::string& out) const;
  // What this agent told or is about to tell; `first` = it must be durable before anything is sent.
  void save(Conversation& conversation, Effects& effects, bool first);
  // Whatever else changed.
  void keep(const Conversation& conversation, Effects& effects);
  static std::string to_text(const Silence& silence);
  void save(const Silence& silence, Effects& effects);
  std::string snapshot() const;
  Result<size_t> restore(std::string_view text);
  // Takes an alert from a record, if it is not known. False above the limit.
  bool revive(Alert alert);
  void forget_homeless();
  Conversation* find_conversation(const ConversationName& name);
  // As above, or a new one: in a group that only waits for ends where no route leads to it. Null when there
  // is no such receiver.
  Conversation* conversation_for(const ConversationName& name, const SavedConversation& saved);
  void restore_conversation(const ConversationName& name, SavedConversation saved);
  // Every alert that was told is a member of the group; what is unknown is forgotten.
  void attach_told(Conversation& conversation);

  // --- other agents (pipeline_shared.cc) ---
  void share(const Conversation& conversation, Effects& effects) const;
  void set_sharing(bool on, Effects& effects);
  // The others may know nothing of what this one knows.
  void doubt();
  void share_again(Effects& effects);
  void learn(const SharedNews& news, Effects& effects);
  void learn_conversation(const ConversationName& name, SavedConversation theirs, Effects& effects);
  void take_log(Conversation& conversation, LogEntry theirs, Effects& effects);
  // What came while a message was under way.
  void take_heard(Conversation& conversation, Effects& effects);

  // --- reload (pipeline_reload.cc) ---
  void reload(std::shared_ptr<const Config> next, Effects& effects);
  Group& closing_group(const std::string& receiver, const std::string& key, const std::string& route_key,
                       const Labels& labels);
  void retarget(Conversation& conversation, std::shared_ptr<const Integration> to);
};

// The alert that tells people that a receiver refuses what it is told. It is not shown to the integration it
// is about.
inline constexpr std::string_view kRefusedAlertName = "SluiceNotificationRefused";
inline constexpr std::string_view kRefusedIntegrationLabel = "integration";
bool is_about(const Alert& alert, const Integration& integration);

// Senders may name any year; a century to either side is far enough, and its nanoseconds fit a Duration.
void bound_times(Alert& alert, Timestamp now);

}  // namespace sluice::alerts
