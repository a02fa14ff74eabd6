#pragma once
// Runs coroutines in a test: one event loop, on the thread of the test.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/time.h"

namespace sluice::support {

// How late something may end in a test, on a machine that does much else at the same time. What is promised
// is 100 ms, and it is kept with microseconds to spare where the processor is free.
inline constexpr Duration kSlack = 1s;

// Runs the loop until the operation has ended, and returns what it returned. What else runs on the loop (fake
// peers) goes on where it was in the next call.
template <typename T>
T run_on(boost::asio::io_context& io, boost::asio::awaitable<T> operation) {
  std::optional<T> result;
  std::exception_ptr failed;
  bool done = false;
  boost::asio::co_spawn(io, std::move(operation), [&](std::exception_ptr error, T value) {
    failed = error;
    if (!error) result.emplace(std::move(value));
    done = true;
  });
  io.restart();
  while (!done && io.run_one() > 0) {
  }
  SLUICE_CHECK(done, "the loop has nothing to do, and the operation has not ended");
  if (failed) std::rethrow_exception(failed);
  return std::move(*result);
}

inline void run_on(boost::asio::io_context& io, boost::asio::awaitable<void> operation) {
  std::exception_ptr failed;
  bool done = false;
  boost::asio::co_spawn(io, std::move(operation), [&](std::exception_ptr error) {
    failed = error;
    done = true;
  });
  io.restart();
  while (!done && io.run_one() > 0) {
  }
  SLUICE_CHECK(done, "the loop has nothing to do, and the operation has not ended");
  if (failed) std::rethrow_exception(failed);
}

}  // namespace sluice::support
