#include "agent/config/web_file.h"

#include <filesystem>

#include "agent/config/modules.h"
#include "agent/config/names.h"
#include "agent/config/yaml.h"
#include "core/file/file.h"

namespace sluice::config {
namespace {

void read_tls_server(const Node& node, Diagnostics& diagnostics, const std::string& folder,
                     net::WebConfig& web) {
  Fields fields(node, diagnostics, "tls_server_config");
  net::TlsServerConfig tls;
  const auto path = [&](std::string_view key, std::string& out) {
    if (fields.string(key, out)) out = resolve_path(folder, out);
  };
  fields.require("cert_file");
  fields.require("key_file");
  path("cert_file", tls.cert_file);
  path("key_file", tls.key_file);
  path("client_ca_file", tls.client_ca_file);
  using enum net::ClientAuth;
  static constexpr Word<net::ClientAuth> kWords[] = {{"NoClientCert", kNone},
                                                     {"RequestClientCert", kRequest},
                                                     {"RequireAnyClientCert", kRequireAny},
                                                     {"VerifyClientCertIfGiven", kVerifyIfGiven},
                                                     {"RequireAndVerifyClientCert", kRequireAndVerify}};
  std::string word;
  if (fields.choice("client_auth_type", word,
                    {"NoClientCert", "RequestClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven",
                     "RequireAndVerifyClientCert"})) {
    tls.client_auth = *Words<net::ClientAuth>(kWords).from_word(word);
  }
  if (tls.client_auth == kRequireAndVerify && tls.client_ca_file.empty()) {
    fields.mistake("client_ca_file", "is needed to verify client certificates");
  }
  const auto version = [&](std::string_view key, net::TlsVersion& out) {
    if (fields.choice(key, word, {"TLS10", "TLS11", "TLS12", "TLS13"})) out = *tls_versions().from_word(word);
  };
  version("min_version", tls.min_version);
  version("max_version", tls.max_version);
  // The cipher lists are OpenSSL's own: accepted, so that a file that works elsewhere loads here.
  std::vector<std::string> ignored;
  fields.strings("cipher_suites", ignored);
  fields.strings("curve_preferences", ignored);
  bool prefer = true;
  fields.boolean("prefer_server_cipher_suites", prefer);
  fields.done();
  web.tls = tls;
}

void read_http_server(const Node& node, Diagnostics& diagnostics, net::WebConfig& web) {
  Fields fields(node, diagnostics, "http_server_config");
  bool http2 = true;  // accepted: we speak HTTP/1.1
  fields.boolean("http2", http2);
  std::map<std::string, std::string> headers;
  fields.string_map("headers", headers);
  for (const auto& [name, value] : headers) web.headers.push_back({name, value});
  fields.done();
}

void read_users(Fields& fields, net::WebConfig& web) {
  std::map<std::string, std::string> users;
  if (!fields.string_map("basic_auth_users", users)) return;
  for (const auto& [name, hash] : users) {
    if (!hash.starts_with("$2"))
      fields.mistake("basic_auth_users", "the password of " + quote(name) + " is not a bcrypt hash");
    web.basic_auth_users[name] = hash;
  }
}

}  // namespace

std::optional<net::WebConfig> load_web_file(const std::string& path, Mistakes& mistakes) {
  const Result<std::string> text = file::read(path);
  if (text.has_error()) {
    mistakes.push_back({path, 0, 0, text.error().message});
    return std::nullopt;
  }
  Diagnostics diagnostics(path);
  net::WebConfig web;
  if (const auto root = parse_yaml(*text, diagnostics)) {
    Fields fields(*root, diagnostics, "");
    const std::string folder = std::filesystem::path(path).parent_path().string();
    if (const Node* node = fields.child("tls_server_config"))
      read_tls_server(*node, diagnostics, folder, web);
    if (const Node* node = fields.child("http_server_config")) read_http_server(*node, diagnostics, web);
    read_users(fields, web);
    fields.done();
  }
  if (diagnostics.ok()) return web;
  for (Mistake& mistake : diagnostics.take()) mistakes.push_back(std::move(mistake));
  return std::nullopt;
}

}  // namespace sluice::config
