#include "exporters/oidc/key_material.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <optional>

#include "exporters/oidc/jwks.h"

namespace sluice::exporters::oidc {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;

constexpr int kRsaBitsMax =
    16384;  // OpenSSL and others refuse larger ones, and so do we before computing with them

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

BigNumber to_number(std::string_view big_endian) {
  return BigNumber(BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

std::string sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes(text), text.size(), reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

// A member that must be base64url and not empty.
struct Octets {
  std::string_view text;  // as written, for the thumbprint
  std::string value;
};
std::variant<Octets, Malformed> octets(const boost::json::object& key, std::string_view name) {
  const boost::json::value* member = key.if_contains(name);
  if (!member) return Malformed{fmt::format("has no member `{}`", name)};
  const boost::json::string* text = member->if_string();
  if (!text || text->empty()) return Malformed{fmt::format("has no text in member `{}`", name)};
  std::optional<std::string> value = decode_base64url(*text);
  if (!value) return Malformed{fmt::format("has a member `{}` that is not base64url", name)};
  return Octets{*text, std::move(*value)};
}

PublicKey make_key(const char* type, OSSL_PARAM_BLD* builder) {
  Params params(OSSL_PARAM_BLD_to_param(builder));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0) return nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0) return nullptr;
  return PublicKey(key);
}

// Infineon's broken key generator (ROCA, CVE-2017-15361) makes primes of the form k*M + 65537^a mod M, where
// M is a product of small primes. So the modulus, too, is a power of 65537 modulo each of them; a sound key
// passes all these tests with a chance of about 2^-28.
bool made_by_roca(const BIGNUM* modulus) {
  constexpr std::array<unsigned, 38> kPrimes = {
      3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
      73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
  for (unsigned prime : kPrimes) {
    auto rest = static_cast<unsigned>(BN_mod_word(modulus, prime));
    unsigned power = 1;
    bool is_power = false;
    for (unsigned i = 0; i < prime && !is_power; ++i) {
      is_power = power == rest;
      power = power * 65537 % prime;
    }
    if (!is_power) return false;
  }
  return true;
}

std::string rsa_weakness(const BIGNUM* modulus, const BIGNUM* exponent, int min_bits) {
  int bits = BN_num_bits(modulus);
  if (bits < min_bits) return fmt::format("is RSA with {} bits, at least {} wanted", bits, min_bits);
  if (!BN_is_odd(modulus)) return "has an even RSA modulus";
  if (!BN_is_odd(exponent) || BN_is_one(exponent) || BN_is_zero(exponent)) {
    return "has an RSA exponent that is even or below 3";
  }
  if (made_by_roca(modulus)) return "comes from a broken RSA key generator (ROCA, CVE-2017-15361)";
  return "";
}

using Outcome = std::variant<KeyMaterial, Malformed, NotForSignatures>;

struct Reading {
  Outcome outcome;
  PublicKey key;  // set with KeyMaterial
};

Reading read_rsa(const boost::json::object& members, int min_bits) {
  auto n = octets(members, "n");
  if (auto* bad = std::get_if<Malformed>(&n)) return {*bad, nullptr};
  auto e = octets(members, "e");
  if (auto* bad = std::get_if<Malformed>(&e)) return {*bad, nullptr};
  const Octets& modulus_octets = std::get<Octets>(n);
  const Octets& exponent_octets = std::get<Octets>(e);
  if (modulus_octets.value.size() > kRsaBitsMax / 8 + 1 || exponent_octets.value.size() > kRsaBitsMax / 8) {
    return {Malformed{fmt::format("is RSA with more than {} bits", kRsaBitsMax)}, nullptr};
  }
  BigNumber modulus = to_number(modulus_octets.value);
  BigNumber exponent = to_number(exponent_octets.value);
  KeyMaterial material;
  material.bits = BN_num_bits(modulus.get());
  material.weakness = rsa_weakness(modulus.get(), exponent.get(), min_bits);
  material.thumbprint = encode_base64url(
      sha256(fmt::format(R"({{"e":"{}","kty":"RSA","n":"{}"}})", exponent_octets.text, modulus_octets.text)));
  if (!material.weakness.empty()) return {std::move(material), nullptr};
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  PublicKey key = make_key("RSA", builder.get());
  if (!key) return {Malformed{"is not an RSA key"}, nullptr};
  return {std::move(material), std::move(key)};
}

struct Curve {
  std::string_view crv;
  const char* group;
  size_t coordinate_bytes;
  int bits;
};
constexpr Curve kCurves[] = {
    {"P-256", "P-256", 32, 256},
    {"P-384", "P-384", 48, 384},
    {"P-521", "P-521", 66, 521},
    {"secp256k1", "secp256k1", 32, 256},
};

std::string_view text_member(const boost::json::object& members, std::string_view name) {
  const boost::json::value* member = members.if_contains(name);
  const boost::json::string* text = member ? member->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

Reading read_ec(const boost::json::object& members) {
  std::string_view crv = text_member(members, "crv");
  if (crv.empty()) return {Malformed{"has no member `crv`"}, nullptr};
  const Curve* curve = nullptr;
  for (const Curve& candidate : kCurves) {
    if (candidate.crv == crv) curve = &candidate;
  }
  if (!curve) return {NotForSignatures{}, nullptr};
  auto x = octets(members, "x");
  if (auto* bad = std::get_if<Malformed>(&x)) return {*bad, nullptr};
  auto y = octets(members, "y");
  if (auto* bad = std::get_if<Malformed>(&y)) return {*bad, nullptr};
  const Octets& x_octets = std::get<Octets>(x);
  const Octets& y_octets = std::get<Octets>(y);
  if (x_octets.value.size() != curve->coordinate_bytes || y_octets.value.size() != curve->coordinate_bytes) {
    return {Malformed{fmt::format("has coordinates that are not {} bytes long, as {} needs",
                                  curve->coordinate_bytes, curve->crv)},
            nullptr};
  }
  std::string point = "\x04" + x_octets.value + y_octets.value;
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  PublicKey key = make_key("EC", builder.get());
  KeyContext check(key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr) : nullptr);
  if (!check || EVP_PKEY_public_check(check.get()) != 1) {
    return {Malformed{fmt::format("is not a point on the curve {}", curve->crv)}, nullptr};
  }
  KeyMaterial material;
  material.crv = curve->crv;
  material.bits = curve->bits;
  material.thumbprint = encode_base64url(sha256(fmt::format(R"({{"crv":"{}","kty":"EC","x":"{}","y":"{}"}})",
                                                            curve->crv, x_octets.text, y_octets.text)));
  return {std::move(material), std::move(key)};
}

struct EdwardsCurve {
  std::string_view crv;
  int type;
  size_t key_bytes;
  int bits;
};
constexpr EdwardsCurve kEdwardsCurves[] = {
    {"Ed25519", EVP_PKEY_ED25519, 32, 255},
    {"Ed448", EVP_PKEY_ED448, 57, 448},
};

Reading read_okp(const boost::json::object& members) {
  std::string_view crv = text_member(members, "crv");
  if (crv.empty()) return {Malformed{"has no member `crv`"}, nullptr};
  const EdwardsCurve* curve = nullptr;
  for (const EdwardsCurve& candidate : kEdwardsCurves) {
    if (candidate.crv == crv) curve = &candidate;
  }
  if (!curve) return {NotForSignatures{}, nullptr};  // X25519 and X448 agree on keys, they do not sign
  auto x = octets(members, "x");
  if (auto* bad = std::get_if<Malformed>(&x)) return {*bad, nullptr};
  const Octets& x_octets = std::get<Octets>(x);
  PublicKey key;
  if (x_octets.value.size() == curve->key_bytes) {
    key.reset(EVP_PKEY_new_raw_public_key(curve->type, nullptr, bytes(x_octets.value), curve->key_bytes));
  }
  if (!key) return {Malformed{fmt::format("is not an {} key", curve->crv)}, nullptr};
  KeyMaterial material;
  material.crv = curve->crv;
  material.bits = curve->bits;
  material.thumbprint = encode_base64url(
      sha256(fmt::format(R"({{"crv":"{}","kty":"OKP","x":"{}"}})", curve->crv, x_octets.text)));
  return {std::move(material), std::move(key)};
}

// Standard base64 (RFC 4648 section 4) of one certificate in DER, as x5c has it.
Certificate read_certificate(std::string_view base64) {
  std::string url(base64);
  while (!url.empty() && url.back() == '=') url.pop_back();
  for (char& c : url) c = c == '+' ? '-' : c == '/' ? '_' : (c == '-' || c == '_') ? '!' : c;
  std::optional<std::string> der = decode_base64url(url);
  if (!der) return nullptr;
  const unsigned char* at = bytes(*der);
  return Certificate(d2i_X509(nullptr, &at, static_cast<long>(der->size())));
}

void compare_certificate(const boost::json::object& members, EVP_PKEY* key, Timestamp now,
                         KeyMaterial& material) {
  const boost::json::value* member = members.if_contains("x5c");
  if (!member) return;
  const boost::json::array* chain = member->if_array();
  const boost::json::string* first = chain && !chain->empty() ? chain->front().if_string() : nullptr;
  if (!first) {
    material.certificate_mismatch = "has a member `x5c` without a certificate";
    return;
  }
  Certificate certificate = read_certificate(*first);
  if (!certificate) {
    material.certificate_mismatch = "has a certificate in `x5c` that cannot be read";
    return;
  }
  if (EVP_PKEY_eq(X509_get0_pubkey(certificate.get()), key) != 1) {
    material.certificate_mismatch = "has a certificate in `x5c` for another key";
  }
  auto at = static_cast<time_t>(to_unix_ms(now) / 1000);
  material.certificate_expired = X509_cmp_time(X509_get0_notAfter(certificate.get()), &at) <= 0 ||
                                 X509_cmp_time(X509_get0_notBefore(certificate.get()), &at) > 0;
}

}  // namespace

Outcome read_material(const boost::json::object& members, std::string_view kty, int min_rsa_bits,
                      Timestamp now) {
  Reading reading = kty == "RSA"  ? read_rsa(members, min_rsa_bits)
                    : kty == "EC" ? read_ec(members)
                                  : read_okp(members);
  auto* material = std::get_if<KeyMaterial>(&reading.outcome);
  if (material && reading.key) compare_certificate(members, reading.key.get(), now, *material);
  // Failed attempts leave entries in OpenSSL's per-thread queue, which the next TLS operation would take for
  // its own.
  ERR_clear_error();
  return std::move(reading.outcome);
}

}  // namespace sluice::exporters::oidc
