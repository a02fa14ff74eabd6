#include "agent/config/alertmanager_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::config {
namespace {

constexpr std::string_view kSecretKeys[] = {"slack_api_url",
                                            "api_url",
                                            "routing_key",
                                            "service_key",
                                            "password",
                                            "credentials",
                                            "bearer_token",
                                            "auth_password",
                                            "auth_secret",
                                            "smtp_auth_password",
                                            "smtp_auth_secret",
                                            "api_key",
                                            "opsgenie_api_key",
                                            "victorops_api_key",
                                            "wechat_api_secret",
                                            "rocketchat_token",
                                            "client_secret",
                                            "proxy_connect_header",
                                            "secrets"};
constexpr std::string_view kMask = "<secret>";

// A double-quoted YAML scalar.
std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string masked_url(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(kMask);
  const size_t start = scheme + 3;
  const size_t end = std::min(url.find_first_of("/?#", start), url.size());
  std::string_view host = url.substr(start, end - start);
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  return fmt::format("{}://{}/{}", url.substr(0, scheme), host, kMask);
}

// Only URLs of webhooks are called plain `url` and may hold a token; PagerDuty's is no secret.
std::string scalar_text(const Node& node, std::string_view key, std::string_view section) {
  if (std::find(std::begin(kSecretKeys), std::end(kSecretKeys), key) != std::end(kSecretKeys)) {
    return std::string(kMask);
  }
  if (key == "url" && section == "webhook_configs") return double_quoted(masked_url(node.scalar));
  return node.quoted ? double_quoted(node.scalar) : node.scalar;
}

// `section` is the nearest key above that ends in "_configs".
void write(const Node& node, std::string_view key, std::string_view section, size_t indent, bool in_list,
           std::string& out) {
  if (key.ends_with("_configs")) section = key;
  switch (node.kind) {
    case Node::Kind::kNull:
      out += "null\n";
      return;
    case Node::Kind::kScalar:
      out += scalar_text(node, key, section) + '\n';
      return;
    case Node::Kind::kSequence:
      if (node.items.empty()) {
        out += "[]\n";
        return;
      }
      out += '\n';
      for (const Node& item : node.items) {
        out.append(indent, ' ');
        out += "- ";
        write(item, key, section, indent + 2, true, out);
      }
      return;
    case Node::Kind::kMap:
      if (node.entries.empty()) {
        out += "{}\n";
        return;
      }
      if (!in_list) out += '\n';
      bool first = in_list;
      for (const Entry& entry : node.entries) {
        if (!first) out.append(indent, ' ');
        first = false;
        out += is_classic_label_name(entry.key) ? entry.key : double_quoted(entry.key);
        out += ": ";
        write(entry.value, entry.key, section, indent + 2, false, out);
      }
      return;
  }
}

}  // namespace

std::string masked_text(const Node& root) {
  std::string out;
  // The root's own keys begin the first line.
  write(root, "", "", 0, true, out);
  return out;
}

}  // namespace sluice::config
