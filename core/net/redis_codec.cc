#include "core/net/redis_codec.h"

#include <fmt/format.h>
#include <hiredis.h>

#include "core/check.h"
#include "core/whole_number.h"

namespace sluice::net {

std::string_view RedisReply::error_code() const {
  if (kind != Kind::kError) return {};
  return std::string_view(text).substr(0, text.find(' '));
}

std::string encode(const RedisCommand& command) {
  std::vector<const char*> words;
  std::vector<size_t> lengths;
  words.reserve(command.size());
  lengths.reserve(command.size());
  for (const std::string& word : command) {
    words.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* bytes = nullptr;
  const auto length =
      redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), words.data(), lengths.data());
  SLUICE_CHECK(length >= 0 && bytes != nullptr, "out of memory in redisFormatCommandArgv");
  std::string encoded(bytes, static_cast<size_t>(length));
  redisFreeCommand(bytes);
  return encoded;
}

struct RedisDecoder::Reader {
  struct Free {
    void operator()(redisReader* unused) const { redisReaderFree(unused); }
  };
  std::unique_ptr<redisReader, Free> reader{redisReaderCreate()};
};

namespace {

RedisReply to_reply(const redisReply& from) {
  RedisReply reply;
  switch (from.type) {
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
    case REDIS_REPLY_STRING:
      reply.kind = from.type == REDIS_REPLY_STATUS  ? RedisReply::Kind::kStatus
                   : from.type == REDIS_REPLY_ERROR ? RedisReply::Kind::kError
                                                    : RedisReply::Kind::kString;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_INTEGER:
      reply.kind = RedisReply::Kind::kInteger;
      reply.integer = from.integer;
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = RedisReply::Kind::kArray;
      reply.elements.reserve(from.elements);
      for (size_t i = 0; i < from.elements; ++i) reply.elements.push_back(to_reply(*from.element[i]));
      break;
    default:
      break;
  }
  return reply;
}

}  // namespace

RedisDecoder::RedisDecoder(RedisLimits limits) : reader_(std::make_unique<Reader>()), limits_(limits) {
  SLUICE_CHECK(limits_.depth_max <= 7, "hiredis parses seven arrays deep");
}
RedisDecoder::~RedisDecoder() = default;
RedisDecoder::RedisDecoder(RedisDecoder&&) noexcept = default;
RedisDecoder& RedisDecoder::operator=(RedisDecoder&&) noexcept = default;

void RedisDecoder::feed(std::string_view bytes) {
  if (!lost_) buffer_ += bytes;
}

Fault RedisDecoder::lose(FaultKind kind, std::string message) {
  lost_ = Fault{kind, std::move(message)};
  buffer_.clear();
  start_ = at_ = 0;
  return *lost_;
}

NetResult<bool> RedisDecoder::walk() {
  while (at_ < buffer_.size()) {
    const size_t end = buffer_.find("\r\n", at_);
    const size_t line_bytes = (end == std::string::npos ? buffer_.size() : end) - at_;
    if (line_bytes > limits_.line_bytes_max)
      return lose(FaultKind::kBodyTooLarge, "a line of the reply is too long");
    const char type = buffer_[at_];
    if (type != '+' && type != '-' && type != ':' && type != '$' && type != '*') {
      return lose(FaultKind::kProtocol, "the peer does not speak Redis's protocol");
    }
    if (end == std::string::npos) return false;
    size_t next = end + 2;
    if (type == ':' || type == '$' || type == '*') {
      const auto parsed = parse_whole<int64_t>(std::string_view(buffer_).substr(at_ + 1, end - at_ - 1));
      if (!parsed) return lose(FaultKind::kProtocol, "a length is not a number");
      const int64_t number = *parsed;
      if (type != ':' && number < -1) return lose(FaultKind::kProtocol, "a length is negative");
      if (type == '$' && number >= 0) {
        const auto length = static_cast<size_t>(number);
        if (length > limits_.reply_bytes_max)
          return lose(FaultKind::kBodyTooLarge, "a string of the reply is too long");
        if (buffer_.size() - next < length + 2) {
          if (next - start_ + length > limits_.reply_bytes_max) {
            return lose(FaultKind::kBodyTooLarge, "the reply is too long");
          }
          return false;
        }
        next += length;
        if (buffer_[next] != '\r' || buffer_[next + 1] != '\n') {
          return lose(FaultKind::kProtocol, "a string does not end where it should");
        }
        next += 2;
      } else if (type == '*' && number > 0) {
        const auto count = static_cast<size_t>(number);
        if (count > limits_.elements_max - elements_) {
          return lose(FaultKind::kBodyTooLarge, "the reply has too many elements");
        }
        if (open_.size() >= limits_.depth_max)
          return lose(FaultKind::kProtocol, "the reply is nested too deeply");
        elements_ += count;
        open_.push_back(count);
        at_ = next;
        continue;
      }
    }
    at_ = next;
    if (at_ - start_ > limits_.reply_bytes_max)
      return lose(FaultKind::kBodyTooLarge, "the reply is too long");
    while (!open_.empty() && --open_.back() == 0) open_.pop_back();
    if (open_.empty()) return true;
  }
  return false;
}

NetResult<std::optional<RedisReply>> RedisDecoder::next() {
  if (lost_) return *lost_;
  const auto whole = walk();
  if (!whole) return whole.error();
  if (!*whole) return std::optional<RedisReply>();
  redisReader* reader = reader_->reader.get();
  void* parsed = nullptr;
  if (redisReaderFeed(reader, buffer_.data() + start_, at_ - start_) != REDIS_OK ||
      redisReaderGetReply(reader, &parsed) != REDIS_OK || parsed == nullptr) {
    return lose(FaultKind::kProtocol, fmt::format("the reply cannot be parsed: {}", reader->errstr));
  }
  std::optional<RedisReply> reply = to_reply(*static_cast<redisReply*>(parsed));
  freeReplyObject(parsed);
  start_ = at_;
  elements_ = 0;
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = at_ = 0;
  } else if (start_ > (64 << 10)) {
    buffer_.erase(0, start_);
    start_ = at_ = 0;
  }
  return reply;
}

}  // namespace sluice::net
