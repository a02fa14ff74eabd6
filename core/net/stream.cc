#include "core/net/stream.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "core/net/clock.h"
#include "core/net/tcp_stream.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

Fault to_fault(const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
    return {FaultKind::kClosed, "closed"};
  }
  if (error == asio::error::connection_refused) return {FaultKind::kRefused, "connection refused"};
  if (error == asio::error::network_unreachable || error == asio::error::host_unreachable ||
      error == asio::error::network_down || error == asio::error::address_family_not_supported ||
      error == boost::system::errc::address_not_available ||
      error == boost::system::errc::permission_denied ||
      error == boost::system::errc::operation_not_permitted) {
    return {FaultKind::kUnreachable, error.message()};
  }
  if (error == asio::error::timed_out) return {FaultKind::kConnectTimeout, "the connection timed out"};
  return {FaultKind::kReset, error.message()};
}

class TcpStream final : public Stream {
 public:
  explicit TcpStream(asio::ip::tcp::socket socket, Endpoint remote)
      : socket_(std::move(socket)), remote_(remote) {}

  asio::awaitable<NetResult<size_t>> read_some(std::span<char> buffer) override {
    const auto [error, n] =
        co_await socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), kUse);
    if (error == asio::error::eof) co_return size_t{0};
    if (error) co_return to_fault(error);
    co_return n;
  }

  asio::awaitable<NetResult<void>> write_all(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto [error, n] =
          co_await socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()), kUse);
      if (error) co_return to_fault(error);
      bytes.remove_prefix(n);
    }
    co_return NetResult<void>();
  }

  void close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  void cancel() override {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }

  asio::awaitable<void> finish() override {
    boost::system::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    co_return;
  }

  bool quiet() override {
    char byte = 0;
    const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  Endpoint remote() const override { return remote_; }

 private:
  asio::ip::tcp::socket socket_;
  Endpoint remote_;
};

// One attempt. On failure the socket is gone; the fault is not yet judged against any deadline.
asio::awaitable<NetResult<std::unique_ptr<Stream>>> attempt(Endpoint endpoint,
                                                            std::optional<IpAddress> source,
                                                            Deadline& deadline) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::ip::tcp::socket socket(executor);
  boost::system::error_code failed;
  socket.open(endpoint.address.is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), failed);
  if (!failed && source) socket.bind(to_asio({*source, 0}), failed);
  if (failed) co_return to_fault(failed);
  deadline.on_expiry([&socket] {
    boost::system::error_code ignored;
    socket.close(ignored);
  });
  const auto [error] = co_await socket.async_connect(to_asio(endpoint), kUse);
  deadline.release();
  if (error) co_return to_fault(error);
  co_return wrap_socket(std::move(socket), endpoint);
}

}  // namespace

asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint) {
  if (!endpoint.address.is_v6) {
    asio::ip::address_v4::bytes_type bytes;
    std::copy_n(endpoint.address.bytes.begin(), 4, bytes.begin());
    return {asio::ip::address_v4(bytes), endpoint.port};
  }
  asio::ip::address_v6::bytes_type bytes;
  std::copy_n(endpoint.address.bytes.begin(), 16, bytes.begin());
  return {asio::ip::address_v6(bytes, endpoint.address.scope), endpoint.port};
}

Endpoint from_asio(const asio::ip::tcp::endpoint& endpoint) {
  Endpoint result;
  result.port = endpoint.port();
  const asio::ip::address address = endpoint.address();
  // A dual-stack listener sees IPv4 peers as mapped addresses; people know them by their own.
  if (address.is_v4() || address.to_v6().is_v4_mapped()) {
    const auto v4 =
        address.is_v4() ? address.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    const auto bytes = v4.to_bytes();
    std::copy(bytes.begin(), bytes.end(), result.address.bytes.begin());
    return result;
  }
  const auto bytes = address.to_v6().to_bytes();
  std::copy(bytes.begin(), bytes.end(), result.address.bytes.begin());
  result.address.is_v6 = true;
  result.address.scope = static_cast<uint32_t>(address.to_v6().scope_id());
  return result;
}

std::unique_ptr<Stream> wrap_socket(asio::ip::tcp::socket socket, Endpoint remote) {
  boost::system::error_code ignored;
  // Without this a delayed acknowledgement of the peer shows as 40 ms of "transfer".
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  return std::make_unique<TcpStream>(std::move(socket), remote);
}

asio::awaitable<NetResult<std::unique_ptr<Stream>>> connect_tcp(Endpoint endpoint, Deadline& deadline,
                                                                std::optional<IpAddress> source) {
  auto stream = co_await attempt(endpoint, source, deadline);
  if (!stream) {
    Fault fault = deadline.judge(stream.error(), FaultKind::kConnectTimeout);
    fault.message = fmt::format("{}: {}", endpoint.to_string(), fault.message);
    co_return fault;
  }
  deadline.closes(**stream);
  co_return stream;
}

asio::awaitable<NetResult<std::unique_ptr<Stream>>> connect_any(std::vector<IpAddress> addresses,
                                                                uint16_t port, Deadline& deadline) {
  // The usual case: all of the time is for the only address.
  if (addresses.size() == 1) co_return co_await connect_tcp({addresses[0], port}, deadline);
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::optional<Fault> last;
  for (size_t i = 0; i < addresses.size() && !deadline.expired(); ++i) {
    const Endpoint endpoint{addresses[i], port};
    const Instant now = RealClock().now();
    const auto share = (deadline.at() - now) / static_cast<int64_t>(addresses.size() - i);
    Deadline own(executor, std::min(deadline.at(), now + share));
    auto stream = co_await connect_tcp(endpoint, own);
    own.release();
    if (stream) {
      deadline.closes(**stream);
      co_return stream;
    }
    last = stream.error();
  }
  if (!last) co_return Fault{FaultKind::kConnectTimeout, "no time left to connect"};
  co_return *last;
}

}  // namespace sluice::net
