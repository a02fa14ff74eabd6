#include "tests/support/memory_redis.h"

#include <algorithm>
#include <limits>

namespace sluice::test {
namespace {

using Kind = RedisReply::Kind;

RedisReply text_reply(std::string text) {
  return {Kind::kString, std::move(text), 0, {}};
}
RedisReply array_reply() {
  return {Kind::kArray, {}, 0, {}};
}
int64_t score_of(const std::string& word) {
  if (word == "-inf") return std::numeric_limits<int64_t>::min();
  return word == "+inf" ? std::numeric_limits<int64_t>::max() : std::stoll(word);
}
RedisReply integer_reply(int64_t value) {
  return {Kind::kInteger, {}, value, {}};
}
RedisReply error_reply(std::string text) {
  return {Kind::kError, std::move(text), 0, {}};
}

size_t size_of(const RedisReply& reply) {
  size_t size = reply.text.size() + 5;
  for (const RedisReply& item : reply.items) size += size_of(item);
  return size;
}

}  // namespace

const MemoryRedis::Value* MemoryRedis::live(const std::string& key) const {
  const auto it = data_.find(key);
  if (it == data_.end()) return nullptr;
  if (it->second.expires_at && *it->second.expires_at <= now_) return nullptr;
  return &it->second;
}

MemoryRedis::Value* MemoryRedis::live(const std::string& key) {
  return const_cast<Value*>(static_cast<const MemoryRedis*>(this)->live(key));
}

void MemoryRedis::set_time(Timestamp now) {
  // What a replica lacks is as long ago as it was, whatever the clock says.
  if (now < now_) {
    for (Undo& undo : undo_) undo.at -= now_ - now;
  }
  now_ = now;
  if (now_ < next_expiry_) return;
  next_expiry_ = Timestamp::max();
  for (auto it = data_.begin(); it != data_.end();) {
    const std::optional<Timestamp> end = it->second.expires_at;
    if (end && *end > now_) next_expiry_ = std::min(next_expiry_, *end);
    it = end && *end <= now_ ? data_.erase(it) : std::next(it);
  }
}

uint64_t MemoryRedis::version(const std::string& key) const {
  const auto it = versions_.find(key);
  return it == versions_.end() ? 0 : it->second;
}

void MemoryRedis::remember(const std::string& key) {
  while (!undo_.empty() && now_ - undo_.front().at > kKept) undo_.pop_front();
  Undo undo{now_, key, std::nullopt, std::nullopt, std::nullopt};
  if (const Value* value = live(key)) undo.value = *value;
  undo_.push_back(std::move(undo));
}

void MemoryRedis::remember_field(const std::string& key, const std::string& field) {
  while (!undo_.empty() && now_ - undo_.front().at > kKept) undo_.pop_front();
  Undo undo{now_, key, field, std::nullopt, std::nullopt};
  if (const Value* value = live(key)) {
    if (const auto it = value->hash.find(field); it != value->hash.end()) undo.field_value = it->second;
  }
  undo_.push_back(std::move(undo));
}

MemoryRedis::Value& MemoryRedis::touch(const std::string& key) {
  versions_[key] = next_version_++;
  if (live(key) == nullptr) data_.erase(key);
  return data_[key];
}

void MemoryRedis::lose_writes_after(Timestamp since) {
  while (!undo_.empty() && undo_.back().at > since) {
    Undo undo = std::move(undo_.back());
    undo_.pop_back();
    versions_[undo.key] = next_version_++;
    if (undo.field) {
      auto& hash = data_[undo.key].hash;
      if (undo.field_value) {
        hash[*undo.field] = *undo.field_value;
      } else {
        hash.erase(*undo.field);
      }
    } else if (undo.value) {
      if (undo.value->expires_at) next_expiry_ = std::min(next_expiry_, *undo.value->expires_at);
      data_[undo.key] = std::move(*undo.value);
    } else {
      data_.erase(undo.key);
    }
  }
}

std::optional<std::string> MemoryRedis::get(const std::string& key) const {
  const Value* value = live(key);
  if (value == nullptr) return std::nullopt;
  return value->text;
}

std::optional<Timestamp> MemoryRedis::expires_at(const std::string& key) const {
  const Value* value = live(key);
  return value == nullptr ? std::nullopt : value->expires_at;
}

const std::unordered_map<std::string, std::string>& MemoryRedis::hash(const std::string& key) const {
  static const std::unordered_map<std::string, std::string> kNone;
  const Value* value = live(key);
  return value == nullptr ? kNone : value->hash;
}

std::vector<std::string> MemoryRedis::keys(std::string_view prefix) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : data_) {
    if (key.starts_with(prefix) && live(key) != nullptr) out.push_back(key);
  }
  std::sort(out.begin(), out.end());
  return out;
}

void MemoryRedis::remove(const std::string& key) {
  remember(key);
  touch(key);
  data_.erase(key);
}

void MemoryRedis::set(const std::string& key, std::string text) {
  remember(key);
  Value& value = touch(key);
  value = {};
  value.text = std::move(text);
}

