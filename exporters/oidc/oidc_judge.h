#pragma once
// From what was fetched to the result of a probe.
//
// A probe asks up to three endpoints, and each has a verdict and a reason of its own, since each is somebody
// else's problem: the health endpoint says whether the server itself feels well, the discovery document
// whether clients can find their way, the key set whether API servers can verify tokens. The probe's reason
// is the first that failed in this order. An endpoint that could not be asked because the one before it
// failed counts as failed, without a reason of its own.

#include <optional>
#include <string>

#include "core/time.h"
#include "exporters/http/http_observation.h"
#include "exporters/oidc/discovery.h"
#include "exporters/oidc/jwks.h"
#include "exporters/oidc/key_tracker.h"
#include "exporters/probe.h"

namespace sluice::exporters::oidc {

// Documents larger than this are not read; the largest sets in the wild have some 100 kB.
inline constexpr uint64_t kDocumentBytesMax = 1024 * 1024;

// One endpoint that was asked.
struct Fetched {
  http::HttpObservation seen;
  ProbeResult http;  // what the HTTP judge made of it: its reason comes first
  Duration took{};
};

struct DocumentVerdict {
  Reason reason = Reason::kOk;
  std::string detail;  // empty when it is kOk
  Report report;       // what its judge said, when there was a document to judge
};

// What the discovery document says, and where the keys are.
struct DiscoveryVerdict : DocumentVerdict {
  std::string issuer;
  std::string jwks_uri;  // "" when there is none to follow
  std::vector<std::string> algorithms;
};
DiscoveryVerdict judge_discovery(const Fetched& fetched, const DiscoveryPolicy& policy);

struct JwksVerdict : DocumentVerdict {
  bool read = false;  // the numbers below are of a document that could be read
  size_t keys = 0;
  std::vector<Jwk> signing;
  CacheAdvice cache;
};
// Also tells the tracker what is served now.
JwksVerdict judge_jwks(const Fetched& fetched, const JwksPolicy& policy, KeyTracker& tracker, Timestamp now);

// All of one probe.
struct OidcObservation {
  std::optional<Fetched> health;  // empty when there is no health endpoint
  std::optional<Fetched> discovery;
  std::optional<DiscoveryVerdict> discovery_verdict;
  std::optional<Fetched> jwks;  // empty when nobody could say where the keys are
  std::optional<JwksVerdict> jwks_verdict;
  Timestamp now{};
};
// `issuer` is the configured one. `explain`: also fill the findings. The duration is left to the caller. The
// probe_http_* points are those of the health endpoint, or of the discovery document where there is none.
ProbeResult judge(const OidcObservation& observation, const std::string& issuer, const KeyTracker& tracker,
                  bool explain);

}  // namespace sluice::exporters::oidc
