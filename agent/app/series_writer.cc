#include "agent/app/series_writer.h"

#include <algorithm>

namespace sluice::app {

SeriesWriter::SeriesWriter(store::SampleStore& store, exposition::MetricsPage& page, Labels labels)
    : store_(store), page_(page), labels_(std::move(labels)) {
  up_.full = labels_;
  up_.full.set(kMetricName, "up");
}

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

// Looking a series up by its labels costs more than the append: it is done when series came or went.
void SeriesWriter::append(Line& line, Sample sample) {
  if (!line.series || line.generation != store_.generation()) {
    line.series = store_.intern(line.full);
    line.generation = store_.generation();
  }
  if (line.series) store_.append(*line.series, sample);
}

void SeriesWriter::write(Timestamp at, std::span<const MetricPoint> points) {
  ++round_;
  for (size_t i = 0; i < points.size(); ++i) {
    Line& line = line_for(points[i], i);
    line.round = round_;
    page_.set(line.slot, points[i].value);
    append(line, {at, points[i].value});
  }
  append(up_, {at, points.empty() ? stale_marker() : 1.0});
  std::erase_if(lines_, [&](Line& line) {
    if (line.round == round_) return false;
    page_.remove(line.slot);
    append(line, {at, stale_marker()});
    return true;
  });
}

void SeriesWriter::end(Timestamp at) {
  write(at, {});
}

}  // namespace sluice::app
