#pragma once
// What the API looks at: read-only views of the agent, valid for the length of one request.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/gate/gate.h"
#include "alerts/pipeline.h"
#include "core/store/sample_store.h"
#include "rules/group.h"

namespace sluice::api {

// A probed target.
struct TargetView {
  std::string job, instance, address, module, pool;
  Labels labels;
  Duration interval{}, timeout{};
  gate::Verdict health = gate::Verdict::kUnknown;
  std::string reason;  // "ok", "connect_refused"
  std::string detail;  // one sentence, when it failed
  Duration last_duration{};
  Timestamp last_run{};  // the epoch before the first
  bool assigned = true;  // else other agents of the fleet probe it

  bool probed() const { return last_run != Timestamp{}; }
};

struct Views {
  Timestamp now{};
  const store::SampleStore* store = nullptr;
  const std::vector<std::unique_ptr<rules::Group>>* groups = nullptr;
  const gate::Gate* gate = nullptr;
  std::function<std::vector<TargetView>()> targets;
  std::function<std::string()> config_yaml;  // effective, secrets masked
  // Ends queries that take too long; may be empty.
  std::function<bool()> interrupted;
  std::string version;
  Timestamp started{};
};

}  // namespace sluice::api
