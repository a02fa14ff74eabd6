#include "agent/config/modules.h"

#include <fmt/format.h>

#include "agent/config/names.h"

namespace sluice::config {
namespace {

using exporters::Module;

// Reads a key that holds a map with a loader of its own.
template <typename Read>
void section(Fields& fields, std::string_view key, Read read) {
  if (const Node* node = fields.child(key)) read(*node, fields.name(key));
}

void read_path(Fields& fields, std::string_view key, const std::string& folder, std::string& out) {
  if (fields.string(key, out)) out = resolve_path(folder, out);
}

// Exactly one of a secret and the file it stands in.
void read_secret(Fields& fields, std::string_view key, const std::string& folder, std::string& value,
                 std::string& file) {
  static constexpr std::string_view kFileKeys[][2] = {{"password", "password_file"},
                                                      {"username", "username_file"},
                                                      {"credentials", "credentials_file"},
                                                      {"bearer_token", "bearer_token_file"},
                                                      {"body", "body_file"}};
  fields.string(key, value);
  for (const auto& [name, file_key] : kFileKeys) {
    if (name != key) continue;
    read_path(fields, file_key, folder, file);
    if (!value.empty() && !file.empty())
      fields.mistake(file_key, fmt::format("at most one of {} and {}", name, file_key));
  }
}

void read_ip_protocol(Fields& fields, net::IpFamily& preferred, bool& fallback) {
  std::string word;
  if (fields.choice("preferred_ip_protocol", word, {"ip4", "ip6"})) {
    preferred = word == "ip4" ? net::IpFamily::kIp4 : net::IpFamily::kIp6;
  }
  fields.boolean("ip_protocol_fallback", fallback);
}

void read_basic_auth(const Node& node, Diagnostics& diagnostics, const std::string& name,
                     const std::string& folder, std::optional<exporters::http::BasicAuth>& out) {
  Fields fields(node, diagnostics, name);
  exporters::http::BasicAuth auth;
  read_secret(fields, "username", folder, auth.username, auth.username_file);
  read_secret(fields, "password", folder, auth.password, auth.password_file);
  fields.done();
  out = auth;
}

void read_authorization(Fields& fields, const std::string& folder,
                        std::optional<exporters::http::Authorization>& out) {
  Diagnostics& diagnostics = fields.diagnostics();
  section(fields, "authorization", [&](const Node& node, const std::string& name) {
    Fields inner(node, diagnostics, name);
    exporters::http::Authorization authorization;
    inner.string("type", authorization.type);
    read_secret(inner, "credentials", folder, authorization.credentials, authorization.credentials_file);
    inner.done();
    out = authorization;
  });
  exporters::http::Authorization bearer;
  read_secret(fields, "bearer_token", folder, bearer.credentials, bearer.credentials_file);
  if (bearer.credentials.empty() && bearer.credentials_file.empty()) return;
  if (out) {
    fields.mistake("authorization", "at most one of authorization, bearer_token and bearer_token_file");
  } else {
    out = bearer;
  }
}

void read_header_matches(Fields& fields, std::string_view key,
                         std::vector<exporters::http::HeaderMatch>& out) {
  fields.each(key, [&](const Node& node, const std::string& name) {
    Fields inner(node, fields.diagnostics(), name);
    exporters::http::HeaderMatch match;
    inner.require("header");
    inner.require("regexp");
    inner.string("header", match.header);
    inner.string("regexp", match.regexp);
    inner.boolean("allow_missing", match.allow_missing);
    inner.done();
    out.push_back(match);
  });
}

void read_http_headers(Fields& fields, const std::string& folder,
                       std::vector<exporters::http::ExtraHeader>& out) {
  section(fields, "http_headers", [&](const Node& node, const std::string& name) {
    if (node.kind != Node::Kind::kMap) {
      fields.mistake("http_headers", "must be a map of header names");
      return;
    }
    for (const Entry& entry : node.entries) {
      Fields inner(entry.value, fields.diagnostics(), fmt::format("{}.{}", name, entry.key));
      exporters::http::ExtraHeader header;
      header.name = entry.key;
      inner.strings("values", header.values);
      inner.strings("secrets", header.secrets);
      inner.strings("files", header.files);
      for (std::string& file : header.files) file = resolve_path(folder, file);
      inner.done();
      out.push_back(header);
    }
  });
}

void read_status_codes(Fields& fields, std::vector<int>& out) {
  fields.each("valid_status_codes", [&](const Node& node, const std::string& name) {
    if (const auto code = read_integer(node, fields.diagnostics(), name))
      out.push_back(static_cast<int>(*code));
  });
}

// The keys that blackbox_exporter has for proxies and OAuth2: refused by name, never ignored.
void refuse(Fields& fields, std::initializer_list<std::string_view> keys, std::string_view why) {
  for (const std::string_view key : keys) {
    if (fields.child(key) != nullptr) fields.mistake(key, std::string(why));
  }
}

template <typename Problems>
void report(const Node& node, Diagnostics& diagnostics, const std::string& name, const Problems& problems) {
  for (const auto& problem : problems) {
    const Node* at = node.find(problem.key);
    diagnostics.add(at != nullptr ? at->mark : node.mark,
                    fmt::format("{}.{}: {}", name, problem.key, problem.message));
  }
}

void read_http_keys(Fields& fields, const std::string& folder, exporters::http::HttpModule& http) {
  Diagnostics& diagnostics = fields.diagnostics();
  read_status_codes(fields, http.valid_status_codes);
  fields.strings("valid_http_versions", http.valid_http_versions);
  read_ip_protocol(fields, http.preferred_ip_protocol, http.ip_protocol_fallback);
  fields.string("method", http.method);
  std::map<std::string, std::string> headers;
  fields.string_map("headers", headers);
  for (const auto& [header, value] : headers) http.headers.push_back({header, value});
  read_secret(fields, "body", folder, http.body, http.body_file);
  fields.string("compression", http.compression);
  fields.boolean("follow_redirects", http.follow_redirects);
  fields.boolean("enable_http2", http.enable_http2);
  fields.boolean("fail_if_ssl", http.fail_if_ssl);
  fields.boolean("fail_if_not_ssl", http.fail_if_not_ssl);
  fields.strings("fail_if_body_matches_regexp", http.fail_if_body_matches_regexp);
  fields.strings("fail_if_body_not_matches_regexp", http.fail_if_body_not_matches_regexp);
  read_header_matches(fields, "fail_if_header_matches", http.fail_if_header_matches);
  read_header_matches(fields, "fail_if_header_not_matches", http.fail_if_header_not_matches);
  size_t limit = static_cast<size_t>(http.body_size_limit);
  if (fields.bytes("body_size_limit", limit)) http.body_size_limit = limit;
  section(fields, "tls_config", [&](const Node& node, const std::string& name) {
    read_tls_config(node, diagnostics, name, folder, http.tls_config);
  });
  section(fields, "basic_auth", [&](const Node& node, const std::string& name) {
    read_basic_auth(node, diagnostics, name, folder, http.basic_auth);
  });
  read_authorization(fields, folder, http.authorization);
  read_http_headers(fields, folder, http.http_headers);
  refuse(fields, {"proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header"},
         "proxies are not supported: the agent probes directly");
  refuse(fields, {"oauth2"}, "not supported; use authorization with credentials_file");
  refuse(fields, {"fail_if_body_json_matches_cel", "fail_if_body_json_not_matches_cel"},
         "CEL expressions are not supported");
}

void read_http(const Node& node, Diagnostics& diagnostics, const std::string& name, const std::string& folder,
               Module& module) {
  Fields fields(node, diagnostics, name);
  read_http_keys(fields, folder, module.http);
  fields.done();
  if (module.prober == "http") report(node, diagnostics, name, exporters::http::problems(module.http));
}

void read_tcp(const Node& node, Diagnostics& diagnostics, const std::string& name, const std::string& folder,
              Module& module) {
  Fields fields(node, diagnostics, name);
  exporters::tcp::TcpModule& tcp = module.tcp;
  read_ip_protocol(fields, tcp.preferred_ip_protocol, tcp.ip_protocol_fallback);
  fields.string("source_ip_address", tcp.source_ip_address);
  fields.boolean("tls", tcp.tls);
  section(fields, "tls_config", [&](const Node& inner, const std::string& inner_name) {
    read_tls_config(inner, diagnostics, inner_name, folder, tcp.tls_config);
  });
  fields.each("query_response", [&](const Node& step, const std::string& step_name) {
    Fields inner(step, diagnostics, step_name);
    exporters::tcp::QueryResponse query;
    inner.string("expect", query.expect);
    inner.string("send", query.send);
    inner.boolean("starttls", query.starttls);
    inner.each("labels", [&](const Node& label, const std::string& label_name) {
      Fields pair(label, diagnostics, label_name);
      exporters::tcp::QueryResponse::ExpectLabel expect;
      pair.string("name", expect.name);
      pair.string("value", expect.value);
      pair.done();
      query.labels.push_back(expect);
    });
    inner.done();
    tcp.query_response.push_back(query);
  });
  fields.done();
  report(node, diagnostics, name, exporters::tcp::problems(tcp));
}

void read_oidc(const Node& node, Diagnostics& diagnostics, const std::string& name, const std::string&,
               Module& module) {
  Fields fields(node, diagnostics, name);
  exporters::oidc::OidcModule& oidc = module.oidc;
  fields.string("issuer", oidc.issuer);
  fields.string("health_path", oidc.health_path);
  fields.string("jwks_uri", oidc.jwks_uri);
  fields.strings("algorithms", oidc.algorithms);
  fields.strings("allowed_hosts", oidc.allowed_hosts);
  fields.integer("min_rsa_bits", oidc.min_rsa_bits, 1024, 16384);
  fields.done();
}

void read_postgres(const Node& node, Diagnostics& diagnostics, const std::string& name,
                   const std::string& folder, Module& module) {
  Fields fields(node, diagnostics, name);
  exporters::postgres::PostgresModule& postgres = module.postgres;
  fields.string("user", postgres.user);
  read_secret(fields, "password", folder, postgres.password, postgres.password_file);
  fields.string("database", postgres.database);
  fields.string("application_name", postgres.application_name);
  std::string mode;
  if (fields.choice("sslmode", mode, {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})) {
    postgres.ssl_mode = *ssl_modes().from_word(mode);
  }
  read_path(fields, "sslrootcert", folder, postgres.ca_file);
  read_path(fields, "sslcert", folder, postgres.cert_file);
  read_path(fields, "sslkey", folder, postgres.key_file);
  fields.duration("connect_timeout", postgres.connect_timeout);
  fields.boolean("fail_if_read_only", postgres.fail_if_read_only);
  fields.boolean("reuse_connection", postgres.reuse_connection);
  fields.boolean("statistics", postgres.statistics);
  read_path(fields, "queries_file", folder, postgres.queries_file);
  fields.done();
}

void read_redis(const Node& node, Diagnostics& diagnostics, const std::string& name,
                const std::string& folder, Module& module) {
  Fields fields(node, diagnostics, name);
  exporters::redis::RedisModule& redis = module.redis;
  fields.string("username", redis.username);
  read_secret(fields, "password", folder, redis.password, redis.password_file);
  fields.boolean("tls", redis.tls);
  section(fields, "tls_config", [&](const Node& inner, const std::string& inner_name) {
    read_tls_config(inner, diagnostics, inner_name, folder, redis.tls_config);
  });
  section(fields, "write_canary", [&](const Node& inner, const std::string& inner_name) {
    Fields canary(inner, diagnostics, inner_name);
    canary.boolean("enabled", redis.write_canary.enabled);
    canary.string("key", redis.write_canary.key);
    canary.duration("ttl", redis.write_canary.ttl, 1s);
    canary.done();
  });
  std::string role;
  if (fields.choice("expect_role", role, {"any", "master", "replica", "sentinel"}))
    redis.expect_role = *redis_roles().from_word(role);
  fields.boolean("fail_if_read_only", redis.fail_if_read_only);
  fields.boolean("statistics", redis.statistics);
  fields.done();
}

using ReadProber = void (*)(const Node&, Diagnostics&, const std::string&, const std::string&, Module&);
struct ProberRow {
  std::string_view name;
  ReadProber read;
};
// One row per prober; the key of its settings is its name.
constexpr ProberRow kProbers[] = {{"http", read_http},
                                  {"tcp", read_tcp},
                                  {"oidc", read_oidc},
                                  {"postgres", read_postgres},
                                  {"redis", read_redis}};

// An oidc module may have an `http:` part: how its endpoints are asked.
bool belongs(std::string_view section, std::string_view prober) {
  return section == prober || (section == "http" && prober == "oidc");
}

void read_module(const Node& node, Diagnostics& diagnostics, const std::string& name,
                 const std::string& folder, Module& module) {
  Fields fields(node, diagnostics, name);
  fields.require("prober");
  const bool known = fields.choice("prober", module.prober, {"http", "tcp", "oidc", "postgres", "redis"});
  fields.duration("timeout", module.timeout, 1ms);
  for (const ProberRow& row : kProbers) {
    const Node* settings = fields.child(row.name);
    if (settings == nullptr) continue;
    row.read(*settings, diagnostics, fields.name(row.name), folder, module);
    if (known && !belongs(row.name, module.prober)) {
      fields.mistake(row.name, fmt::format("the module's prober is {}", module.prober));
    }
  }
  fields.done();
  if (module.prober == "oidc") {
    module.oidc.http = module.http;
    const Node* settings = node.find("oidc");
    report(settings != nullptr ? *settings : node, diagnostics, name + ".oidc",
           exporters::oidc::problems(module.oidc));
  }
}

}  // namespace

std::string resolve_path(const std::string& folder, const std::string& path) {
  if (path.empty() || path[0] == '/' || folder.empty()) return path;
  return folder + "/" + path;
}

void read_tls_config(const Node& node, Diagnostics& diagnostics, const std::string& name,
                     const std::string& folder, net::TlsConfig& tls) {
  Fields fields(node, diagnostics, name);
  read_path(fields, "ca_file", folder, tls.ca_file);
  read_path(fields, "cert_file", folder, tls.cert_file);
  read_path(fields, "key_file", folder, tls.key_file);
  fields.string("ca", tls.ca);
  fields.string("cert", tls.cert);
  fields.string("key", tls.key);
  fields.string("server_name", tls.server_name);
  fields.boolean("insecure_skip_verify", tls.insecure_skip_verify);
  const auto version = [&](std::string_view key, net::TlsVersion& out) {
    std::string word;
    if (fields.choice(key, word, {"TLS10", "TLS11", "TLS12", "TLS13"})) out = *tls_versions().from_word(word);
  };
  version("min_version", tls.min_version);
  version("max_version", tls.max_version);
  if (!tls.ca.empty() && !tls.ca_file.empty()) fields.mistake("ca_file", "at most one of ca and ca_file");
  if (!tls.cert.empty() && !tls.cert_file.empty())
    fields.mistake("cert_file", "at most one of cert and cert_file");
  if (!tls.key.empty() && !tls.key_file.empty())
    fields.mistake("key_file", "at most one of key and key_file");
  const bool certificate = !tls.cert.empty() || !tls.cert_file.empty();
  const bool key = !tls.key.empty() || !tls.key_file.empty();
  if (certificate != key)
    fields.mistake(certificate ? "cert_file" : "key_file", "a certificate and its key go together");
  fields.done();
}

void read_modules(const Node& node, Diagnostics& diagnostics, const std::string& folder, Modules& modules) {
  if (node.kind != Node::Kind::kMap) {
    diagnostics.add(node.mark, "modules must be a map of module names");
    return;
  }
  for (const Entry& entry : node.entries) {
    Module module;
    module.name = entry.key;
    read_module(entry.value, diagnostics, "modules." + entry.key, folder, module);
    modules[entry.key] = std::move(module);
  }
}

}  // namespace sluice::config
