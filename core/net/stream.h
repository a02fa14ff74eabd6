#pragma once
// The narrow waist of all network I/O: bytes in, bytes out, plain or TLS behind one interface, so that
// protocols are written once and files that speak them compile without Asio's sockets or OpenSSL.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/net/address.h"
#include "core/net/deadline.h"
#include "core/net/fault.h"

namespace sluice::net {

struct TlsFacts;

// At most one read and one write at a time; both from the thread of its executor. Destroying it closes it,
// which must not happen while an operation is under way: close() first, and let the operation end.
class Stream {
 public:
  Stream() : self_(std::make_shared<Stream*>(this)) {}
  virtual ~Stream() { *self_ = nullptr; }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // 1 to buffer.size() bytes, or 0 at the orderly end of the stream. Faults: kReset, kClosed, kProtocol
  // (TLS).
  virtual boost::asio::awaitable<NetResult<size_t>> read_some(std::span<char> buffer) = 0;
  // All of it, or a fault. `bytes` must stay valid until then.
  virtual boost::asio::awaitable<NetResult<void>> write_all(std::string_view bytes) = 0;
  // At once, without a farewell; operations under way end with kClosed. May be called again.
  virtual void close() = 0;
  // Breaks off what is under way, which ends with kClosed; the stream stays open.
  virtual void cancel() = 0;
  // Tells the peer that nothing more will be sent: TLS close_notify, TCP FIN.
  virtual boost::asio::awaitable<void> finish() = 0;
  // Nothing has arrived that was not read, not even the end: an idle connection that can be used again.
  virtual bool quiet() = 0;
  virtual Endpoint remote() const = 0;
  // What the handshake showed; null on a plain stream.
  virtual const TlsFacts* tls() const { return nullptr; }
  // Points to this stream, or to null once it is gone: how a deadline refers to it.
  std::shared_ptr<Stream*> self() const { return self_; }

 private:
  std::shared_ptr<Stream*> self_;
};

// A TCP connection with TCP_NODELAY. Faults: kRefused, kUnreachable, kReset, kConnectTimeout.
// Afterwards the deadline closes this stream. `source` is the local address to
// connect from.
boost::asio::awaitable<NetResult<std::unique_ptr<Stream>>> connect_tcp(Endpoint endpoint, Deadline& deadline,
                                                                       std::optional<IpAddress> source = {});

// Tries the addresses in order, the next one when one fails; an address that only hangs gets its share of the
// time that is left, not all of it. The fault is that of the last one tried.
boost::asio::awaitable<NetResult<std::unique_ptr<Stream>>> connect_any(std::vector<IpAddress> addresses,
                                                                       uint16_t port, Deadline& deadline);

}  // namespace sluice::net
