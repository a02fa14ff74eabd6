#pragma once
// What rules emit and the notification pipeline consumes: the only thing `rules` and `alerts` share.

#include <cstdint>
#include <string>
#include <vector>

#include "core/labels.h"
#include "core/time.h"

namespace sluice {

// The identity of an alert is its label set; the fingerprint is a stable hash of it, printed as 16 hex digits.
using Fingerprint = uint64_t;
std::string format_fingerprint(Fingerprint fingerprint);

// One alert as Alertmanager's API knows it. The sender repeats it while it fires, each time moving ends_at ahead; an
// alert whose ends_at lies in the past is resolved. So a sender that dies leaves alerts that end by themselves.
struct Alert {
  Labels labels;
  Labels annotations;
  Timestamp starts_at{};
  Timestamp ends_at{};     // never zero inside Sluice: the API fills in now + resolve_timeout
  Timestamp updated_at{};  // when the pipeline last heard of it
  std::string generator_url;
  bool timeout = false;  // ends_at was guessed from resolve_timeout, not told by the sender

  Fingerprint fingerprint() const { return labels.hash(); }
  bool resolved_at(Timestamp now) const { return ends_at <= now; }

  bool operator==(const Alert&) const = default;
};

}  // namespace sluice
