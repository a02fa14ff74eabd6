#include "exporters/oidc/jwks.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <set>

#include "exporters/detail.h"
#include "exporters/oidc/key_material.h"

namespace sluice::exporters::oidc {
namespace {

struct SignatureAlgorithm {
  std::string_view alg;
  std::string_view kty;
  std::string_view crv;  // "" for any of that type
};
constexpr SignatureAlgorithm kSignatureAlgorithms[] = {
    {"RS256", "RSA", ""},      {"RS384", "RSA", ""},          {"RS512", "RSA", ""},
    {"PS256", "RSA", ""},      {"PS384", "RSA", ""},          {"PS512", "RSA", ""},
    {"ES256", "EC", "P-256"},  {"ES384", "EC", "P-384"},      {"ES512", "EC", "P-521"},
    {"EdDSA", "OKP", ""},      {"ES256K", "EC", "secp256k1"}, {"Ed25519", "OKP", "Ed25519"},
    {"Ed448", "OKP", "Ed448"},
};
// Algorithms that say: this key is not for signatures, whatever else it leaves out.
constexpr std::string_view kEncryptionPrefixes[] = {"RSA-OAEP", "RSA1_5", "ECDH-ES"};

const SignatureAlgorithm* find_algorithm(std::string_view alg) {
  for (const SignatureAlgorithm& row : kSignatureAlgorithms) {
    if (row.alg == alg) return &row;
  }
  return nullptr;
}

bool is_encryption(std::string_view alg) {
  return std::any_of(std::begin(kEncryptionPrefixes), std::end(kEncryptionPrefixes),
                     [&](std::string_view prefix) { return alg.substr(0, prefix.size()) == prefix; });
}

bool is_known_type(std::string_view kty) {
  return kty == "RSA" || kty == "EC" || kty == "OKP";
}

// The first member that only the holder of a private or shared key may know.
std::string_view private_member(const boost::json::object& key, std::string_view kty) {
  if (kty == "oct") return key.contains("k") ? "k" : "";
  if (!is_known_type(kty)) return "";
  for (std::string_view name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    if (key.contains(name)) return name;
  }
  return "";
}

class Judge {
 public:
  Judge(const JwksPolicy& policy, Timestamp now) : policy_(policy), now_(now) {}

  JwksReport run(std::string_view document) {
    boost::json::error_code error;
    boost::json::value root = boost::json::parse(document, error);
    if (error) {
      report_.fail(Reason::kJwksInvalid, fmt::format("the key set is not JSON: {}", error.message()));
      return std::move(report_);
    }
    const boost::json::object* object = root.if_object();
    const boost::json::value* keys = object ? object->if_contains("keys") : nullptr;
    if (!keys || !keys->is_array()) {
      report_.fail(Reason::kJwksInvalid, "the key set is not an object with an array `keys`");
      return std::move(report_);
    }
    judge_keys(keys->get_array());
    return std::move(report_);
  }

 private:
  void judge_keys(const boost::json::array& keys) {
    report_.keys = keys.size();
    if (keys.empty()) return report_.fail(Reason::kJwksEmpty, "the key set has no keys");
    if (keys.size() > kKeysMax) {
      return report_.fail(Reason::kJwksInvalid,
                          fmt::format("the key set has {} keys, at most {} are read", keys.size(), kKeysMax));
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      if (const boost::json::object* key = keys[i].if_object()) {
        judge_key(*key, i);
      } else {
        report_.fail(Reason::kJwksInvalid, fmt::format("entry {} of the key set is not an object", i + 1));
      }
    }
    judge_names();
    if (report_.signing.empty() && report_.ok()) {
      report_.fail(Reason::kJwksNoSigningKey,
                   fmt::format("none of the {} keys can verify a signature", keys.size()));
    }
  }

  // A member that, when there, must be text. Reports and returns false when it is something else.
  bool read_text(const boost::json::object& key, std::string_view name, std::string& out) {
    const boost::json::value* member = key.if_contains(name);
    if (!member) return true;
    const boost::json::string* text = member->if_string();
    if (!text) {
      malformed(fmt::format("has a member `{}` that is not text", name));
      return false;
    }
    out.assign(text->data(), text->size());
    return true;
  }

  void judge_key(const boost::json::object& key, size_t index) {
    Jwk jwk;
    std::string use;
    name_ = fmt::format("key {}", index + 1);
    if (!read_text(key, "kid", jwk.kid)) return;
    if (!jwk.kid.empty()) name_ = fmt::format("key {}", quoted_kid(jwk.kid));
    if (!read_text(key, "kty", jwk.kty)) return;
    if (jwk.kty.empty()) return malformed("has no member `kty`");
    if (std::string_view leaked = private_member(key, jwk.kty); !leaked.empty()) {
      report_.fail(Reason::kJwksPrivateKey,
                   fmt::format("{} is served with its private member `{}`", name_, leaked));
    }
    if (!is_known_type(jwk.kty)) return;
    if (!read_text(key, "use", use) || !read_text(key, "alg", jwk.alg)) return;
    if (!use.empty() && use != "sig") return;
    if (!may_verify(key)) return;
    if (is_encryption(jwk.alg)) return;
    if (!jwk.alg.empty() && !expected(jwk.alg)) {
      return ignored(fmt::format("has an `alg` {} that is not expected", quoted_kid(jwk.alg)));
    }
    judge_material(key, std::move(jwk));
  }

