// Documents of auth servers, which anybody may be: key sets, discovery documents and caching headers.
// Whatever they hold, they are judged, and what is said about them is fit for a label, a log line and a
// message.

#include <cstdlib>

#include "core/labels.h"
#include "exporters/oidc/discovery.h"
#include "exporters/oidc/jwks.h"
#include "exporters/oidc/key_tracker.h"

namespace {

using namespace sluice;
using namespace sluice::exporters::oidc;
using sluice::exporters::Reason;

void require(bool holds) {
  if (!holds) std::abort();
}

void inspect(const Report& report) {
  for (const Problem& problem : report.problems) {
    require(problem.reason != Reason::kOk && problem.text.size() <= 512 && is_valid_utf8(problem.text));
  }
  for (const Remark& remark : report.remarks)
    require(remark.text.size() <= 512 && is_valid_utf8(remark.text));
  require(report.ok() == (report.gravest() == nullptr));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const Timestamp now = from_unix_ms(1'800'000'000'000);

  JwksReport keys = judge_jwks(text, {}, now);
  inspect(keys);
  require(keys.signing.size() <= keys.keys && keys.signing.size() <= kKeysMax);
  for (const Jwk& key : keys.signing) {
    require(key.thumbprint.size() == 43 && key.bits > 0);
    require(is_valid_utf8(display_name(key)) && display_name(key).size() <= 200);
  }
  KeyTracker tracker;
  inspect(tracker.observe(now, keys.signing, {}));
  inspect(tracker.observe(now + 60s, {}, {}));
  inspect(tracker.observe(now + 120s, keys.signing, {}));

  DiscoveryReport discovery = judge_discovery(text, {"https://auth.example.com", {}, {}});
  inspect(discovery);
  require(discovery.jwks_uri.empty() || discovery.jwks_uri.substr(0, 8) == "https://" ||
          discovery.jwks_uri.find("://") == 5);

  CacheAdvice advice = cache_advice({{"Cache-Control", std::string(text)}}, now);
  require(!advice.max_age || *advice.max_age >= Duration::zero());
  cache_advice({{"Expires", std::string(text)}, {"Date", std::string(text)}}, now);

  if (auto bytes = decode_base64url(text)) require(encode_base64url(*bytes) == text);
  return 0;
}
