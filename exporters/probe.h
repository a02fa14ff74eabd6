#pragma once
// The contract of every prober: run one probe against one target, under a deadline, and say what was seen.
//
// A prober is two files. `x_probe.cc` does I/O and collects an observation; `x_judge.cc` is a pure function
// from configuration and observation to ProbeResult. What the watched world does is a field of the result,
// never an error or an exception.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/metric_family.h"
#include "core/time.h"
#include "exporters/reason.h"

namespace sluice::exporters {

struct ProbeContext {
  Instant scheduled;     // when the probe was due; its duration is counted from here
  Instant deadline;      // the whole probe ends by then, whatever the peer does
  bool explain = false;  // gather findings: `sluice probe` and /probe?debug=true
  bool deep = true;      // also what is costly and the same from everywhere: a server's statistics
};

// One line of the explanation: what was done or asserted, and how it went.
struct Finding {
  enum class Kind { kNote, kPassed, kFailed };
  Kind kind = Kind::kNote;
  Duration at{};  // since the probe began
  std::string text;
};

struct ProbeResult {
  Reason reason = Reason::kOk;
  // One sentence for people with the specifics, without secrets: "status 503, wanted 200". At most 512 bytes,
  // valid UTF-8; empty on success.
  std::string detail;
  Duration duration{};
  std::vector<MetricPoint> points;
  std::vector<Finding> findings;  // empty unless asked for

  bool success() const { return reason == Reason::kOk; }
};

// One prober per target: it may keep state between probes (a connection, known keys). Never probed twice at a
// time. Runs on the executor of the calling coroutine and must not block it.
class Prober {
 public:
  virtual ~Prober() = default;
  virtual boost::asio::awaitable<ProbeResult> probe(ProbeContext context) = 0;
};

}  // namespace sluice::exporters
