#include "core/net/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

#include "core/net/address.h"
#include "core/net/http_codec.h"
#include "core/net/uri.h"
#include "core/whole_number.h"

namespace urls = boost::urls;

namespace sluice::net {
namespace {

constexpr size_t kUrlBytesMax = 8 * 1024;
constexpr int kHttpPort = 80, kHttpsPort = 443;

uint16_t default_port(bool https) {
  return https ? kHttpsPort : kHttpPort;
}

// What people write and browsers accept, but RFC 3986 does not: "|", "{", non-ASCII letters. Percent-encoded,
// as Go does it.
bool is_odd(char c) {
  constexpr std::string_view kOdd = "\"<>\\^`{|}";
  return static_cast<unsigned char>(c) >= 0x80 || kOdd.find(c) != kOdd.npos;
}

std::string made_strict(std::string_view text) {
  if (std::none_of(text.begin(), text.end(), is_odd)) return std::string(text);
  std::string strict;
  for (const char c : text) {
    if (is_odd(c)) {
      strict += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      strict += c;
    }
  }
  return strict;
}

Result<Url> to_url(const urls::url_view& parsed, std::string_view text) {
  // The message must not show the user and password that a URL may carry.
  const auto wrong = [&](std::string_view why) {
    const size_t at = text.rfind('@');
    return invalid(fmt::format("\"{}\" is not a usable URL: {}",
                               text.substr(at == text.npos ? 0 : at + 1).substr(0, 256), why));
  };
  Url url;
  url.scheme = std::string(parsed.scheme());
  for (char& c : url.scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (url.scheme != "http" && url.scheme != "https") return wrong("the scheme is neither http nor https");
  url.user = parsed.user();
  url.password = parsed.password();
  url.host = parsed.host_type() == urls::host_type::ipv6 ? parsed.host_address() : parsed.host();
  for (char& c : url.host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (url.host.empty()) return wrong("it has no host");
  // Decoded, a host could hold what ends it: "a%2Fb". Names beyond ASCII have a spelling of their own.
  if (parsed.host_type() != urls::host_type::ipv6 &&
      parsed.encoded_host().find('%') != std::string_view::npos)
    return wrong("its host is percent-encoded or not ASCII (write it in punycode, xn--...)");
  url.has_port = parsed.has_port() && !parsed.port().empty();
  // port_number() wraps around.
  const auto port = parsed.port();
  const uint16_t number = parse_whole<uint16_t>({port.data(), port.size()}).value_or(0);
  if (url.has_port && number == 0) return wrong("its port is not a number from 1 to 65535");
  url.port = url.has_port ? number : default_port(url.https());
  const auto path = parsed.encoded_path();
  url.target = path.empty() ? "/" : std::string(path.data(), path.size());
  if (parsed.has_query()) {
    const auto query = parsed.encoded_query();
    url.target += "?" + std::string(query.data(), query.size());
  }
  return url;
}

bool is_domain_or_subdomain(std::string_view host, std::string_view parent) {
  if (host == parent) return true;
  // An address has no sub-domains, whatever its digits look like.
  if (parse_ip(host)) return false;
  return host.size() > parent.size() && host.ends_with(parent) &&
         host[host.size() - parent.size() - 1] == '.';
}

}  // namespace

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == default_port(https()) ? name : fmt::format("{}:{}", name, port);
}

std::string Url::to_string() const {
  return scheme + "://" + authority() + target;
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kUrlBytesMax) return limit_met(fmt::format("a URL of more than {} bytes", kUrlBytesMax));
  const std::string strict = made_strict(text);
  const auto parsed = parse_uri(strict);
  if (!parsed) {
    const size_t at = text.rfind('@');
    const std::string_view shown = text.substr(at == text.npos ? 0 : at + 1).substr(0, 256);
    return invalid(fmt::format("\"{}\" is not a URL: {}", shown, parsed.error().message()));
  }
  return to_url(*parsed, text);
}

Result<Url> resolve_reference(const Url& base, std::string_view reference) {
  if (reference.size() > kUrlBytesMax)
    return limit_met(fmt::format("a URL of more than {} bytes", kUrlBytesMax));
  const std::string strict = made_strict(reference);
  const auto parsed = urls::parse_uri_reference(strict);
  if (!parsed) {
    return invalid(
        fmt::format("\"{}\" is not a URL: {}", reference.substr(0, 256), parsed.error().message()));
  }
  const std::string base_text = base.to_string();
  const auto base_url = parse_uri(base_text);
  if (!base_url) return invalid("the base is not a URL");
  // Its twin for references: "//a:80x/y".
  if (const auto path = parsed->encoded_path();
      parsed->has_authority() && !path.empty() && path.front() != '/')
    return invalid(fmt::format("\"{}\" is not a URL: its port is no number", reference.substr(0, 256)));
  urls::url resolved;
  if (const auto done = urls::resolve(*base_url, *parsed, resolved); !done) {
    return invalid(
        fmt::format("\"{}\" does not resolve: {}", reference.substr(0, 256), done.error().message()));
  }
  return to_url(resolved, reference);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<HttpRequest> redirected(const HttpRequest& request, int status, std::string_view location) {
  if (location.empty()) return invalid("a redirect without a Location header");
  const Result<Url> from = parse_url(request.url);
  if (!from) return from.error();
  Result<Url> to = resolve_reference(*from, location);
  if (!to) return to.error();

  HttpRequest next = request;
  next.url = to->to_string();
  const bool keeps_method = status == 307 || status == 308;
  if (!keeps_method && next.method != "HEAD") next.method = "GET";
  const bool drops_body = !keeps_method;
  if (drops_body) next.body.clear();
  const bool leaves = !is_domain_or_subdomain(to->host, from->host);
  const bool downgraded = from->https() && !to->https();
  std::erase_if(next.headers, [&](const HttpHeader& header) {
    const auto is = [&](std::string_view name) { return same_name(header.name, name); };
    if (is("host")) return true;  // it named the first host
    if (drops_body && (is("content-type") || is("content-length") || is("content-encoding"))) return true;
    return (leaves || downgraded) && (is("authorization") || is("cookie") || is("www-authenticate"));
  });
  return next;
}

}  // namespace sluice::net
