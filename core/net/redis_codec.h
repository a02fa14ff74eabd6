#pragma once
// Redis's protocol (RESP2) as values: commands to bytes, bytes to replies. No I/O.
//
// hiredis does the parsing, but it believes every length it is told: "*2147483647" is accepted and filled
// lazily. So the frame of a reply is walked first, length by length, against limits of our own, and hiredis
// only ever sees replies that are complete and within them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/fault.h"

namespace sluice::net {

// A command and its arguments: {"SET", "key", "value", "PX", "1000"}. Binary safe.
using RedisCommand = std::vector<std::string>;

struct RedisReply {
  enum class Kind { kNil, kStatus, kError, kString, kInteger, kArray };
  Kind kind = Kind::kNil;
  std::string text;  // of a status ("OK"), an error ("READONLY You can't ...") or a string
  int64_t integer = 0;
  std::vector<RedisReply> elements;

  bool is_error() const { return kind == Kind::kError; }
  bool is_nil() const { return kind == Kind::kNil; }
  // The first word of an error: "READONLY", "NOAUTH"; empty for anything else.
  std::string_view error_code() const;

  bool operator==(const RedisReply&) const = default;
};

std::string encode(const RedisCommand& command);

struct RedisLimits {
  size_t reply_bytes_max = 32 << 20;  // one whole reply
  size_t line_bytes_max = 64 << 10;   // a status, an error or a length
  size_t elements_max = 1 << 20;      // of all arrays of one reply together
  size_t depth_max = 7;               // arrays within arrays; hiredis ends at 8
};

class RedisDecoder {
 public:
  explicit RedisDecoder(RedisLimits limits = {});
  ~RedisDecoder();
  RedisDecoder(RedisDecoder&&) noexcept;
  RedisDecoder& operator=(RedisDecoder&&) noexcept;

  void feed(std::string_view bytes);
  // The next complete reply, or nothing yet. After a fault (kProtocol, or kBodyTooLarge for a limit) the
  // stream is lost: every further call returns the same.
  NetResult<std::optional<RedisReply>> next();
  size_t buffered() const { return buffer_.size() - start_; }

 private:
  NetResult<bool> walk();  // true when a whole reply lies in [start_, at_)
  Fault lose(FaultKind kind, std::string message);

  struct Reader;
  std::unique_ptr<Reader> reader_;
  RedisLimits limits_;
  std::string buffer_;
  size_t start_ = 0;  // of the reply under way
  size_t at_ = 0;     // how far it has been walked
  size_t elements_ = 0;
  std::vector<size_t> open_;  // arrays under way: elements still missing
  std::optional<Fault> lost_;
};

}  // namespace sluice::net
