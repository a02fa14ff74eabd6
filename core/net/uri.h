#pragma once
// Boost.URL as all of our URL readers use it. Only for .cc files.

#include <boost/url/error_types.hpp>
#include <boost/url/url_view.hpp>
#include <string_view>

namespace sluice::net {

// parse_uri, except that behind an authority a path must start with "/", as RFC 3986 has it: Boost 1.81 takes
// what follows the digits of a port for a path ("http://a:80x/y" is host a, port 80, path "x/y"). The view
// refers to `text`.
boost::urls::result<boost::urls::url_view> parse_uri(std::string_view text);

}  // namespace sluice::net
