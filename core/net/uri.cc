#include "core/net/uri.h"

#include <boost/url/grammar/error.hpp>
#include <boost/url/parse.hpp>

namespace sluice::net {

boost::urls::result<boost::urls::url_view> parse_uri(std::string_view text) {
  auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (parsed && parsed->has_authority()) {
    const auto path = parsed->encoded_path();
    if (!path.empty() && path.front() != '/') return boost::urls::grammar::error::mismatch;
  }
  return parsed;
}

}  // namespace sluice::net
