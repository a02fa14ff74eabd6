#include "agent/app/forward_loop.h"

#include <algorithm>

#include "agent/app/notify_loop.h"
#include "alerts/notify/forward_request.h"
#include "core/net/http_client.h"
#include "core/random.h"

namespace sluice::app {

namespace asio = boost::asio;
using Answer = alerts::Forwarder::Answer;

// Shared with its coroutine, which may still wait for an answer when the configuration no longer has it.
struct ForwardLoop::Lane {
  Lane(Edge& edge, alerts::ForwardTarget to, uint64_t seed)
      : target(std::move(to)), forwarder(seed), wakeup(edge) {}
  alerts::ForwardTarget target;
  alerts::Forwarder forwarder;
  Wakeup wakeup;
  bool stopping = false;
  bool sending = false;
  bool failing = false;
};

void ForwardLoop::configure(const config::Config& config) {
  connections_ = net::HttpPool::make(edge_.io.get_executor());
  std::vector<std::shared_ptr<Lane>> lanes;
  for (const alerts::ForwardTarget& target : config.alertmanagers) {
    const auto known = std::find_if(lanes_.begin(), lanes_.end(),
                                    [&](const auto& lane) { return lane->target.url == target.url; });
    if (known != lanes_.end()) {
      (*known)->target = target;
      lanes.push_back(*known);
      continue;
    }
    const auto started = static_cast<uint64_t>(edge_.clock.unix_now().time_since_epoch().count());
    lanes.push_back(std::make_shared<Lane>(edge_, target, started ^ stable_hash(target.url)));
    spawn(edge_, run(lanes.back()), "forward");
  }
  lanes_.swap(lanes);
  for (const auto& lane : lanes) {
    if (std::find(lanes_.begin(), lanes_.end(), lane) != lanes_.end()) continue;
    lane->stopping = true;
    lane->wakeup.notify();
  }
}

void ForwardLoop::take_alerts(const std::vector<Alert>& alerts) {
  for (const auto& lane : lanes_) {
    lane->forwarder.put(alerts);
    lane->wakeup.notify();
  }
}

void ForwardLoop::stop() {
  connections_.reset();
  for (const auto& lane : lanes_) {
    lane->stopping = true;
    lane->wakeup.notify();
  }
}

bool ForwardLoop::idle() const {
  return std::none_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->sending; });
}

std::vector<ForwardLoop::View> ForwardLoop::views() const {
  std::vector<View> out;
  for (const auto& lane : lanes_) out.push_back({lane->target.name, lane->forwarder});
  return out;
}

asio::awaitable<void> ForwardLoop::run(std::shared_ptr<Lane> lane) {
  while (!lane->stopping) {
    const Timestamp now = edge_.clock.unix_now();
    std::vector<Alert> batch = lane->forwarder.take(now);
    if (!batch.empty()) {
      lane->sending = true;
      co_await send(*lane, std::move(batch));
      lane->sending = false;
      continue;
    }
    // Due in Unix time, which may step: look again at least every second.
    const auto due = lane->forwarder.next_due();
    const Duration wait = due ? std::clamp<Duration>(*due - now, 1ms, 1s) : Duration(1min);
    co_await lane->wakeup.wait_until(edge_.clock.now() + wait);
  }
}

asio::awaitable<void> ForwardLoop::send(Lane& lane, std::vector<Alert> batch) {
  auto outgoing = alerts::notify::forward_request(lane.target, batch, read_secret_file);
  std::string failure;
  Answer answer = Answer::kFailed;
  if (outgoing.has_error()) {
    failure = outgoing.error().message;
  } else {
    const Result<HttpResponse> response = co_await fetch(edge_, std::move(*outgoing), connections_);
    if (response.has_error()) {
      failure = response.error().message;
    } else if (response->status < 300) {
      answer = Answer::kTaken;
    } else {
      // 4xx: the batch itself is at fault, or we are not let in. In both cases the next repetition may fare
      // better.
      const bool for_good = response->status < 500 && response->status != 408 && response->status != 429;
      answer = for_good ? Answer::kRefused : Answer::kFailed;
      failure = "status " + std::to_string(response->status) + ": " + response->body.substr(0, 200);
    }
  }
  lane.forwarder.answered(edge_.clock.unix_now(), answer);
  const bool failed = answer != Answer::kTaken;
  if (failed && (!lane.failing || answer == Answer::kRefused)) {
    edge_.log.warn(answer == Answer::kRefused ? "an Alertmanager refuses alerts, dropped"
                                              : "an Alertmanager cannot be reached, alerts wait",
                   {{"alertmanager", lane.target.name}, {"alerts", batch.size()}, {"error", failure}});
  } else if (!failed && lane.failing) {
    edge_.log.info("the Alertmanager takes alerts again", {{"alertmanager", lane.target.name}});
  }
  lane.failing = failed;
}

}  // namespace sluice::app
