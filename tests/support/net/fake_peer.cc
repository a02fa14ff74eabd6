#include "tests/support/net/fake_peer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <list>

#include "core/check.h"

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice::support {
namespace {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

tcp::endpoint any_port() {
  return {asio::ip::make_address("127.0.0.1"), 0};
}

}  // namespace

struct FakePeer::State {
  State(asio::io_context& loop, Behaviour what)
      : io(loop), acceptor(loop, any_port()), behaviour(std::move(what)) {}
  asio::io_context& io;
  tcp::acceptor acceptor;
  Behaviour behaviour;
  std::list<Socket> sockets;
  int connections = 0;

  static asio::awaitable<void> serve(std::shared_ptr<State> self, std::list<Socket>::iterator socket) {
    co_await self->behaviour(*socket);
    self->sockets.erase(socket);
  }

  static asio::awaitable<void> accept(std::shared_ptr<State> self) {
    while (self->acceptor.is_open()) {
      auto [error, socket] = co_await self->acceptor.async_accept(kUse);
      if (error) co_return;
      ++self->connections;
      const auto place = self->sockets.insert(self->sockets.end(), std::move(socket));
      asio::co_spawn(self->io, serve(self, place), [](const std::exception_ptr& error_of_test) {
        SLUICE_CHECK(error_of_test == nullptr, "a fake peer threw");
      });
    }
  }
};

FakePeer::FakePeer(asio::io_context& io, Behaviour behaviour)
    : state_(std::make_shared<State>(io, std::move(behaviour))) {
  asio::co_spawn(io, State::accept(state_), [](const std::exception_ptr& error) {
    SLUICE_CHECK(error == nullptr, "a fake peer threw");
  });
}

FakePeer::~FakePeer() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (Socket& socket : state_->sockets) socket.close(ignored);
}

uint16_t FakePeer::port() const {
  return state_->acceptor.local_endpoint().port();
}
int FakePeer::connections() const {
  return state_->connections;
}

DeafPort::DeafPort(asio::io_context& io) : acceptor_(io) {
  acceptor_.open(tcp::v4());
  acceptor_.bind(any_port());
  acceptor_.listen(0);
  // The kernel completes handshakes until the queue is full and then ignores whoever knocks.
  for (int i = 0; i < 4; ++i) {
    Socket socket(io, tcp::v4());
    socket.native_non_blocking(true);
    // Asio's own connect would wait for the outcome.
    const tcp::endpoint endpoint = acceptor_.local_endpoint();
    ::connect(socket.native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
    waiting_.push_back(std::move(socket));
  }
}

uint16_t DeafPort::port() const {
  return acceptor_.local_endpoint().port();
}

asio::awaitable<std::string> read_request(Socket& socket) {
  std::string request;
  char bytes[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const auto [error, n] = co_await socket.async_read_some(asio::buffer(bytes), kUse);
    if (error) break;
    request.append(bytes, n);
  }
  co_return request;
}

asio::awaitable<void> send(Socket& socket, std::string bytes) {
  co_await asio::async_write(socket, asio::buffer(bytes), kUse);
}

asio::awaitable<void> hang(Socket& socket) {
  char bytes[4096];
  while (true) {
    const auto [error, n] = co_await socket.async_read_some(asio::buffer(bytes), kUse);
    if (error) co_return;
  }
}

namespace {

asio::awaitable<void> carry(Socket& from, Socket& to) {
  char bytes[4096];
  while (true) {
    const auto [error, n] = co_await from.async_read_some(asio::buffer(bytes), kUse);
    if (error) break;
    const auto [failed, sent] = co_await asio::async_write(to, asio::buffer(bytes, n), kUse);
    if (failed) break;
  }
  boost::system::error_code ignored;
  from.close(ignored);
  to.close(ignored);
}

}  // namespace

asio::awaitable<void> relay(Socket& left, Socket& right) {
  using namespace asio::experimental::awaitable_operators;
  co_await (carry(left, right) && carry(right, left));
}

void reset(Socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

namespace behaviour {

Behaviour hangs() {
  return [](Socket& socket) { return hang(socket); };
}

Behaviour resets() {
  return [](Socket& socket) -> asio::awaitable<void> {
    reset(socket);
    co_return;
  };
}

namespace {

asio::awaitable<void> answer(Socket& socket, std::string response) {
  co_await read_request(socket);
  co_await send(socket, std::move(response));
}

asio::awaitable<void> say(Socket& socket, std::string bytes) {
  co_await send(socket, std::move(bytes));
  co_await hang(socket);
}

asio::awaitable<void> drip(Socket& socket, std::string response) {
  co_await read_request(socket);
  asio::steady_timer second(socket.get_executor());
  for (const char byte : response) {
    const auto [error, n] = co_await asio::async_write(socket, asio::buffer(&byte, 1), kUse);
    if (error) co_return;
    second.expires_after(std::chrono::seconds(1));
    co_await second.async_wait(kUse);
  }
}

asio::awaitable<void> repeat(Socket& socket, std::string head, std::string piece) {
  co_await read_request(socket);
  co_await send(socket, std::move(head));
  while (true) {
    const auto [error, n] = co_await asio::async_write(socket, asio::buffer(piece), kUse);
    if (error) co_return;
  }
}

}  // namespace

Behaviour answers(std::string response) {
  return [response](Socket& socket) { return answer(socket, response); };
}

Behaviour says(std::string bytes) {
  return [bytes](Socket& socket) { return say(socket, bytes); };
}

Behaviour drips(std::string response) {
  return [response](Socket& socket) { return drip(socket, response); };
}

Behaviour repeats(std::string head, std::string piece) {
  return [head, piece](Socket& socket) { return repeat(socket, head, piece); };
}

}  // namespace behaviour
}  // namespace sluice::support
