#include "core/net/line_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "core/check.h"
#include "core/net/listen.h"

namespace sluice::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

struct Shared {
  LineServerOptions options;
  LineServer::Answer answer;
  size_t connections = 0;
};

// Whatever hangs in it ends when the timer closes the socket.
asio::awaitable<void> converse(std::shared_ptr<Shared> shared, std::shared_ptr<tcp::socket> socket) {
  ++shared->connections;
  asio::steady_timer timer(socket->get_executor(), shared->options.timeout);
  timer.async_wait([socket](const boost::system::error_code& cancelled) {
    boost::system::error_code ignored;
    if (!cancelled) socket->close(ignored);
  });
  std::string line;
  const auto [read_error, bytes] = co_await asio::async_read_until(
      *socket, asio::dynamic_buffer(line, shared->options.line_bytes_max), '\n', kUse);
  if (!read_error) {
    line.resize(line.find_last_not_of("\r\n", bytes - 1) + 1);
    const std::string answer = shared->answer(line) + "\n";
    const auto [write_error, written] = co_await asio::async_write(*socket, asio::buffer(answer), kUse);
    boost::system::error_code ignored;
    if (!write_error) socket->shutdown(tcp::socket::shutdown_both, ignored);
  }
  timer.cancel();
  --shared->connections;
}

class Server final : public LineServer {
 public:
  Server(const asio::any_io_executor& executor, LineServerOptions options, Answer answer)
      : shared_(std::make_shared<Shared>()), acceptor_(executor) {
    shared_->options = std::move(options);
    shared_->answer = std::move(answer);
  }

  Result<void> open() {
    const Result<tcp::endpoint> endpoint = listen_endpoint(shared_->options.listen_address);
    if (!endpoint) return endpoint.error();
    return open_acceptor(acceptor_, *endpoint, shared_->options.listen_address);
  }

  uint16_t port() const override {
    boost::system::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
  }

  asio::awaitable<void> run() override {
    asio::steady_timer pause(acceptor_.get_executor());
    while (acceptor_.is_open()) {
      auto [error, accepted] = co_await acceptor_.async_accept(kUse);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors: the next one is tried a little later
        pause.expires_after(100ms);
        co_await pause.async_wait(kUse);
        continue;
      }
      if (shared_->connections >= shared_->options.connections_max) continue;
      auto socket = std::make_shared<tcp::socket>(std::move(accepted));
      asio::co_spawn(acceptor_.get_executor(), converse(shared_, std::move(socket)),
                     [](const std::exception_ptr& escaped) {
                       SLUICE_CHECK(escaped == nullptr, "nothing that is awaited here throws");
                     });
    }
  }

  void stop() override {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  std::shared_ptr<Shared> shared_;
  tcp::acceptor acceptor_;
};

}  // namespace

Result<std::unique_ptr<LineServer>> LineServer::listen(const asio::any_io_executor& executor,
                                                       LineServerOptions options, Answer answer) {
  auto server = std::make_unique<Server>(executor, std::move(options), std::move(answer));
  if (const auto opened = server->open(); opened.has_error()) return opened.error();
  return std::unique_ptr<LineServer>(std::move(server));
}

}  // namespace sluice::net
