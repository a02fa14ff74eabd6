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

std::string clip(std::string_view text, size_t bytes_max) {
  constexpr std::string_view kMore = "...";
  bool cut = text.size() > bytes_max;
  if (cut) {
    size_t end = bytes_max > kMore.size() ? bytes_max - kMore.size() : 0;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (cut) out += kMore;
  return out;
}

}  // namespace sluice::exporters::oidc
