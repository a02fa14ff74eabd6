#pragma once
// Sockets of Asio as streams of ours. Only for the .cc files of core/net.

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "core/net/stream.h"

namespace sluice::net {

boost::asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint);
Endpoint from_asio(const boost::asio::ip::tcp::endpoint& endpoint);
// A connected socket; sets TCP_NODELAY.
std::unique_ptr<Stream> wrap_socket(boost::asio::ip::tcp::socket socket, Endpoint remote);

}  // namespace sluice::net
