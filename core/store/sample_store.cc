#include "core/store/sample_store.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/check.h"

namespace sluice::store {

struct Series {
  Labels labels;
  std::vector<Sample> samples;
  bool live = false;
};

struct SampleStore::State {
  StoreOptions options;
  std::vector<Series> series;
  std::vector<SeriesId> free_ids;
  std::unordered_map<Labels, SeriesId> ids;
  StoreStats stats;
};

SampleStore::SampleStore(StoreOptions options) : state_(std::make_unique<State>()) {
  state_->options = options;
}
SampleStore::~SampleStore() = default;
SampleStore::SampleStore(SampleStore&&) noexcept = default;
SampleStore& SampleStore::operator=(SampleStore&&) noexcept = default;

std::vector<SeriesId> SampleStore::select(std::span<const Matcher> matchers) const {
  std::vector<SeriesId> selected;
  for (SeriesId id = 0; id < state_->series.size(); ++id) {
    const Series& series = state_->series[id];
    if (!series.live) continue;
    const auto accepts = [&](const Matcher& matcher) { return matcher.matches(series.labels); };
    if (std::all_of(matchers.begin(), matchers.end(), accepts)) selected.push_back(id);
  }
  return selected;
}

std::optional<SeriesId> SampleStore::find(const Labels& labels) const {
  const auto it = state_->ids.find(labels);
  if (it == state_->ids.end()) return std::nullopt;
  return it->second;
}

const Labels& SampleStore::labels(SeriesId id) const {
  SLUICE_CHECK(id < state_->series.size(), "unknown series id");
  return state_->series[id].labels;
}

namespace {

auto after_time(const std::vector<Sample>& samples, Timestamp at) {
  return std::upper_bound(samples.begin(), samples.end(), at,
                          [](Timestamp t, const Sample& sample) { return t < sample.at; });
}

}  // namespace

void SampleStore::read(SeriesId id, Timestamp after, Timestamp to, std::vector<Sample>& out) const {
  const std::vector<Sample>& samples = state_->series[id].samples;
  const auto first = after_time(samples, after), last = after_time(samples, to);
  if (first < last) out.insert(out.end(), first, last);
}

std::optional<Sample> SampleStore::latest(SeriesId id, Timestamp after, Timestamp to) const {
  const std::vector<Sample>& samples = state_->series[id].samples;
  const auto end = after_time(samples, to);
  if (end == samples.begin() || std::prev(end)->at <= after) return std::nullopt;
  return *std::prev(end);
}

std::optional<Sample> SampleStore::newest(SeriesId id) const {
  const std::vector<Sample>& samples = state_->series[id].samples;
  if (samples.empty()) return std::nullopt;
  return samples.back();
}

std::vector<std::string> SampleStore::label_names(std::span<const Matcher> matchers) const {
  std::set<std::string> names;
  for (const SeriesId id : select(matchers)) {
    for (const auto& label : labels(id)) names.emplace(label.name);
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> SampleStore::label_values(std::string_view name,
                                                   std::span<const Matcher> matchers) const {
  std::set<std::string> values;
  for (const SeriesId id : select(matchers)) {
    if (labels(id).has(name)) values.emplace(labels(id).get(name));
  }
  return {values.begin(), values.end()};
}

StoreStats SampleStore::stats() const {
  StoreStats stats = state_->stats;
  stats.series = state_->ids.size();
  for (const Series& series : state_->series) {
    stats.samples += series.samples.size();
    stats.bytes += sizeof(Series) + series.samples.capacity() * sizeof(Sample);
  }
  return stats;
}

std::optional<SeriesId> SampleStore::intern(const Labels& labels) {
  if (const auto id = find(labels)) return id;
  if (state_->ids.size() >= state_->options.series_max) {
    ++state_->stats.series_refused_total;
    return std::nullopt;
  }
  SeriesId id = static_cast<SeriesId>(state_->series.size());
  if (!state_->free_ids.empty()) {
    id = state_->free_ids.back();
    state_->free_ids.pop_back();
  } else {
    state_->series.emplace_back();
  }
  state_->series[id] = Series{labels, {}, true};
  state_->ids.emplace(labels, id);
  ++state_->stats.series_created_total;
  return id;
}

Append SampleStore::append(SeriesId id, Sample sample) {
  std::vector<Sample>& samples = state_->series[id].samples;
  if (!samples.empty() && sample.at <= samples.back().at) {
    const bool same = sample.at == samples.back().at &&
                      std::bit_cast<uint64_t>(sample.value) == std::bit_cast<uint64_t>(samples.back().value);
    if (same) return Append::kDuplicate;
    ++state_->stats.out_of_order_total;
    return Append::kOutOfOrder;
  }
  samples.push_back(sample);
  ++state_->stats.samples_appended_total;
  return Append::kAppended;
}

Append SampleStore::append(const Labels& labels, Sample sample) {
  const std::optional<SeriesId> id = intern(labels);
  return id ? append(*id, sample) : Append::kSeriesLimit;
}

void SampleStore::end_series(std::span<const Matcher> matchers, Timestamp at) {
  for (const SeriesId id : select(matchers)) {
    const std::optional<Sample> last = newest(id);
    if (last && !is_stale(last->value)) append(id, {std::max(at, last->at + 1ms), stale_marker()});
  }
}

void SampleStore::expire(Timestamp now) {
  const Timestamp oldest = now - to_ms(state_->options.retention);
  for (SeriesId id = 0; id < state_->series.size(); ++id) {
    Series& series = state_->series[id];
    if (!series.live) continue;
    std::erase_if(series.samples, [&](const Sample& sample) { return sample.at < oldest; });
    if (!series.samples.empty()) continue;
    state_->ids.erase(series.labels);
    series = Series{};
    state_->free_ids.push_back(id);
    ++state_->stats.series_removed_total;
  }
}

void SampleStore::clear() {
  StoreStats stats = state_->stats;
  stats.series_removed_total += state_->ids.size();
  const StoreOptions options = state_->options;
  *state_ = State{};
  state_->options = options;
  state_->stats = stats;
}

}  // namespace sluice::store
