#include "exporters/oidc/report.h"

#include <algorithm>

namespace sluice::exporters::oidc {
namespace {

// What breaks everybody's security comes before what breaks everybody's log-in, and that before what is
// untidy.
int gravity(Reason reason) {
  switch (reason) {
    case Reason::kJwksPrivateKey:
      return 0;
    case Reason::kJwksKeyReused:
      return 1;
    case Reason::kJwksKeyWeak:
      return 2;
    case Reason::kOidcInvalid:
    case Reason::kJwksInvalid:
      return 3;
    case Reason::kOidcIssuerMismatch:
      return 4;
    case Reason::kOidcIssuerSlash:
      return 5;
    case Reason::kJwksDuplicateKid:
      return 6;
    case Reason::kJwksMissingKid:
      return 7;
    default:
      return 8;
  }
}

}  // namespace

std::string_view to_string(Warning warning) {
  switch (warning) {
    case Warning::kContentType:
      return "content_type";
    case Warning::kCacheMissing:
      return "cache_missing";
    case Warning::kCacheShort:
      return "cache_short";
    case Warning::kCacheLong:
      return "cache_long";
    case Warning::kKidSharedAcrossKty:
      return "kid_shared_across_kty";
    case Warning::kKeyRepeated:
      return "key_repeated";
    case Warning::kKeyIgnored:
      return "key_ignored";
    case Warning::kCertificateExpired:
      return "certificate_expired";
    case Warning::kKeySetFlips:
      return "key_set_flips";
  }
  return "";
}

void Report::add(const Report& other) {
  problems.insert(problems.end(), other.problems.begin(), other.problems.end());
  remarks.insert(remarks.end(), other.remarks.begin(), other.remarks.end());
}

const Problem* Report::gravest() const {
  auto graver = [](const Problem& a, const Problem& b) { return gravity(a.reason) < gravity(b.reason); };
  auto found = std::min_element(problems.begin(), problems.end(), graver);
  return found == problems.end() ? nullptr : &*found;
}

}  // namespace sluice::exporters::oidc
