#include "exporters/postgres/postgres_target.h"

#include <fmt/format.h>

#include <array>

#include "core/net/address.h"
#include "core/net/uri.h"
#include "core/whole_number.h"

namespace sluice::exporters::postgres {
namespace {

struct SslModeName {
  SslMode mode;
  std::string_view name;
};
constexpr std::array<SslModeName, 6> kSslModes = {{{SslMode::kDisable, "disable"},
                                                   {SslMode::kAllow, "allow"},
                                                   {SslMode::kPrefer, "prefer"},
                                                   {SslMode::kRequire, "require"},
                                                   {SslMode::kVerifyCa, "verify-ca"},
                                                   {SslMode::kVerifyFull, "verify-full"}}};

std::optional<uint16_t> parse_port(std::string_view text) {
  const auto port = parse_whole<uint16_t>(text);
  return port != 0 ? port : std::nullopt;
}

// Neither control characters nor blanks belong into a name, and a comma would make libpq see a list of hosts.
bool plausible_host(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == ',' || c == '/' || c == '@' || c == '\x7f') return false;
  }
  return true;
}

Result<PostgresTarget> parse_plain(std::string_view text) {
  auto parsed = net::parse_host_port(text, 5432);
  if (!parsed) return parsed.error();
  if (!plausible_host(parsed->host) || parsed->port == 0)
    return invalid(fmt::format("\"{}\" is not host:port", text));
  PostgresTarget target;
  target.host = std::move(parsed->host);
  target.port = parsed->port;
  return target;
}

Result<PostgresTarget> parse_url(std::string_view text) {
  // No message below repeats the text: it may hold a password.
  const auto parsed = net::parse_uri(text);
  if (!parsed) return invalid("not a valid URL (special characters in the password must be percent-encoded)");
  const boost::urls::url_view url = *parsed;
  PostgresTarget target;
  target.host = std::string(url.host_address());
  if (!plausible_host(target.host)) return invalid("the URL names no single host");
  if (url.has_port()) {
    const auto port = parse_port({url.port().data(), url.port().size()});
    if (!port) return invalid("the URL's port is not in 1 to 65535");
    target.port = *port;
  }
  if (url.has_userinfo()) {
    if (std::string user = url.user(); !user.empty()) target.user = std::move(user);
    if (url.has_password()) target.password = std::string(url.password());
  }
  std::string path = url.path();
  if (path.starts_with('/')) path.erase(0, 1);
  if (!path.empty()) target.database = std::move(path);
  if (url.has_fragment()) return invalid("the URL has a fragment ('#' in a password must be written %23)");
  for (const auto& parameter : url.params()) {
    const std::string key = parameter.key;
    const std::string value = parameter.value;
    if (key == "sslmode") {
      target.ssl_mode = parse_ssl_mode(value);
      if (!target.ssl_mode) return invalid(fmt::format("\"{}\" is not an sslmode", value));
    } else if (key == "user") {
      target.user = value;
    } else if (key == "password") {
      target.password = value;
    } else if (key == "dbname") {
      target.database = value;
    } else if (key == "sslrootcert") {
      target.ca_file = value;
    } else if (key == "sslcert") {
      target.cert_file = value;
    } else if (key == "sslkey") {
      target.key_file = value;
    } else if (key == "host" || key == "hostaddr" || key == "port" || key == "service") {
      return invalid(fmt::format("the URL parameter \"{}\" would name another server", key));
    } else if (key.starts_with("ssl")) {
      return invalid(fmt::format("the URL parameter \"{}\" is not known", key));
    }
  }
  return target;
}

}  // namespace

Result<PostgresTarget> parse_target(std::string_view text) {
  if (text.size() > 4096) return limit_met("a target has at most 4096 bytes");
  if (text.find('\0') != std::string_view::npos) return invalid("the target holds a null character");
  const std::string_view scheme = text.substr(0, text.find_first_of(":+"));
  const bool is_url = text.find("://") != std::string_view::npos;
  if (is_url && (scheme == "postgres" || scheme == "postgresql")) return parse_url(text);
  if (is_url) {
    return invalid("a PostgreSQL target is host:port or starts with postgres://");
  }
  if (text.find('@') != std::string_view::npos) {
    return invalid("a target with credentials must be a URL that starts with postgres://");
  }
  return parse_plain(text);
}

std::optional<SslMode> parse_ssl_mode(std::string_view text) {
  for (const SslModeName& row : kSslModes) {
    if (row.name == text) return row.mode;
  }
  return std::nullopt;
}

std::string_view to_string(SslMode mode) {
  return kSslModes[static_cast<size_t>(mode)].name;
}

std::string instance(const PostgresTarget& target) {
  if (target.host.find(':') != std::string::npos) return fmt::format("[{}]:{}", target.host, target.port);
  return fmt::format("{}:{}", target.host, target.port);
}

}  // namespace sluice::exporters::postgres
