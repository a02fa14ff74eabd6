#include "exporters/oidc/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <optional>

#include "core/net/uri.h"
#include "exporters/detail.h"

namespace sluice::exporters::oidc {
namespace {

using boost::json::object;
using boost::json::value;

constexpr size_t kListMax = 200;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

struct Address {
  std::string scheme;
  std::string host;  // lower case, without a terminating dot
  bool is_name = false;
};
std::optional<Address> parse_address(std::string_view text) {
  auto url = net::parse_uri(text);
  if (!url || url->encoded_host().empty()) return std::nullopt;
  std::string host = lower(url->host());
  if (!host.empty() && host.back() == '.') host.pop_back();
  std::string scheme(url->scheme().data(), url->scheme().size());
  return Address{lower(scheme), host, url->host_type() == boost::urls::host_type::name};
}

std::vector<std::string_view> split_labels(std::string_view host) {
  std::vector<std::string_view> labels;
  while (true) {
    size_t dot = host.find('.');
    labels.push_back(host.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    host.remove_prefix(dot + 1);
  }
}

bool looks_like_ip(std::string_view host) {
  return host.find(':') != std::string_view::npos ||
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// The registrable part of a name, or all of it when it has none: "keys.example.co.uk" -> "example.co.uk".
std::string registrable(std::string_view host) {
  if (looks_like_ip(host)) return std::string(host);
  std::vector<std::string_view> labels = split_labels(host);
  size_t wanted = 2;
  if (labels.size() >= 3 && labels.back().size() == 2) {
    std::string_view second = labels[labels.size() - 2];
    bool generic = second.size() <= 3 || second == "info" || second == "name" || second == "firm";
    if (generic) wanted = 3;
  }
  if (labels.size() <= wanted) return std::string(host);
  const char* start = labels[labels.size() - wanted].data();
  return std::string(start, static_cast<size_t>(host.data() + host.size() - start));
}

bool is_allowed_host(std::string_view host, const std::vector<std::string>& allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
    std::string wanted = lower(entry);
    if (wanted.empty()) return false;
    if (wanted.front() != '.') return host == wanted;
    return host.size() > wanted.size() && host.substr(host.size() - wanted.size()) == wanted;
  });
}

enum class Need { kRequired, kOptional };
struct UrlField {
  std::string_view name;
  Need need;
};
constexpr UrlField kUrlFields[] = {
    {"authorization_endpoint", Need::kRequired},
    {"token_endpoint", Need::kRequired},
    {"jwks_uri", Need::kRequired},
    {"userinfo_endpoint", Need::kOptional},
    {"introspection_endpoint", Need::kOptional},
    {"revocation_endpoint", Need::kOptional},
    {"end_session_endpoint", Need::kOptional},
};
constexpr std::string_view kListFields[] = {"response_types_supported", "subject_types_supported",
                                            "id_token_signing_alg_values_supported"};

class Judge {
 public:
  explicit Judge(const DiscoveryPolicy& policy) : policy_(policy), issuer_(parse_address(policy.issuer)) {}

  DiscoveryReport run(std::string_view document) {
    boost::json::error_code error;
    value root = boost::json::parse(document, error);
    if (error) {
      report_.fail(Reason::kOidcInvalid,
                   fmt::format("the discovery document is not JSON: {}", error.message()));
      return std::move(report_);
    }
    const object* fields = root.if_object();
    if (!fields) {
      report_.fail(Reason::kOidcInvalid, "the discovery document is not a JSON object");
      return std::move(report_);
    }
    judge_issuer(*fields);
    for (std::string_view name : kListFields) judge_list(*fields, name);
    judge_urls(*fields);
    judge_algorithms();
    return std::move(report_);
  }

 private:
  void missing(std::string_view name) {
    report_.fail(Reason::kOidcMissingField, fmt::format("the discovery document has no `{}`", name));
  }

  void judge_issuer(const object& fields) {
    const value* member = fields.if_contains("issuer");
    if (!member) return missing("issuer");
    const boost::json::string* text = member->if_string();
    if (!text) return report_.fail(Reason::kOidcInvalid, "`issuer` is not text");
    report_.issuer.assign(text->data(), text->size());
    if (report_.issuer == policy_.issuer) return;
    bool slash = report_.issuer + "/" == policy_.issuer || report_.issuer == policy_.issuer + "/";
    report_.fail(slash ? Reason::kOidcIssuerSlash : Reason::kOidcIssuerMismatch,
                 fmt::format("the issuer is \"{}\", wanted \"{}\"", one_line(report_.issuer, 120),
                             one_line(policy_.issuer, 120)));
  }

