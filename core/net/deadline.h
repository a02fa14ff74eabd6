#pragma once
// How every operation is bounded: one Deadline per operation, made by whoever started it.
//
// When it expires it calls one function, which breaks off what is being awaited (closes the socket), exactly
// once. The awaited operation then fails by itself, and `expired()` tells this apart from a failure of its
// own:
//
//     Deadline deadline(executor, clock.now() + 300ms);
//     deadline.closes(*stream);
//     const auto n = co_await stream->read_some(buffer);
//     if (!n) return deadline.judge(n.error(), FaultKind::kTimeout);
//
// Not `operation || timer`: that races, and measured here it does not end when the operation throws: a
// connection refused after 1 ms came out as a timeout after the full 300 ms. Nor a timer per read: one timer
// per probe costs a tenth.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "core/net/fault.h"
#include "core/time.h"

namespace sluice::net {

class Stream;

class Deadline {
 public:
  // `at` is on the scale of Clock::now(). The timer starts at once. Lives on the executor's thread.
  Deadline(const boost::asio::any_io_executor& executor, Instant at);
  ~Deadline();  // stops the timer; nothing is called afterwards
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // What expiry breaks off, replacing what it was before. Already expired: called at once.
  void on_expiry(std::function<void()> break_off);
  // Expiry closes `stream`, if that still exists.
  void closes(Stream& stream);
  // Expiry breaks off nothing any more; the timer goes on.
  void release();

  // The deadline has passed. True from the moment the timer fired, and also when the clock says so.
  bool expired() const;
  Instant at() const { return at_; }
  // The fault of an operation that failed under this deadline: `own` if it failed early, else a timeout of
  // that kind.
  Fault judge(Fault own, FaultKind timeout) const;

 private:
  struct State;
  Instant at_;
  std::shared_ptr<State> state_;
};

// Ends at `at`, or early when the coroutine is cancelled.
boost::asio::awaitable<void> sleep_until(Instant at);

// Runs `operation` and, when it has not ended by `at`, cancels it (Asio's terminal cancellation) and waits
// for its end. True when it ended by itself; what it throws is thrown on. For operations without a stream of
// their own.
boost::asio::awaitable<bool> run_until(Instant at, boost::asio::awaitable<void> operation);

template <typename T>
boost::asio::awaitable<void> store_into(std::optional<T>& result, boost::asio::awaitable<T> operation) {
  result.emplace(co_await std::move(operation));
}

// The value, or empty when it took too long.
template <typename T>
boost::asio::awaitable<std::optional<T>> with_deadline(Instant at, boost::asio::awaitable<T> operation) {
  std::optional<T> result;
  const bool in_time = co_await run_until(at, store_into(result, std::move(operation)));
  if (!in_time) result.reset();
  co_return result;
}

}  // namespace sluice::net
