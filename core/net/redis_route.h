#pragma once
// Which server a command must go to: what Redis Cluster and Sentinel say, as values. No I/O.
//
// A cluster spreads keys over 16384 slots (core/redis_slot.h). A server that does not have a key's slot
// answers "MOVED 3999 10.0.0.2:6379" (ask there from now on) or, while the slot is on its way, "ASK ..." and
// "TRYAGAIN". Source of the rules: Redis's cluster specification.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/redis_codec.h"

namespace sluice::net {

// The slot of the first key that these commands name; nothing when they name none (TIME, PING).
std::optional<uint16_t> slot_of(const std::vector<RedisCommand>& commands);

struct RedisRedirect {
  enum class Kind {
    kMoved,    // the slot lives elsewhere
    kWait,     // the slot is being moved, or the cluster is choosing a primary: soon
    kDemoted,  // this server takes no writes any more: another one is the primary
  };
  Kind kind = Kind::kWait;
  uint16_t slot = 0;
  std::string node;  // of kMoved: "host:port"; the host is empty when it is that of the server that answered
};
// What the first redirecting error among the replies says.
std::optional<RedisRedirect> redirect_of(const std::vector<RedisReply>& replies);

// The servers of a cluster as far as they are known, or the one server there is.
class RedisMap {
 public:
  explicit RedisMap(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  // Where to send commands for this slot: its server if that is known and lives, else the next one to ask.
  std::string server_of(std::optional<uint16_t> slot) const;
  void moved(uint16_t slot, std::string server);
  // This server cannot be reached: ask another one next time.
  void failed(const std::string& server);
  void answered(const std::string& server);
  // How many servers may be worth asking.
  size_t size() const { return seeds_.size() + learned_.size(); }

 private:
  bool is_seed(const std::string& server) const;

  std::vector<std::string> seeds_;
  std::set<std::string> learned_;  // by MOVED, besides the seeds
  std::map<uint16_t, std::string> slots_;
  std::set<std::string> failed_;
};

}  // namespace sluice::net
