#pragma once
// Samples in memory: what the agent saw in the last hours, compressed, indexed by label.
//
// It is laid out like the head of a Prometheus: a series is a label set with compressed chunks (chunk.h); an
// inverted index (index.h) answers selectors. One thread owns it; readers and the writer are the same thread.
//
// Bounds: retention in time and series in number. A series beyond the limit is refused and counted, never
// silently dropped; samples must come in time order per series, others are refused and counted. Memory goes
// back a chunk at a time, but what is older than retention is invisible at once.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/sample.h"
#include "core/store/index.h"

namespace sluice::store {

// SeriesId (index.h) identifies a series while it lives; ids of expired series may be reused. Ids are dense:
// good as vector indexes.

struct StoreOptions {
  Duration retention = 2h;
  size_t series_max = 200'000;
};

enum class Append {
  kAppended,
  kDuplicate,   // same timestamp, same value: nothing to do
  kOutOfOrder,  // older than the newest sample, or same timestamp with another value
  kSeriesLimit,
};

struct StoreStats {
  size_t series = 0;
  size_t samples = 0;  // held in memory
  size_t bytes = 0;    // chunks, labels and index, as allocated
  uint64_t samples_appended_total = 0;
  uint64_t out_of_order_total = 0;
  uint64_t series_refused_total = 0;
  uint64_t series_created_total = 0;
  uint64_t series_removed_total = 0;
};

class SampleStore {
 public:
  explicit SampleStore(StoreOptions options = {});
  ~SampleStore();
  SampleStore(SampleStore&&) noexcept;
  SampleStore& operator=(SampleStore&&) noexcept;

  // --- reading ---
  // The series that all matchers accept, in no particular order. No matchers selects every series.
  std::vector<SeriesId> select(std::span<const Matcher> matchers) const;
  std::optional<SeriesId> find(const Labels& labels) const;
  // Valid until the next non-const call.
  const Labels& labels(SeriesId id) const;
  // Appends to `out` the samples with after < at <= to, oldest first, stale markers included: left-open, as
  // ranges and lookback are in Prometheus 3.
  void read(SeriesId id, Timestamp after, Timestamp to, std::vector<Sample>& out) const;
  // The newest sample with after < at <= to, stale markers included.
  std::optional<Sample> latest(SeriesId id, Timestamp after, Timestamp to) const;
  // The newest sample of the series, if it has any.
  std::optional<Sample> newest(SeriesId id) const;
  // Sorted, unique.
  std::vector<std::string> label_names(std::span<const Matcher> matchers) const;
  std::vector<std::string> label_values(std::string_view name, std::span<const Matcher> matchers) const;
  // A number that changes whenever a series comes or goes: while it stays, what select() returned stays true.
  uint64_t generation() const;
  // Walks over all series; for the agent's own metrics, not for each query.
  StoreStats stats() const;

  // --- writing ---
  // The series of that label set, made when it is new; empty at the series limit. A series without samples
  // lives until the next expire().
  std::optional<SeriesId> intern(const Labels& labels);
  Append append(SeriesId id, Sample sample);
  Append append(const Labels& labels, Sample sample);
  // Writes a stale marker to each selected series whose newest sample is not one already: at `at`, or just
  // behind that sample when it is not older.
  void end_series(std::span<const Matcher> matchers, Timestamp at);
  // Drops what is older than retention, then series without samples. Call about once a minute.
  void expire(Timestamp now);
  // Drops everything.
  void clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::store
