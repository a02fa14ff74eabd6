#pragma once
// The request a module describes, with its secrets read.

#include <string>

#include "core/http_message.h"
#include "core/net/resolver.h"
#include "core/net/url.h"
#include "core/result.h"
#include "exporters/http/config.h"

namespace sluice::exporters::http {

// A request for `url` with the module's method, headers, credentials and body. Files are read now, each time:
// a rotated secret needs no reload. Fails when one cannot be read. User and password in the URL become basic
// authentication unless the module has its own, and leave the URL.
Result<HttpRequest> make_request(const HttpModule& module, const std::string& url);
Result<HttpRequest> make_request(const HttpModule& module, const net::Url& url);

net::ResolveOptions resolve_options(const HttpModule& module);

// "example.com/x" -> "http://example.com/x", as blackbox_exporter takes targets.
std::string with_scheme(const std::string& target);

}  // namespace sluice::exporters::http
