#pragma once
// What would have been: a configuration played over probes that were really made. The same health, votes,
// decision, rules and routing as in the agent, on the probes' own time, with nothing sent anywhere.
//
//   journals of one or more agents, or samples of probe_success     -> health and votes, one gate per agent
//   their samples, and what the gate makes of them                  -> rules -> alerts -> routes -> what was
//   to be sent
//
// Every message counts as delivered at once. Journals hold whether probes succeeded and how long they took,
// no other samples: rules about more than that have no data, and the report names them.

#include <memory>
#include <string>
#include <vector>

#include "agent/app/journal.h"
#include "agent/config/config.h"
#include "agent/gate/gate.h"
#include "core/store/sample_store.h"

namespace sluice::app {

struct ReplayDisabling {
  std::string pool, target;
  gate::Mode mode = gate::Mode::kEnforce;
  Timestamp from{};
  std::optional<Timestamp> to;  // none: still, at the end
  std::string evidence;
  std::string ended;  // why it came back
};

struct ReplayAlert {
  std::string name;
  Labels labels;
  Timestamp from{};  // of firing
  std::optional<Timestamp> to;
};

struct ReplayMessage {
  Timestamp at{};
  std::string receiver, integration;
  std::vector<std::string> firing, resolved;  // names of alerts
};

struct ReplayReport {
  Timestamp from{}, to{};
  size_t agents = 0;
  size_t probes = 0;
  size_t unknown_probes = 0;  // of targets that the configuration does not have
  std::vector<ReplayDisabling> disabled;
  std::map<std::pair<std::string, std::string>, uint64_t> held;  // pool, why: turns times failing members
  std::vector<ReplayAlert> alerts;
  std::vector<ReplayMessage> messages;
  std::vector<std::string> rules_without_data;
};

struct ReplayInput {
  std::vector<Journal> journals;  // one per agent; probes in order of time
  // Samples besides those of the journals, for rules; may be empty. Not a window: all that there is.
  store::SampleStore samples{{.retention = std::chrono::hours(24 * 365 * 200), .series_max = 10'000'000}};
  bool samples_have_probes = false;  // probe_success is among them already
};

// The probes that samples of probe_success tell of, as one agent's journal.
Journal journal_of_samples(const store::SampleStore& store);

ReplayReport replay(const config::Config& config, ReplayInput input, Timestamp from, Timestamp to);

}  // namespace sluice::app
