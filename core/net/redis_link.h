#pragma once
// Redis over our own streams. Three layers, use the highest that does:
//
//   RedisLink          one shared connection that repairs itself: commands, pipelines, optimistic
//   transactions RedisSubscription  a connection of its own that receives what is published RedisConnection
//   one connection, no repair; what a probe uses
//
// Nothing here blocks, and nothing waits longer than the caller's deadline. Replies come in the order of the
// commands and carry no names, so after a timeout nobody knows which reply is whose: the connection is then
// closed.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/address.h"
#include "core/net/deadline.h"
#include "core/net/net.h"
#include "core/net/redis_codec.h"
#include "core/net/stream.h"
#include "core/net/tls_config.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::net {

// "redis://user:password@host:6379/0", "rediss://..." (TLS), "redis://:password@host" (no user), or plain
// "host:port".
struct RedisUrl {
  std::string host;
  uint16_t port = 6379;
  bool tls = false;
  std::string user;
  std::string password;
  int database = 0;
  bool has_database = false;

  // "host:port", the host in brackets when it is an IPv6 address; without credentials.
  std::string instance() const;
};
// Messages never repeat the text, which may hold a password.
Result<RedisUrl> parse_redis_url(std::string_view text);

struct RedisOptions {
  RedisUrl url;               // with sentinels or nodes only its credentials, database and tls count
  std::string password_file;  // re-read for every connection; wins over the URL's password
  TlsConfig tls;
  RedisLimits limits;

  // Sentinel: whom to ask for the primary of that name, before every connection.
  std::vector<HostPort> sentinels;
  std::string master_name;
  std::string sentinel_user, sentinel_password, sentinel_password_file;

  // Cluster: where to begin. A server of a cluster that is named by the URL does as well.
  std::vector<HostPort> nodes;
};

// What was sent and could be read; one reply per command. An error *reply* is a reply, not a fault.
using RedisReplies = std::vector<RedisReply>;

class RedisConnection {
 public:
  explicit RedisConnection(std::unique_ptr<Stream> stream, RedisLimits limits = {});
  ~RedisConnection();

  // Resolves, connects, TLS, AUTH and SELECT as the options say. A refused AUTH or SELECT is kInvalid with
  // Redis's words.
  static boost::asio::awaitable<NetResult<std::unique_ptr<RedisConnection>>> connect(Net net,
                                                                                     RedisOptions options,
                                                                                     Instant until);

  // Sends all commands at once and reads their replies. Faults: kTimeout at `until`, kReset, kClosed,
  // kProtocol, kBodyTooLarge; after any of them the connection is closed.
  boost::asio::awaitable<NetResult<RedisReplies>> pipeline(std::vector<RedisCommand> commands, Instant until);
  boost::asio::awaitable<NetResult<RedisReply>> command(RedisCommand command, Instant until);

  // For subscribers, where replies come unasked. At most one receive and one send at a time.
  boost::asio::awaitable<NetResult<void>> send(RedisCommand command);
  boost::asio::awaitable<NetResult<RedisReply>> receive();

  void close();
  bool open() const { return open_; }

 private:
  std::unique_ptr<Stream> stream_;
  RedisDecoder decoder_;
  std::vector<char> chunk_;
  bool open_ = true;
};

// An optimistic transaction: WATCH `watch`, run `reads`, let `decide` turn their replies into writes, commit
// those if none of the watched keys has changed meanwhile.
struct RedisTransaction {
  std::vector<std::string> watch;
  std::vector<RedisCommand> reads;
  // Called at most once, between the two round trips. No writes: nothing is committed.
  std::function<std::vector<RedisCommand>(const RedisReplies& reads)> decide;
};
struct RedisCommit {
  enum class Outcome {
    kCommitted,  // `replies` are those of the writes
    kConflict,   // somebody else was faster; read and decide again
    kNothing,    // decide wanted no writes
  };
  Outcome outcome = Outcome::kNothing;
  RedisReplies replies;
};

// What the gate and the shared state need of Redis. Implemented by RedisLink and by the fake in the tests.
class RedisTransport {
 public:
  virtual ~RedisTransport() = default;
  // One reply per command, in order. Errors: kUnavailable (no connection, or it broke: whether the commands
  // were run is then unknown), kTimeout, kLimit (too many callers are waiting). An error reply is a reply.
  virtual boost::asio::awaitable<Result<RedisReplies>> run(std::vector<RedisCommand> commands,
                                                           Instant until) = 0;
  // As above; an error reply to EXEC or to a queued write is kInvalid with Redis's words.
  virtual boost::asio::awaitable<Result<RedisCommit>> transact(RedisTransaction transaction,
                                                               Instant until) = 0;
};

struct RedisLinkStats {
  bool connected = false;
  uint64_t connects = 0;  // connections made
  uint64_t connect_failures = 0;
  uint64_t broken = 0;           // connections lost while in use
  uint64_t redirects = 0;        // calls that a cluster sent to another of its servers
  uint64_t refused_waiters = 0;  // callers turned away because too many were waiting
  std::string last_error;        // empty when connected
};

// One connection for all callers of one thread; a caller waits until it is its turn. Without a connection a
// call tries to make one, unless the last try has only just failed: then it fails at once with what went
// wrong, and the next try may come after a pause that doubles from 100 ms to 5 s, with jitter. So a Redis
// that is away costs its users nothing, and one that comes back is found at the first use after the pause.
//
// With sentinels the connection is to whom they name; a server that turns out to be no primary any more is
// left, and every ten seconds they are asked whether it still is the one. In a cluster there is a connection
// for each server in use, and a call goes to the one that has the slot of its first key: all keys of a call
// must be in one slot.
class RedisLink final : public RedisTransport {
 public:
  // What `net` names must outlive all calls. `seed` is for the jitter.
  RedisLink(Net net, RedisOptions options, uint64_t seed);
  // Calls under way end with kUnavailable.
  ~RedisLink() override;

  boost::asio::awaitable<Result<RedisReplies>> run(std::vector<RedisCommand> commands,
                                                   Instant until) override;
  boost::asio::awaitable<Result<RedisCommit>> transact(RedisTransaction transaction, Instant until) override;

  // Single commands, for convenience.
  boost::asio::awaitable<Result<RedisReply>> command(RedisCommand command, Instant until);

  RedisLinkStats stats() const;
  // Drops the connection; the next call makes a new one.
  void disconnect();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the calls under way
};

// Receives what is published to some channels, on a connection of its own.
class RedisSubscription {
 public:
  struct Message {
    std::string channel;
    std::string payload;
  };
  static boost::asio::awaitable<NetResult<std::unique_ptr<RedisSubscription>>> open(
      Net net, RedisOptions options, std::vector<std::string> channels, Instant until);
  // The next message; waits as long as it takes. A silent peer is found out by a PING every `heartbeat`:
  // kTimeout when two of them have gone without a word. After a fault the subscription is over: open a new
  // one.
  boost::asio::awaitable<NetResult<Message>> next(Duration heartbeat = 10s);
  void close();

 private:
  RedisSubscription(Net net, std::shared_ptr<RedisConnection> connection);
  Net net_;
  std::shared_ptr<RedisConnection> connection_;  // shared with a PING under way
  std::deque<Message> early_;                    // came before all channels were confirmed
};

}  // namespace sluice::net