  // RFC 7517 section 4.3: without `key_ops` everything is allowed.
  static bool may_verify(const boost::json::object& key) {
    const boost::json::value* member = key.if_contains("key_ops");
    if (!member) return true;
    const boost::json::array* operations = member->if_array();
    return operations &&
           std::any_of(operations->begin(), operations->end(), [](const boost::json::value& value) {
             return value.is_string() && value.get_string() == "verify";
           });
  }

  bool expected(const std::string& alg) const {
    if (policy_.algorithms.empty()) return find_algorithm(alg) != nullptr;
    return std::find(policy_.algorithms.begin(), policy_.algorithms.end(), alg) != policy_.algorithms.end();
  }

  void judge_material(const boost::json::object& key, Jwk jwk) {
    auto outcome = read_material(key, jwk.kty, policy_.min_rsa_bits, now_);
    if (auto* bad = std::get_if<Malformed>(&outcome)) return malformed(bad->text);
    if (std::holds_alternative<NotForSignatures>(outcome)) return;
    auto& material = std::get<KeyMaterial>(outcome);
    const SignatureAlgorithm* algorithm = find_algorithm(jwk.alg);
    if (algorithm &&
        (algorithm->kty != jwk.kty || (!algorithm->crv.empty() && algorithm->crv != material.crv))) {
      return ignored(fmt::format("says `alg` {} but is {} {}", jwk.alg, jwk.kty, material.crv));
    }
    if (!material.weakness.empty()) {
      return report_.fail(Reason::kJwksKeyWeak, fmt::format("{} {}", name_, material.weakness));
    }
    if (!material.certificate_mismatch.empty()) malformed(material.certificate_mismatch);
    if (material.certificate_expired) {
      report_.warn(Warning::kCertificateExpired,
                   fmt::format("{} has a certificate in `x5c` that is expired or not valid yet", name_));
    }
    if (jwk.kid.empty()) {
      report_.fail(Reason::kJwksMissingKid, fmt::format("{} is a signing key without a kid", name_));
    }
    jwk.crv = material.crv;
    jwk.bits = material.bits;
    jwk.thumbprint = material.thumbprint;
    report_.signing.push_back(std::move(jwk));
  }

  // A kid must name one key. Keys of different types may share one, since a verifier tells them apart by the
  // algorithm.
  void judge_names() {
    std::set<std::string> told;
    const std::vector<Jwk>& keys = report_.signing;
    for (size_t i = 0; i < keys.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (keys[i].kid.empty() || keys[i].kid != keys[j].kid || !told.insert(keys[i].kid).second) continue;
        std::string kid = quoted_kid(keys[i].kid);
        if (keys[i].thumbprint == keys[j].thumbprint) {
          report_.warn(Warning::kKeyRepeated, fmt::format("key {} is there more than once", kid));
        } else if (keys[i].kty != keys[j].kty) {
          report_.warn(Warning::kKidSharedAcrossKty,
                       fmt::format("kid {} names an {} and an {} key", kid, keys[j].kty, keys[i].kty));
        } else {
          report_.fail(Reason::kJwksDuplicateKid,
                       fmt::format("kid {} names more than one {} key", kid, keys[i].kty));
        }
      }
    }
  }

  static std::string quoted_kid(std::string_view kid) { return fmt::format("\"{}\"", one_line(kid, 64)); }
  void malformed(std::string_view what) {
    report_.fail(Reason::kJwksInvalid, fmt::format("{} {}", name_, what));
  }
  void ignored(std::string_view what) {
    report_.warn(Warning::kKeyIgnored, fmt::format("{} {}", name_, what));
  }

  const JwksPolicy& policy_;
  Timestamp now_;
  JwksReport report_;
  std::string name_;  // of the key being judged, for messages
};

}  // namespace

std::vector<std::string_view> signature_algorithms() {
  std::vector<std::string_view> names;
  for (const SignatureAlgorithm& row : kSignatureAlgorithms) names.push_back(row.alg);
  return names;
}

std::string display_name(const Jwk& key) {
  if (key.kid.empty()) return "thumbprint:" + key.thumbprint;
  std::string name = one_line(key.kid, 128);
  // Made fit for a label, two kids could look alike.
  return name == key.kid ? name : name + " thumbprint:" + key.thumbprint;
}

JwksReport judge_jwks(std::string_view document, const JwksPolicy& policy, Timestamp now) {
  return Judge(policy, now).run(document);
}

}  // namespace sluice::exporters::oidc
