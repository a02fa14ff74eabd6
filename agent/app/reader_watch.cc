#include "agent/app/reader_watch.h"

#include <set>

namespace sluice::app {

namespace asio = boost::asio;

asio::awaitable<void> ReaderWatch::run() {
  while (!stopping_) {
    co_await alarm_.wait_until(edge_.clock.now() + gate::kReadersInterval);
    std::set<std::string> watched;
    for (const std::string& pool : gate_loop_.gate().pools()) {
      if (stopping_ || !gate_loop_.has_redis() || !gate_loop_.gate().chosen_for(pool, "readers")) continue;
      watched.insert(pool);
      co_await look(pool);
    }
    std::erase_if(pools_, [&](const auto& pool) { return !watched.contains(pool.first); });
  }
}

void ReaderWatch::stop() {
  stopping_ = true;
  alarm_.notify();
}

asio::awaitable<void> ReaderWatch::look(std::string pool) {
  const std::string key = gate_loop_.keys(pool).readers;
  // Bounded, whoever writes into that hash.
  const auto replies =
      co_await gate_loop_.ask({{"HRANDFIELD", key, std::to_string(gate::kReadersMax), "WITHVALUES"}});
  const gate::PoolView* view = gate_loop_.gate().view(pool);
  if (replies.has_error() || replies->front().is_error() || view == nullptr) co_return;
  const net::RedisReply& reply = replies->front();
  std::vector<std::pair<std::string, std::string>> fields;
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2)
    fields.emplace_back(reply.elements[i].text, reply.elements[i + 1].text);
  if (fields.empty()) {
    pools_.erase(pool);
    co_return;
  }
  std::vector<std::string> silent = pools_[pool].observe(edge_.clock.now(), view->epoch, fields);
  if (silent.empty()) co_return;
  net::RedisCommand forget{"HDEL", key};
  forget.insert(forget.end(), std::make_move_iterator(silent.begin()), std::make_move_iterator(silent.end()));
  std::vector<net::RedisCommand> commands;
  commands.push_back(std::move(forget));
  (void)co_await gate_loop_.ask(std::move(commands));
}

}  // namespace sluice::app
