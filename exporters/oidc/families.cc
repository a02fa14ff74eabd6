#include "exporters/oidc/families.h"

#include <array>
#include <vector>

#include "exporters/http/http_judge.h"

namespace sluice::exporters::oidc {
namespace {

constexpr std::array kOwn = {
    &kHealthSuccess,  &kDiscoverySuccess, &kJwksSuccess, &kFailureInfo,   &kEndpointDuration,
    &kEndpointStatus, &kProblems,         &kWarnings,    &kIssuerMatches, &kKeys,
    &kSigningKeys,    &kNewestKeyInfo,    &kKeyInfo,     &kKeyAge,        &kKeyFirstSeen,
    &kLastChange,     &kChanges,          &kFlips,       &kReuses,        &kCacheMaxAge,
};

std::vector<const MetricFamily*> all() {
  std::vector<const MetricFamily*> families(http::families().begin(), http::families().end());
  families.insert(families.end(), kOwn.begin(), kOwn.end());
  return families;
}

}  // namespace

std::span<const MetricFamily* const> families() {
  static const std::vector<const MetricFamily*> kFamilies = all();
  return kFamilies;
}

}  // namespace sluice::exporters::oidc