RedisReply MemoryRedis::run(Session& session, const Command& command) {
  ++commands;
  for (const std::string& word : command) bytes_in += word.size() + 5;
  RedisReply reply;
  const std::string& name = command.at(0);
  if (name == "EXEC") {
    reply = exec(session);
  } else if (name == "MULTI") {
    session.in_transaction = true;
    reply = text_reply("OK");
  } else if (session.in_transaction) {
    session.queued.push_back(command);
    reply = text_reply("QUEUED");
  } else if (name == "WATCH") {
    for (size_t i = 1; i < command.size(); ++i) session.watched.emplace(command[i], version(command[i]));
    reply = text_reply("OK");
  } else if (name == "UNWATCH") {
    session.watched.clear();
    reply = text_reply("OK");
  } else {
    reply = apply(command);
  }
  bytes_out += size_of(reply);
  return reply;
}

std::vector<RedisReply> MemoryRedis::run_all(Session& session, const std::vector<Command>& all) {
  std::vector<RedisReply> out;
  for (const Command& command : all) out.push_back(run(session, command));
  return out;
}

RedisReply MemoryRedis::exec(Session& session) {
  const auto watched = std::exchange(session.watched, {});
  const auto queued = std::exchange(session.queued, {});
  session.in_transaction = false;
  for (const auto& [key, seen] : watched) {
    if (version(key) != seen) return {};
  }
  RedisReply reply = array_reply();
  for (const Command& command : queued) reply.items.push_back(apply(command));
  return reply;
}

RedisReply MemoryRedis::apply(const Command& command) {
  const std::string& name = command[0];
  if (name == "TIME") {
    const int64_t ms = to_unix_ms(now_);
    return {Kind::kArray,
            {},
            0,
            {text_reply(std::to_string(ms / 1000)), text_reply(std::to_string(ms % 1000 * 1000))}};
  }
  if (name == "GET") {
    const Value* value = live(command.at(1));
    return value == nullptr ? RedisReply{} : text_reply(value->text);
  }
  if (name == "SET") {
    std::optional<Timestamp> expiry;
    const bool only_new = command.size() > 3 && command[3] == "NX";
    const size_t option = only_new ? 4 : 3;
    if (command.size() == option + 2) {
      const std::string& unit = command[option];
      const int64_t amount = std::stoll(command[option + 1]);
      if (unit == "PXAT") expiry = from_unix_ms(amount);
      if (unit == "EX") expiry = now_ + std::chrono::seconds(amount);
      if (unit == "PX") expiry = now_ + std::chrono::milliseconds(amount);
    }
    if (command.size() != option && !expiry) return error_reply("ERR syntax error");
    if (only_new && live(command.at(1)) != nullptr) return {};
    set(command.at(1), command.at(2));
    data_[command[1]].expires_at = expiry;
    if (expiry) next_expiry_ = std::min(next_expiry_, *expiry);
    return text_reply("OK");
  }
  if (name == "DEL") {
    const bool there = live(command.at(1)) != nullptr;
    if (there) remove(command[1]);
    return integer_reply(there ? 1 : 0);
  }
  if (name == "PTTL") {
    const Value* value = live(command.at(1));
    if (value == nullptr) return integer_reply(-2);
    return integer_reply(value->expires_at ? (*value->expires_at - now_).count() : -1);
  }
  if (name == "HSET") {
    remember_field(command.at(1), command.at(2));
    touch(command[1]).hash[command[2]] = command.at(3);
    return integer_reply(1);
  }
  if (name == "HDEL") {
    remember_field(command.at(1), command.at(2));
    return integer_reply(static_cast<int64_t>(touch(command[1]).hash.erase(command[2])));
  }
  if (name == "HGETALL") {
    RedisReply reply = array_reply();
    if (const Value* value = live(command.at(1))) {
      reply.items.reserve(value->hash.size() * 2);
      for (const auto& [field, text] : value->hash) {
        reply.items.push_back(text_reply(field));
        reply.items.push_back(text_reply(text));
      }
    }
    return reply;
  }
  if (name == "LPUSH") {
    Value& value = touch(command.at(1));
    value.list.push_front(command.at(2));
    return integer_reply(static_cast<int64_t>(value.list.size()));
  }
  if (name == "LTRIM") {
    Value& value = touch(command.at(1));
    const auto keep = static_cast<size_t>(std::stoll(command.at(3)) + 1);
    if (value.list.size() > keep) value.list.resize(keep);
    return text_reply("OK");
  }
  if (name == "ZADD") {
    remember(command.at(1));
    touch(command[1]).scores[command.at(3)] = std::stoll(command.at(2));
    return integer_reply(1);
  }
  if (name == "ZREM") {
    remember(command.at(1));
    return integer_reply(static_cast<int64_t>(touch(command[1]).scores.erase(command.at(2))));
  }
  if (name == "ZRANGEBYSCORE" || name == "ZREMRANGEBYSCORE") {
    const int64_t low = score_of(command.at(2)), high = score_of(command.at(3));
    RedisReply reply = array_reply();
    if (const Value* value = live(command.at(1))) {
      for (const auto& [member, score] : value->scores) {
        if (score >= low && score <= high) reply.items.push_back(text_reply(member));
      }
    }
    if (name == "ZRANGEBYSCORE") return reply;
    if (reply.items.empty()) return integer_reply(0);
    remember(command[1]);
    Value& value = touch(command[1]);
    for (const RedisReply& member : reply.items) value.scores.erase(member.text);
    return integer_reply(static_cast<int64_t>(reply.items.size()));
  }
  if (name == "PUBLISH") {
    published.emplace_back(command.at(1), command.at(2));
    return integer_reply(0);
  }
  return error_reply("ERR unknown command '" + name + "'");
}

}  // namespace sluice::test
