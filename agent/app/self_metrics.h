#pragma once
// The agent's own metrics. What happens at the edges is counted in a prometheus-cpp registry; what the
// machines count for themselves is read from their Stats when somebody asks. Both are exposed on /metrics,
// and written to the store as job="sluice", so that rules can be about the agent too.

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <string>
#include <vector>

#include "agent/app/families.h"
#include "core/exposition/text_writer.h"
#include "core/store/sample_store.h"

namespace sluice::app {

// Counted where it happens.
class Instruments {
 public:
  Instruments();
  void http_request(std::string_view path, int status);
  void redis_error() { redis_errors_.Increment(); }
  // What was counted so far.
  std::vector<exposition::ExposedFamily> collect() const;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& http_requests_;
  prometheus::Counter& redis_errors_;
};

// Gathers samples of the families above.
class FamilyList {
 public:
  void add(const MetricFamily& family, double value, Labels labels = {});
  std::vector<exposition::ExposedFamily> take() { return std::move(families_); }

 private:
  std::vector<exposition::ExposedFamily> families_;
};

// CPU, memory and file descriptors of this process, from /proc.
void add_process_metrics(FamilyList& out, double start_time);

// Appends every sample as a series of `labels` (job and instance), which its own labels win over.
void write_to_store(const std::vector<exposition::ExposedFamily>& families, const Labels& labels,
                    Timestamp at, store::SampleStore& store);

}  // namespace sluice::app
