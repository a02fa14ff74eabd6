#pragma once
// The OIDC prober: health, discovery and keys of one auth server.
//
// Health and discovery are asked at the same time, the keys as soon as it is known where they are, all under
// the one deadline of the probe, so a health endpoint that hangs does not hide what is wrong with the
// documents. Each is a fresh connection. The documents are asked without following redirects, since that is
// how strict clients ask; and keys on another host than the target's are asked without the module's
// credentials.

#include <memory>
#include <string>

#include "core/net/net.h"
#include "exporters/http/http_rules.h"
#include "exporters/oidc/config.h"
#include "exporters/oidc/key_tracker.h"
#include "exporters/oidc/oidc_judge.h"
#include "exporters/probe.h"

namespace sluice::exporters::oidc {

// A module made ready: once for all targets that use it, never changed.
struct OidcRules {
  OidcModule module;
  std::shared_ptr<const http::HttpRules> health;     // as configured
  std::shared_ptr<const http::HttpRules> documents;  // status 200 and nothing else
  std::shared_ptr<const http::HttpRules> elsewhere;  // the same without credentials

  // The first of problems(), if there is one.
  static Result<std::shared_ptr<const OidcRules>> compile(OidcModule module);
};

class OidcProber final : public Prober {
 public:
  // What `net` refers to must outlive the prober. `target` is the base URL of the auth server, as it was
  // written.
  OidcProber(net::Net net, std::shared_ptr<const OidcRules> rules, std::string target);
  boost::asio::awaitable<ProbeResult> probe(ProbeContext context) override;

 private:
  boost::asio::awaitable<void> ask_health(OidcObservation& seen, ProbeContext context);
  boost::asio::awaitable<void> ask_documents(OidcObservation& seen, ProbeContext context);

  net::Net net_;
  std::shared_ptr<const OidcRules> rules_;
  std::string target_;  // with a scheme
  std::string issuer_;
  KeyTracker tracker_;
};

}  // namespace sluice::exporters::oidc
