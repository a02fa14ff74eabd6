#pragma once
// What the fleet has decided about a pool: the one thing that all agents agree on, kept in Redis as JSON.
//
// The record is the authority, flags are its shadow for readers: every commit writes both in one transaction,
// guarded by WATCH on the record. It holds an entry only for members that are disabled, returning, or still
// remembered because their next disabling shall last longer. An entry carries the end of its lease in Redis
// time: past that instant the flag is gone, whether or not any agent is left to say so.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/gate/config.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::gate {

struct Entry {
  enum class State {
    kDisabled,   // the flag is set (in shadow mode: would be)
    kReturning,  // slow start: the flag is there, with a weight above zero
    kEnabled,    // no flag; remembered for `streak`
  };
  State state = State::kEnabled;
  Mode mode = Mode::kEnforce;
  bool by_operator = false;
  bool drain = false;    // the operator wants what runs to end by itself
  std::string reason;    // "connect_refused", or what the operator wrote
  std::string evidence;  // of the decision that led to this state
  std::string key;       // of the flag as it was written; empty in shadow mode
  Timestamp since;       // of this state
  Timestamp until;       // disabled at least until then; an operator's word ends then
  Timestamp lease;       // the flag expires then
  int streak = 0;        // disablings in a row, before decay
  int weight = 0;        // 0 while disabled, 10 to 90 while returning, 100 enabled
  int api_before = -1;   // percent of the pool's API that failed when it was disabled; -1: nothing to judge

  bool operator==(const Entry&) const = default;
};

std::string_view to_string(Entry::State state);  // "disabled", "returning", "enabled"
std::string_view to_string(Mode mode);           // "enforce", "shadow"

struct Record {
  uint64_t epoch = 0;  // grows with every change of state; not with renewals
  Timestamp last_disable;
  Timestamp no_effect_until;             // nothing new is disabled until then, because ...
  std::string no_effect_why;             // ... it did not help the last time
  std::map<std::string, Entry> entries;  // by target

  bool operator==(const Record&) const = default;
};

inline constexpr size_t kRecordBytesMax = 4 << 20;
inline constexpr size_t kRecordEntriesMax = 20'000;

std::string write_record(const Record& record);
// Anything that is not such a record is an error that says what is wrong. The caller treats an unreadable
// record as one that must not be touched: see Gate::facts.
Result<Record> parse_record(std::string_view text);

}  // namespace sluice::gate
