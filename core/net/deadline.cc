#include "core/net/deadline.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "core/net/clock.h"
#include "core/net/stream.h"
#include "core/net/time_point.h"

namespace asio = boost::asio;

namespace sluice::net {

// Shared with the timer's handler, which may already be queued when the Deadline goes away.
struct Deadline::State {
  explicit State(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  std::function<void()> break_off;
  bool fired = false;
  bool over = false;  // the Deadline is gone
};

Deadline::Deadline(const asio::any_io_executor& executor, Instant at)
    : at_(at), state_(std::make_shared<State>(executor)) {
  state_->timer.expires_at(to_steady(at));
  state_->timer.async_wait([state = state_](const boost::system::error_code& error) {
    if (error || state->over) return;
    state->fired = true;
    if (const auto break_off = std::exchange(state->break_off, nullptr)) break_off();
  });
}

Deadline::~Deadline() {
  state_->over = true;
  state_->break_off = nullptr;
  state_->timer.cancel();
}

void Deadline::on_expiry(std::function<void()> break_off) {
  if (expired()) {
    state_->break_off = nullptr;
    break_off();
  } else {
    state_->break_off = std::move(break_off);
  }
}

void Deadline::closes(Stream& stream) {
  on_expiry([self = stream.self()] {
    if (*self != nullptr) (*self)->close();
  });
}

void Deadline::release() {
  state_->break_off = nullptr;
}

bool Deadline::expired() const {
  return state_->fired || RealClock().now() >= at_;
}

Fault Deadline::judge(Fault own, FaultKind timeout) const {
  // Only what our own close can have caused is blamed on the deadline: a reset that arrives in the last
  // moment is a reset.
  if (own.kind != FaultKind::kClosed || !expired()) return own;
  const char* what = timeout == FaultKind::kConnectTimeout ? "no connection in time"
                     : timeout == FaultKind::kTlsTimeout   ? "the TLS handshake did not end in time"
                                                           : "no answer in time";
  return {timeout, what};
}

asio::awaitable<void> sleep_until(Instant at) {
  asio::steady_timer timer(co_await asio::this_coro::executor, to_steady(at));
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<bool> run_until(Instant at, asio::awaitable<void> operation) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::cancellation_signal cancel;
  bool cut = false;
  Deadline deadline(executor, at);
  deadline.on_expiry([&] {
    cut = true;
    cancel.emit(asio::cancellation_type::terminal);
  });
  // The signal goes with co_spawn's own token, so the operation ends in its own time and with its own error.
  try {
    co_await asio::co_spawn(executor, std::move(operation),
                            asio::bind_cancellation_slot(cancel.slot(), asio::use_awaitable));
  } catch (const boost::system::system_error& error) {
    if (cut && error.code() == asio::error::operation_aborted) co_return false;
    throw;
  }
  co_return !cut;
}

}  // namespace sluice::net
