#include "core/net/deadline.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <stdexcept>

#include "core/net/clock.h"
#include "core/net/stream.h"
#include "tests/support/net/fake_peer.h"
#include "tests/support/net/loop.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using support::run_on;

Instant now() {
  return RealClock().now();
}

class DeadlineTest : public ::testing::Test {
 protected:
  asio::io_context io_;
};

asio::awaitable<int> forty_two() {
  co_return 42;
}
asio::awaitable<int> after(Duration wait) {
  co_await sleep_until(now() + wait);
  co_return 1;
}
asio::awaitable<int> throws() {
  throw std::runtime_error("own error");
  co_return 0;
}
asio::awaitable<int> throws_after(Duration wait) {
  co_await sleep_until(now() + wait);
  throw std::runtime_error("own error");
}

TEST_F(DeadlineTest, hands_over_what_ends_in_time) {
  const Instant start = now();
  EXPECT_EQ(run_on(io_, with_deadline(start + 10s, forty_two())), 42);
  EXPECT_EQ(run_on(io_, with_deadline(start + 10s, after(5ms))), 1);
  EXPECT_LT(now() - start, 5s);
}

TEST_F(DeadlineTest, cuts_what_does_not_end) {
  const Instant start = now();
  EXPECT_EQ(run_on(io_, with_deadline(start + 50ms, after(60s))), std::nullopt);
  EXPECT_GE(now() - start, 50ms);
  EXPECT_LT(now() - start, 5s);
}

// The trap of racing an operation against a timer: an error of the operation itself must end it at once, and
// arrive.
TEST_F(DeadlineTest, an_operation_that_throws_early_ends_early_with_its_own_error) {
  const Instant start = now();
  EXPECT_THROW(run_on(io_, with_deadline(start + 60s, throws())), std::runtime_error);
  EXPECT_THROW(run_on(io_, with_deadline(start + 60s, throws_after(1ms))), std::runtime_error);
  EXPECT_LT(now() - start, 5s);
}

asio::awaitable<NetResult<std::unique_ptr<Stream>>> connect(uint16_t port, Instant at) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Deadline deadline(executor, at);
  co_return co_await connect_tcp({*parse_ip("127.0.0.1"), port}, deadline);
}

TEST_F(DeadlineTest, a_refused_connection_is_refused_and_not_late) {
  uint16_t port = 0;
  {
    port = support::FakePeer(io_, support::behaviour::hangs()).port();
  }
  io_.poll();
  const Instant start = now();
  const auto stream = run_on(io_, connect(port, start + 60s));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().kind, FaultKind::kRefused) << stream.error().message;
  EXPECT_LT(now() - start, 5s);
}

TEST_F(DeadlineTest, a_deaf_port_is_given_up_at_the_deadline) {
  const support::DeafPort deaf(io_);
  const Instant start = now();
  const auto stream = run_on(io_, connect(deaf.port(), start + 200ms));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().kind, FaultKind::kConnectTimeout) << stream.error().message;
  EXPECT_GE(now() - start, 200ms);
  EXPECT_LT(now() - start, 300ms + support::kSlack);
}

asio::awaitable<Fault> read_until_late(uint16_t port, Instant at) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Deadline deadline(executor, at);
  auto stream = co_await connect_tcp({*parse_ip("127.0.0.1"), port}, deadline);
  char bytes[16];
  const auto got = co_await (*stream)->read_some(bytes);
  co_return deadline.judge(got.error(), FaultKind::kTimeout);
}

TEST_F(DeadlineTest, closes_the_stream_that_waits_for_a_silent_peer) {
  const support::FakePeer peer(io_, support::behaviour::hangs());
  const Instant start = now();
  EXPECT_EQ(run_on(io_, read_until_late(peer.port(), start + 100ms)).kind, FaultKind::kTimeout);
  EXPECT_GE(now() - start, 100ms);
  EXPECT_LT(now() - start, 200ms + support::kSlack);
}

asio::awaitable<void> outlive(Instant at, bool* called) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  {
    Deadline gone(executor, at);
    gone.on_expiry([called] { *called = true; });
  }
  Deadline released(executor, at);
  released.on_expiry([called] { *called = true; });
  released.release();
  co_await sleep_until(at + 20ms);
}

TEST_F(DeadlineTest, calls_nothing_once_it_is_gone_or_released) {
  bool called = false;
  run_on(io_, outlive(now() + 10ms, &called));
  EXPECT_FALSE(called);
}

asio::awaitable<bool> expired_already(Instant at) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Deadline deadline(executor, at);
  bool called = false;
  deadline.on_expiry([&] { called = true; });
  co_return called&& deadline.expired();
}

TEST_F(DeadlineTest, one_in_the_past_breaks_off_at_once) {
  EXPECT_TRUE(run_on(io_, expired_already(now() - 1s)));
}

TEST_F(DeadlineTest, the_far_future_does_not_overflow) {
  EXPECT_EQ(run_on(io_, with_deadline(Instant::max(), forty_two())), 42);
}

TEST_F(DeadlineTest, a_late_fault_of_the_peer_stays_the_peers) {
  Deadline deadline(io_.get_executor(), now() - 1s);
  EXPECT_EQ(deadline.judge({FaultKind::kReset, "x"}, FaultKind::kTimeout).kind, FaultKind::kReset);
  EXPECT_EQ(deadline.judge({FaultKind::kClosed, "x"}, FaultKind::kTimeout).kind, FaultKind::kTimeout);
}

}  // namespace
}  // namespace sluice::net
