#include "core/net/redis_route.h"

#include <algorithm>
#include <array>

#include "core/redis_slot.h"
#include "core/whole_number.h"

namespace sluice::net {
namespace {

constexpr uint16_t kSlots = 16384;
constexpr size_t kLearnedMax = 1000;

bool names_no_key(std::string_view command) {
  constexpr std::array<std::string_view, 9> kKeyless = {"TIME",    "PING", "MULTI",   "EXEC",   "UNWATCH",
                                                        "PUBLISH", "ROLE", "CLUSTER", "DISCARD"};
  return std::find(kKeyless.begin(), kKeyless.end(), command) != kKeyless.end();
}

std::string_view next_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::optional<RedisRedirect> redirect_in(const RedisReply& reply) {
  const std::string_view code = reply.error_code();
  if (code == "READONLY") return RedisRedirect{RedisRedirect::Kind::kDemoted, 0, ""};
  if (code == "ASK" || code == "TRYAGAIN" || code == "CLUSTERDOWN" || code == "LOADING" ||
      code == "MASTERDOWN")
    return RedisRedirect{};
  if (code != "MOVED") return std::nullopt;
  std::string_view rest = reply.text;
  next_word(rest);
  const auto slot = parse_whole<uint16_t>(next_word(rest));
  const std::string_view node = next_word(rest);
  if (!slot || *slot >= kSlots || node.find(':') == std::string_view::npos) return std::nullopt;
  return RedisRedirect{RedisRedirect::Kind::kMoved, *slot, std::string(node)};
}

}  // namespace

std::optional<uint16_t> slot_of(const std::vector<RedisCommand>& commands) {
  for (const RedisCommand& command : commands) {
    if (command.size() > 1 && !names_no_key(command.front())) return redis_slot(command[1]);
  }
  return std::nullopt;
}

std::optional<RedisRedirect> redirect_of(const std::vector<RedisReply>& replies) {
  for (const RedisReply& reply : replies) {
    if (auto redirect = redirect_in(reply)) return redirect;
    for (const RedisReply& inner : reply.elements) {
      if (inner.error_code() == "READONLY") return redirect_in(inner);
    }
  }
  return std::nullopt;
}

bool RedisMap::is_seed(const std::string& server) const {
  return std::find(seeds_.begin(), seeds_.end(), server) != seeds_.end();
}

std::string RedisMap::server_of(std::optional<uint16_t> slot) const {
  if (slot) {
    const auto known = slots_.find(*slot);
    if (known != slots_.end() && !failed_.contains(known->second)) return known->second;
  }
  for (const std::string& seed : seeds_) {
    if (!failed_.contains(seed)) return seed;
  }
  for (const std::string& server : learned_) {
    if (!failed_.contains(server)) return server;
  }
  return seeds_.front();
}

void RedisMap::moved(uint16_t slot, std::string server) {
  if (!is_seed(server) && learned_.size() < kLearnedMax) learned_.insert(server);
  failed_.erase(server);
  slots_[slot] = std::move(server);
}

void RedisMap::failed(const std::string& server) {
  failed_.insert(server);
  // When nobody is left, everybody gets another chance.
  if (failed_.size() >= size()) failed_.clear();
  std::erase_if(slots_, [&](const auto& slot) { return slot.second == server; });
}

void RedisMap::answered(const std::string& server) {
  failed_.erase(server);
}

}  // namespace sluice::net
