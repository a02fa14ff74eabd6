#include "core/net/listen.h"

#include <fmt/format.h>

#include <boost/asio/ip/v6_only.hpp>

#include "core/net/address.h"
#include "core/net/tcp_stream.h"

namespace sluice::net {

namespace asio = boost::asio;

namespace {
constexpr int kBacklog = 256;
}  // namespace

Result<asio::ip::tcp::endpoint> listen_endpoint(const std::string& listen_address) {
  const Result<HostPort> parsed = parse_host_port(listen_address);
  if (!parsed) return parsed.error();
  if (parsed->host.empty()) return asio::ip::tcp::endpoint(asio::ip::tcp::v6(), parsed->port);
  const std::optional<IpAddress> address = parse_ip(parsed->host == "localhost" ? "127.0.0.1" : parsed->host);
  if (!address) return invalid(fmt::format("\"{}\": listen on an address, not on a name", listen_address));
  return to_asio({*address, parsed->port});
}

Result<void> open_acceptor(asio::ip::tcp::acceptor& acceptor, asio::ip::tcp::endpoint endpoint,
                           const std::string& listen_address) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  const bool any = endpoint.address().is_unspecified() && endpoint.address().is_v6();
  if (error && any) {  // a host without IPv6
    endpoint = asio::ip::tcp::endpoint(asio::ip::tcp::v4(), endpoint.port());
    error = {};
    acceptor.open(endpoint.protocol(), error);
  } else if (!error && any) {
    acceptor.set_option(asio::ip::v6_only(false), error);
  }
  if (!error) acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return unavailable(fmt::format("cannot listen on {}: {}", listen_address, error.message()));
  return {};
}

}  // namespace sluice::net
