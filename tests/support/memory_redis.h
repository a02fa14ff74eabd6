#pragma once
// A Redis in memory, as far as agents speak to one: strings with expiry, hashes, lists, sorted sets, WATCH
// and MULTI, TIME. It has no sockets and no clock; the test says what time it is. It can lose its newest
// writes, as a fail-over does.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/time.h"

namespace sluice::test {

// A reply: nil, a status or string, an integer, an array, or an error.
struct RedisReply {
  enum class Kind { kNil, kString, kInteger, kArray, kError };
  Kind kind = Kind::kNil;
  std::string text;
  int64_t integer = 0;
  std::vector<RedisReply> items;

  bool is_nil() const { return kind == Kind::kNil; }
};

class MemoryRedis {
 public:
  using Command = std::vector<std::string>;

  // One connection: what it watches, and the transaction it is in.
  struct Session {
    std::map<std::string, uint64_t> watched;
    bool in_transaction = false;
    std::vector<Command> queued;
  };

  // The server's clock. May go anywhere, as clocks do. What has ended is gone, also when the clock is set
  // back later: a server looks for it ten times a second.
  void set_time(Timestamp now);
  Timestamp time() const { return now_; }

  RedisReply run(Session& session, const Command& command);
  std::vector<RedisReply> run_all(Session& session, const std::vector<Command>& commands);

  // For looking at it from outside, which is not counted; expired keys are gone.
  std::optional<std::string> get(const std::string& key) const;
  std::optional<Timestamp> expires_at(const std::string& key) const;
  const std::unordered_map<std::string, std::string>& hash(const std::string& key) const;
  std::vector<std::string> keys(std::string_view prefix = "") const;
  void remove(const std::string& key);
  void set(const std::string& key, std::string text);

  // Undoes every write made after `since`: a replica that had not received them is the master now. Only
  // writes of the last `kept` are remembered.
  void lose_writes_after(Timestamp since);
  static constexpr Duration kKept = 3s;

  uint64_t commands = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  std::vector<std::pair<std::string, std::string>> published;  // channel, message; whoever reads it clears it

 private:
  struct Value {
    std::string text;
    std::unordered_map<std::string, std::string> hash;
    std::deque<std::string> list;
    std::map<std::string, int64_t> scores;
    std::optional<Timestamp> expires_at;
    uint64_t version = 0;
  };
  struct Undo {
    Timestamp at;
    std::string key;
    std::optional<std::string> field;        // a field of a hash, else the whole key
    std::optional<std::string> field_value;  // what the field was; none: it was not there
    std::optional<Value> value;              // what the key was; none: it was not there
  };

  Value* live(const std::string& key);
  const Value* live(const std::string& key) const;
  uint64_t version(const std::string& key) const;
  void remember(const std::string& key);
  void remember_field(const std::string& key, const std::string& field);
  Value& touch(const std::string& key);
  RedisReply apply(const Command& command);
  RedisReply exec(Session& session);

  std::unordered_map<std::string, Value> data_;
  std::unordered_map<std::string, uint64_t> versions_;
  std::deque<Undo> undo_;
  uint64_t next_version_ = 1;
  Timestamp now_{};
  Timestamp next_expiry_ = Timestamp::max();  // nothing ends before
};

}  // namespace sluice::test
