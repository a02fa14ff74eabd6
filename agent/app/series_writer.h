#pragma once
// One target's series: every probe's values go to the store, and to the page that /metrics prints.
//
// The store also gets `up` with value 1 for each probe that ran, as a Prometheus adds it to what it scrapes
// from an exporter that answers: people's rules ask for it (`absent(up{job="auth"})`). A Prometheus that
// scrapes the page writes its own.
//
// What a probe does not report any more ends: a stale marker in the store, no line on the page. So a target
// that is removed takes its series with it.

#include <optional>
#include <span>
#include <vector>

#include "core/exposition/metrics_page.h"
#include "core/metric_family.h"
#include "core/store/sample_store.h"

namespace sluice::app {

class SeriesWriter {
 public:
  // `labels` are the target's: job, instance and those of its configuration. Both references outlive this.
  SeriesWriter(store::SampleStore& store, exposition::MetricsPage& page, Labels labels);
  ~SeriesWriter();  // takes the lines off the page; end() marks the series
  SeriesWriter(const SeriesWriter&) = delete;
  SeriesWriter& operator=(const SeriesWriter&) = delete;

  // Replaces what is shown by `points`, as of `at`.
  void write(Timestamp at, std::span<const MetricPoint> points);
  // Ends every series.
  void end(Timestamp at);
  const Labels& labels() const { return labels_; }

 private:
  struct Line {
    const MetricFamily* family = nullptr;
    Labels own;   // the point's own labels
    Labels full;  // with the target's and the metric name
    exposition::SlotId slot = 0;
    uint64_t round = 0;
    // Where the store keeps it, as long as the store's generation is this one.
    std::optional<store::SeriesId> series;
    uint64_t generation = 0;
  };

  Line& line_for(const MetricPoint& point, size_t hint);
  void append(Line& line, Sample sample);

  store::SampleStore& store_;
  exposition::MetricsPage& page_;
  Labels labels_;
  std::vector<Line> lines_;
  Line up_;  // in the store only
  uint64_t round_ = 0;
};

}  // namespace sluice::app