  // A list of texts that must be there and not be empty.
  void judge_list(const object& fields, std::string_view name) {
    const value* member = fields.if_contains(name);
    if (!member) return missing(name);
    const boost::json::array* list = member->if_array();
    bool texts =
        list && !list->empty() && list->size() <= kListMax &&
        std::all_of(list->begin(), list->end(), [](const value& entry) { return entry.is_string(); });
    if (!texts) {
      return report_.fail(Reason::kOidcInvalid,
                          fmt::format("`{}` is not a list of texts with an entry", name));
    }
    if (name != "id_token_signing_alg_values_supported") {
      if (name == "response_types_supported") implicit_only_ = is_implicit_only(*list);
      return;
    }
    for (const value& entry : *list) report_.algorithms.emplace_back(entry.get_string().c_str());
  }

  // No response type hands out a code, so no client ever calls the token endpoint.
  static bool is_implicit_only(const boost::json::array& response_types) {
    return std::none_of(response_types.begin(), response_types.end(), [](const value& entry) {
      return std::string_view(entry.get_string()).find("code") != std::string_view::npos;
    });
  }

  void judge_urls(const object& fields) {
    for (const UrlField& field : kUrlFields) {
      const value* member = fields.if_contains(field.name);
      if (!member) {
        bool needless = field.name == "token_endpoint" && implicit_only_;
        if (field.need == Need::kRequired && !needless) missing(field.name);
        continue;
      }
      const boost::json::string* text = member->if_string();
      std::string problem = text ? why_not(*text) : "is not text";
      if (!problem.empty()) {
        report_.fail(Reason::kOidcInvalid, fmt::format("`{}` {}", field.name, problem));
      } else if (field.name == "jwks_uri") {
        report_.jwks_uri.assign(text->data(), text->size());
      }
    }
  }

  // Why a URL of the document must not be followed, or "".
  std::string why_not(std::string_view text) const {
    std::optional<Address> address = parse_address(text);
    if (!address || (address->scheme != "https" && address->scheme != "http")) {
      return fmt::format("is not a URL: \"{}\"", one_line(text, 120));
    }
    bool plain_allowed = issuer_ && issuer_->scheme == "http";
    if (address->scheme == "http" && !plain_allowed) {
      return fmt::format("does not use https: \"{}\"", one_line(text, 120));
    }
    bool at_home = issuer_ && same_site(address->host, issuer_->host);
    if (!at_home && !is_allowed_host(address->host, policy_.allowed_hosts)) {
      return fmt::format("is on another site than the issuer: \"{}\"", one_line(text, 120));
    }
    return "";
  }

  void judge_algorithms() {
    if (report_.algorithms.empty()) return;  // told already
    auto offers = [&](std::string_view alg) {
      return std::find(report_.algorithms.begin(), report_.algorithms.end(), alg) != report_.algorithms.end();
    };
    static const std::vector<std::string> kRequiredOfAll = {"RS256"};
    const auto& wanted = policy_.algorithms.empty() ? kRequiredOfAll : policy_.algorithms;
    for (const std::string& alg : wanted) {
      if (!offers(alg)) {
        report_.fail(
            Reason::kOidcInvalid,
            fmt::format("`id_token_signing_alg_values_supported` does not contain {}", one_line(alg, 40)));
      }
    }
    if (offers("none")) {
      report_.fail(Reason::kOidcInvalid,
                   "`id_token_signing_alg_values_supported` offers unsigned tokens (none)");
    }
  }

  const DiscoveryPolicy& policy_;
  std::optional<Address> issuer_;
  DiscoveryReport report_;
  bool implicit_only_ = false;
};

}  // namespace

DiscoveryReport judge_discovery(std::string_view document, const DiscoveryPolicy& policy) {
  return Judge(policy).run(document);
}

std::string discovery_url(std::string_view base) {
  if (!base.empty() && base.back() == '/') base.remove_suffix(1);
  return std::string(base) + "/.well-known/openid-configuration";
}

bool same_site(std::string_view a, std::string_view b) {
  std::string left = lower(a), right = lower(b);
  return left == right ||
         (!looks_like_ip(left) && !looks_like_ip(right) && registrable(left) == registrable(right) &&
          registrable(left).find('.') != std::string::npos);
}

}  // namespace sluice::exporters::oidc
