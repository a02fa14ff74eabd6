#pragma once
// The cryptography behind judge_jwks: from the members of a JWK to a public key, or to what is wrong with it.
// Used by jwks.cc only.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "core/time.h"
#include "exporters/oidc/report.h"

namespace sluice::exporters::oidc {

struct KeyMaterial {
  std::string crv;  // "" for RSA
  int bits = 0;
  std::string thumbprint;
  // Empty, or why a verifier should not trust this key: "RSA with 1024 bits, at least 2048 wanted".
  std::string weakness;
  // Empty, or what x5c[0] has to do with another key.
  std::string certificate_mismatch;
  bool certificate_expired = false;
};

// Why a key of a known type is not judged.
struct Malformed {
  std::string text;
};
struct NotForSignatures {};  // a curve for key agreement, or one we do not know

// Reads the key of type `kty` ("RSA", "EC" or "OKP").
std::variant<KeyMaterial, Malformed, NotForSignatures> read_material(const boost::json::object& key,
                                                                     std::string_view kty, int min_rsa_bits,
                                                                     Timestamp now);

}  // namespace sluice::exporters::oidc
