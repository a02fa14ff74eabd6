#include "core/net/http_pool.h"

#include <algorithm>

#include "core/net/clock.h"
#include "core/net/time_point.h"

namespace sluice::net {

std::shared_ptr<HttpPool> HttpPool::make(const boost::asio::any_io_executor& executor,
                                         HttpPoolOptions options) {
  return std::shared_ptr<HttpPool>(new HttpPool(executor, options));
}

std::unique_ptr<Stream> HttpPool::take(const Server& server) {
  const Instant now = RealClock().now();
  for (size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i].server != server) continue;
    const bool usable = idle_[i].until > now && idle_[i].stream->quiet();
    std::unique_ptr<Stream> stream = std::move(idle_[i].stream);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (usable) return stream;
  }
  return nullptr;
}

void HttpPool::give(Server server, std::unique_ptr<Stream> stream) {
  const auto same = [&](const Idle& idle) { return idle.server == server; };
  if (std::count_if(idle_.begin(), idle_.end(), same) >=
      static_cast<std::ptrdiff_t>(options_.idle_per_server_max)) {
    idle_.erase(std::find_if(idle_.begin(), idle_.end(), same));
  } else if (idle_.size() >= options_.idle_max) {
    idle_.pop_front();
  }
  idle_.push_back({std::move(server), std::move(stream), RealClock().now() + options_.idle_time_max});
  if (!expiring_) expire();
}

// Closes what has waited too long, and comes back for the next one.
void HttpPool::expire() {
  const Instant now = RealClock().now();
  while (!idle_.empty() && idle_.front().until <= now) idle_.pop_front();
  expiring_ = !idle_.empty();
  if (!expiring_) return;
  expiry_.expires_at(to_steady(idle_.front().until));
  expiry_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (const auto self = weak.lock(); self != nullptr && !error) self->expire();
  });
}

}  // namespace sluice::net
