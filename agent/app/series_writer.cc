#include "agent/app/series_writer.h"

#include <algorithm>

namespace sluice::app {

SeriesWriter::SeriesWriter(store::SampleStore& store, exposition::MetricsPage& page, Labels labels)
    : store_(store), page_(page), labels_(std::move(labels)) {}

SeriesWriter::~SeriesWriter() {
  for (const Line& line : lines_) page_.remove(line.slot);
}

SeriesWriter::Line& SeriesWriter::line_for(const MetricPoint& point, size_t hint) {
  const auto same = [&](const Line& line) { return line.family == point.family && line.own == point.labels; };
  // A prober reports its points in the same order each time: the line is nearly always where it was.
  if (hint < lines_.size() && same(lines_[hint])) return lines_[hint];
  if (const auto found = std::find_if(lines_.begin(), lines_.end(), same); found != lines_.end())
    return *found;
  Line line;
  line.family = point.family;
  line.own = point.labels;
  line.full = labels_;
  for (const auto& label : point.labels) line.full.set(label.name, label.value);
  line.slot = page_.add(*point.family, line.full);
  line.full.set(kMetricName, point.family->name);
  lines_.push_back(std::move(line));
  return lines_.back();
}

void SeriesWriter::write(Timestamp at, std::span<const MetricPoint> points) {
  ++round_;
  for (size_t i = 0; i < points.size(); ++i) {
    Line& line = line_for(points[i], i);
    line.round = round_;
    page_.set(line.slot, points[i].value);
    store_.append(line.full, {at, points[i].value});
  }
  std::erase_if(lines_, [&](const Line& line) {
    if (line.round == round_) return false;
    page_.remove(line.slot);
    store_.append(line.full, {at, stale_marker()});
    return true;
  });
}

void SeriesWriter::end(Timestamp at) {
  write(at, {});
}

}  // namespace sluice::app
