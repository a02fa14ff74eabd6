#pragma once
// Peers that misbehave, on loopback, on the loop of the test.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::support {

using Socket = boost::asio::ip::tcp::socket;

// What a peer does with one connection. The socket is closed when it returns.
using Behaviour = std::function<boost::asio::awaitable<void>(Socket& socket)>;

// Listens on a free port of 127.0.0.1 and treats each connection with `behaviour`.
class FakePeer {
 public:
  FakePeer(boost::asio::io_context& io, Behaviour behaviour);
  ~FakePeer();
  FakePeer(const FakePeer&) = delete;
  FakePeer& operator=(const FakePeer&) = delete;

  uint16_t port() const;
  int connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// A port that nobody can connect to: its listener's queue is full, and nobody empties it.
class DeafPort {
 public:
  explicit DeafPort(boost::asio::io_context& io);
  uint16_t port() const;

 private:
  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<Socket> waiting_;
};

// Reads until the end of a request's header ("\r\n\r\n"), and returns it.
boost::asio::awaitable<std::string> read_request(Socket& socket);
boost::asio::awaitable<void> send(Socket& socket, std::string bytes);
// Waits until the other side goes away.
boost::asio::awaitable<void> hang(Socket& socket);
// Carries bytes both ways until one side ends.
boost::asio::awaitable<void> relay(Socket& left, Socket& right);
// Closes with a reset instead of a farewell.
void reset(Socket& socket);

namespace behaviour {
Behaviour hangs();                                       // accepts, and never says a word
Behaviour resets();                                      // accepts, and resets at once
Behaviour answers(std::string response);                 // reads a request, answers, closes
Behaviour says(std::string bytes);                       // says this without being asked, then waits
Behaviour drips(std::string response);                   // answers one byte a second
Behaviour repeats(std::string head, std::string piece);  // answers `head`, then `piece` for ever
}  // namespace behaviour

}  // namespace sluice::support
