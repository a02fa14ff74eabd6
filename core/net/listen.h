#pragma once
// Where servers listen. Only for the .cc files of core/net.

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "core/result.h"

namespace sluice::net {

// "HOST:PORT" with an address, "localhost" or nothing as host; port 0 is any.
Result<boost::asio::ip::tcp::endpoint> listen_endpoint(const std::string& listen_address);
// All addresses of both families when the endpoint names none.
Result<void> open_acceptor(boost::asio::ip::tcp::acceptor& acceptor, boost::asio::ip::tcp::endpoint endpoint,
                           const std::string& listen_address);

}  // namespace sluice::net
