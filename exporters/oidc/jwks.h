#pragma once
// Is this key set one that every API server can verify tokens with, safely?
//
// A JWKS document is a list of public keys. It breaks in ways no status code shows: a deployment that
// publishes an empty list, a key rotated under its old name (every verifier that cached the old one rejects
// every new token), a 1024-bit key from a test set-up, or the private half served by mistake. `judge_jwks`
// reads a document as a strict verifier does and says all of what is wrong.
//
//     {"keys":[{"kty":"RSA","use":"sig","kid":"2026-01","alg":"RS256","n":"...","e":"AQAB"},
//              {"kty":"AKP","kid":"pq","alg":"ML-DSA-65","pub":"..."}]}
//
// The first is one usable signing key. The second has a type we do not know: it is counted and otherwise
// ignored, as RFC 7517 section 5 asks for, because a server may publish tomorrow's keys beside today's. A key
// of a *known* type that does not hold together (a point off its curve, a modulus that is not base64url) is
// not ignored: some verifier libraries refuse the whole set for it.
//
// Sources: RFC 7517 (JWK), RFC 7518 section 6 (RSA, EC, oct), RFC 8037 (OKP), RFC 7638 (thumbprint).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http_message.h"
#include "core/time.h"
#include "exporters/oidc/report.h"

namespace sluice::exporters::oidc {

// More keys than this in one set is not a key set, and each becomes a series.
inline constexpr size_t kKeysMax = 100;

struct JwksPolicy {
  int min_rsa_bits = 2048;
  // Algorithms that tokens of this issuer may be signed with. A key whose `alg` is none of them is no signing
  // key for us. Empty: any asymmetric signature algorithm of RFC 7518 and RFC 8037.
  std::vector<std::string> algorithms;
};

// "RS256" and its like: every algorithm a policy may name.
std::vector<std::string_view> signature_algorithms();

// A usable signing key.
struct Jwk {
  std::string kid;         // "" when it has none
  std::string kty;         // "RSA", "EC", "OKP"
  std::string alg;         // "" when it does not say
  std::string crv;         // "" for RSA
  int bits = 0;            // strength parameter: modulus bits, or the curve's field size
  std::string thumbprint;  // RFC 7638, SHA-256, base64url: the identity of the key material

  bool operator==(const Jwk&) const = default;
};

// What to call a key in a label or a message: its kid (cut at 128 bytes), else "thumbprint:" and its
// thumbprint.
std::string display_name(const Jwk& key);

struct JwksReport : Report {
  size_t keys = 0;           // entries of the array, of whatever kind
  std::vector<Jwk> signing;  // usable for verifying signatures, in the order of the document
};

// `now` decides about certificates. The document must already be bounded in size (the HTTP fetch does that).
JwksReport judge_jwks(std::string_view document, const JwksPolicy& policy, Timestamp now);

// How long the server allows its answer to be cached.
struct CacheAdvice {
  std::optional<Duration>
      max_age;  // none: it does not say. 0: not at all (no-store, no-cache, or already expired)
};
// Reads Cache-Control (max-age, no-store, no-cache), else Expires against Date, or against `now` when there
// is no Date.
CacheAdvice cache_advice(const HttpHeaders& headers, Timestamp now);
// The warnings that go with it.
Report judge_cache(const CacheAdvice& advice);

// RFC 4648 section 5 without padding; empty result for an empty text, none for anything else than that
// alphabet and for lengths and trailing bits that no encoder makes.
std::optional<std::string> decode_base64url(std::string_view text);
std::string encode_base64url(std::string_view bytes);

}  // namespace sluice::exporters::oidc
