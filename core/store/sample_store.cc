#include "core/store/sample_store.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <unordered_map>
#include <utility>

#include "core/check.h"
#include "core/store/chunk.h"

namespace sluice::store {
namespace {

// A chunk is closed when it has this many bytes or samples, or spans so much of the retention that expiring
// it late would matter: half of it, or a quarter when it is not small. Larger chunks cost reading, smaller
// ones memory: each costs some 40 bytes beside its samples.
constexpr uint32_t kChunkBytesMax = 400;
constexpr uint32_t kChunkBytesSmall = 128;
constexpr uint32_t kChunkSamplesMax = 240;
// Rules ask for the last minutes of a chunk that holds an hour, again and again, so a reader of the open
// chunk leaves a mark to read on from. It moves on only when so many samples were passed over: windows of
// different lengths then share one, and the longer one need not begin at the beginning.
constexpr uint32_t kMarkStep = 64;
constexpr uint32_t kMarkEvery = 16;  // samples from one place for a mark to the next
constexpr size_t kMallocBytes = 8;   // what the allocator adds to a block

// One run of samples: a head and the bits behind it in one block. The block of an open chunk grows in small
// steps, since there may be a hundred thousand of them.
class Chunk {
 public:
  static constexpr auto kSpanMax = std::chrono::milliseconds(UINT32_MAX);

  explicit Chunk(Timestamp first) : head_(static_cast<Head*>(reallocated(nullptr, block_bytes(0)))) {
    *head_ = Head{to_unix_ms(first), 0, 0, 0};
  }
  Chunk(Chunk&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
  Chunk& operator=(Chunk other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }
  ~Chunk() { std::free(head_); }

  Timestamp first() const { return from_unix_ms(head_->first_ms); }
  Timestamp last() const { return first() + std::chrono::milliseconds(head_->span_ms); }
  uint32_t samples() const { return head_->samples; }
  uint32_t bytes() const { return (head_->bits + 7u) / 8; }
  // As an open chunk takes; a closed one takes less.
  size_t block_bytes() const { return block_bytes(bytes()) + kMallocBytes; }
  ChunkReader reader() const { return {std::span(data(), bytes()), head_->samples, first()}; }
  ChunkReader reader(const Restart& restart) const {
    return {std::span(data(), bytes()), head_->samples, restart};
  }

  void append(CodecState& state, Sample sample) {
    // Coded aside first, behind the bits the last byte already has: only then it is known how much room it
    // takes.
    uint8_t scratch[kSampleBitsMax / 8 + 2] = {};
    const uint32_t whole_bytes = head_->bits / 8u;
    uint32_t bits = head_->bits % 8u;
    if (bits > 0) scratch[0] = data()[whole_bytes];
    append_sample(state, sample, scratch, bits);
    const uint32_t added = (bits + 7) / 8, needed = whole_bytes + added;
    if (block_bytes(needed) > block_bytes(bytes())) {
      head_ = static_cast<Head*>(reallocated(head_, block_bytes(needed)));
    }
    std::copy(scratch, scratch + added, data() + whole_bytes);
    head_->bits = static_cast<uint16_t>(whole_bytes * 8 + bits);
    head_->span_ms = static_cast<uint32_t>(to_unix_ms(sample.at) - head_->first_ms);
    ++head_->samples;
  }
  // Gives back the room that no further sample will need.
  void close() { head_ = static_cast<Head*>(reallocated(head_, sizeof(Head) + bytes())); }

 private:
  struct Head {
    int64_t first_ms;
    uint32_t span_ms;
    uint16_t bits;
    uint16_t samples;
  };
  static_assert(kChunkBytesMax * 8 + kSampleBitsMax < UINT16_MAX);

  // 24, 56, 88, ...: what the allocator hands out anyway, less its own eight bytes.
  static size_t block_bytes(uint32_t data) {
    return (sizeof(Head) + data + kMallocBytes + 31) / 32 * 32 - kMallocBytes;
  }
  static void* reallocated(void* block, size_t bytes) {
    void* moved = std::realloc(block, bytes);
    if (moved == nullptr) throw std::bad_alloc();
    return moved;
  }
  uint8_t* data() const { return reinterpret_cast<uint8_t*>(head_ + 1); }

  Head* head_;
};

struct Series {
  Labels labels;
  std::vector<Chunk> chunks;              // oldest first; the last one is open
  mutable std::unique_ptr<Restart> mark;  // into the open chunk; null before anybody read far into it
  CodecState codec;                       // at the end of the open chunk
  Sample newest;                          // when there are chunks
  bool live = false;

  // Appends the samples of the open chunk with after < at <= to.
  void read_open(Timestamp after, Timestamp to, std::vector<Sample>& out) const;

  size_t bytes() const {
    size_t bytes = labels.empty() ? 0 : labels.bytes() + kMallocBytes;
    if (mark != nullptr) bytes += sizeof *mark + kMallocBytes;
    if (chunks.capacity() > 0) bytes += chunks.capacity() * sizeof(Chunk) + kMallocBytes;
    for (const Chunk& chunk : chunks) bytes += chunk.block_bytes();
    return bytes;
  }
};

void Series::read_open(Timestamp after, Timestamp to, std::vector<Sample>& out) const {
  const Chunk& chunk = chunks.back();
  const bool from_mark = mark != nullptr && mark->state.time_ms <= to_unix_ms(after);
  ChunkReader reader = from_mark ? chunk.reader(*mark) : chunk.reader();
  const uint32_t begun = reader.passed();
  std::optional<Restart> place;
  Sample sample;
  bool more = reader.next(sample);
  for (; more && sample.at <= after; more = reader.next(sample)) {
    const uint32_t passed = reader.passed();
    if (passed % kMarkEvery == 0 && passed >= begun + kMarkStep) place = reader.place();
  }
  if (place && mark == nullptr) mark = std::make_unique<Restart>();
  if (place) *mark = *place;
  for (; more && sample.at <= to; more = reader.next(sample)) out.push_back(sample);
}

// Label set -> id, by open addressing: four bytes a slot, the labels themselves are in the series.
class IdTable {
 public:
  static constexpr SeriesId kNone = UINT32_MAX;

  template <typename LabelsOf>
  SeriesId find(const Labels& labels, const LabelsOf& labels_of) const {
    if (slots_.empty()) return kNone;
    for (size_t i = labels.hash() & mask();; i = (i + 1) & mask()) {
      if (slots_[i] == kNone || labels_of(slots_[i]) == labels) return slots_[i];
    }
  }
  template <typename LabelsOf>
  void insert(SeriesId id, const LabelsOf& labels_of) {
    if ((count_ + 1) * 4 > slots_.size() * 3) {
      std::vector<SeriesId> old(std::max<size_t>(64, slots_.size() * 2), kNone);
      old.swap(slots_);
      for (const SeriesId moved : old) {
        if (moved != kNone) place(moved, labels_of);
      }
    }
    place(id, labels_of);
    ++count_;
  }
  // Forgets all and takes these: how series are removed, many at a time.
  template <typename LabelsOf>
  void rebuild(std::span<const SeriesId> ids, const LabelsOf& labels_of) {
    slots_.clear();
    count_ = 0;
    for (const SeriesId id : ids) insert(id, labels_of);
  }
  size_t count() const { return count_; }
  size_t bytes() const { return slots_.capacity() * sizeof(SeriesId); }

 private:
  size_t mask() const { return slots_.size() - 1; }
  template <typename LabelsOf>
  void place(SeriesId id, const LabelsOf& labels_of) {
    size_t i = labels_of(id).hash() & mask();
    while (slots_[i] != kNone) i = (i + 1) & mask();
    slots_[i] = id;
  }

  std::vector<SeriesId> slots_;  // a power of two
  size_t count_ = 0;
};

}  // namespace

struct SampleStore::State {
  explicit State(StoreOptions o) : options(o) {}

  const Labels& labels(SeriesId id) const { return series[id].labels; }
  const Series& at(SeriesId id) const {
    SLUICE_CHECK(id < series.size() && series[id].live, "there is no series of this id");
    return series[id];
  }
  Index::LabelsOf labels_of() const {
    return [this](SeriesId id) -> const Labels& { return series[id].labels; };
  }

  void append(Series& target, Sample sample);
  bool is_full(const Chunk& chunk, Timestamp next) const {
    const auto span = next - chunk.first(), retention = to_ms(options.retention);
    return chunk.bytes() >= kChunkBytesMax || chunk.samples() >= kChunkSamplesMax || span > Chunk::kSpanMax ||
           span > retention / 2 || (span > retention / 4 && chunk.bytes() >= kChunkBytesSmall);
  }
  // What the selectors' windows may see at all.
  Timestamp clamped(Timestamp after) const { return std::max(after, oldest_visible - 1ms); }

  StoreOptions options;
  std::vector<Series> series;
  std::vector<SeriesId> free_ids;
  IdTable ids;
  Index index;
  Timestamp oldest_visible = Timestamp::min() + 1ms;
  StoreStats counts;
};

void SampleStore::State::append(Series& target, Sample sample) {
  const Chunk* open = target.chunks.empty() ? nullptr : &target.chunks.back();
  if (open == nullptr || is_full(*open, sample.at)) {
    target.codec = first_state(sample.at, open == nullptr ? nullptr : &target.codec);
    if (open != nullptr) target.chunks.back().close();
    if (target.chunks.size() == target.chunks.capacity()) target.chunks.reserve(target.chunks.size() + 1);
    target.chunks.emplace_back(sample.at);
    target.mark.reset();
  }
  target.chunks.back().append(target.codec, sample);
  target.newest = sample;
  ++counts.samples;
  ++counts.samples_appended_total;
}

SampleStore::SampleStore(StoreOptions options) : state_(std::make_unique<State>(options)) {}
SampleStore::~SampleStore() = default;
SampleStore::SampleStore(SampleStore&&) noexcept = default;
SampleStore& SampleStore::operator=(SampleStore&&) noexcept = default;

std::vector<SeriesId> SampleStore::select(std::span<const Matcher> matchers) const {
  return state_->index.select(matchers, state_->labels_of());
}

std::optional<SeriesId> SampleStore::find(const Labels& labels) const {
  const auto labels_of = [this](SeriesId id) -> const Labels& { return state_->labels(id); };
  const SeriesId id = state_->ids.find(labels, labels_of);
  if (id == IdTable::kNone) return std::nullopt;
  return id;
}

const Labels& SampleStore::labels(SeriesId id) const {
  return state_->at(id).labels;
}

void SampleStore::read(SeriesId id, Timestamp after, Timestamp to, std::vector<Sample>& out) const {
  const Series& series = state_->at(id);
  after = state_->clamped(after);
  const auto first = std::partition_point(series.chunks.begin(), series.chunks.end(),
                                          [&](const Chunk& chunk) { return chunk.last() <= after; });
  for (auto chunk = first; chunk != series.chunks.end() && chunk->first() <= to; ++chunk) {
    if (std::next(chunk) == series.chunks.end()) return series.read_open(after, to, out);
    ChunkReader reader = chunk->reader();
    Sample sample;
    while (reader.next(sample) && sample.at <= to) {
      if (sample.at > after) out.push_back(sample);
    }
  }
}

std::optional<Sample> SampleStore::latest(SeriesId id, Timestamp after, Timestamp to) const {
  const Series& series = state_->at(id);
  after = state_->clamped(after);
  if (series.chunks.empty() || to <= after) return std::nullopt;
  // Nearly always the question is about now.
  if (series.newest.at <= to) return series.newest.at > after ? std::optional(series.newest) : std::nullopt;
  const auto beyond = std::partition_point(series.chunks.begin(), series.chunks.end(),
                                           [&](const Chunk& chunk) { return chunk.first() <= to; });
  if (beyond == series.chunks.begin()) return std::nullopt;
  std::optional<Sample> found;
  ChunkReader reader = std::prev(beyond)->reader();
  Sample sample;
  while (reader.next(sample) && sample.at <= to) found = sample;
  return found && found->at > after ? found : std::nullopt;
}

std::optional<Sample> SampleStore::newest(SeriesId id) const {
  const Series& series = state_->at(id);
  if (series.chunks.empty() || series.newest.at < state_->oldest_visible) return std::nullopt;
  return series.newest;
}

std::vector<std::string> SampleStore::label_names(std::span<const Matcher> matchers) const {
  if (matchers.empty()) return state_->index.names();
  std::vector<std::string> names;
  std::unordered_map<std::string_view, bool> seen;
  for (const SeriesId id : select(matchers)) {
    for (const auto& label : state_->labels(id)) {
      if (seen.emplace(label.name, true).second) names.emplace_back(label.name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> SampleStore::label_values(std::string_view name,
                                                   std::span<const Matcher> matchers) const {
  if (matchers.empty()) return state_->index.values(name);
  std::vector<std::string> values;
  std::unordered_map<std::string_view, bool> seen;
  for (const SeriesId id : select(matchers)) {
    const std::string_view value = state_->labels(id).get(name);
    if (!value.empty() && seen.emplace(value, true).second) values.emplace_back(value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

uint64_t SampleStore::generation() const {
  return state_->counts.series_created_total + state_->counts.series_removed_total;
}

StoreStats SampleStore::stats() const {
  StoreStats stats = state_->counts;
  stats.series = state_->ids.count();
  stats.bytes = state_->series.capacity() * sizeof(Series) + state_->free_ids.capacity() * sizeof(SeriesId) +
                state_->ids.bytes() + state_->index.bytes();
  for (const Series& series : state_->series) stats.bytes += series.bytes();
  return stats;
}

std::optional<SeriesId> SampleStore::intern(const Labels& labels) {
  if (const std::optional<SeriesId> known = find(labels)) return known;
  State& state = *state_;
  if (state.ids.count() >= state.options.series_max) {
    ++state.counts.series_refused_total;
    return std::nullopt;
  }
  SeriesId id = static_cast<SeriesId>(state.series.size());
  if (!state.free_ids.empty()) {
    id = state.free_ids.back();
    state.free_ids.pop_back();
  } else {
    state.series.emplace_back();
  }
  state.series[id].labels = labels;
  state.series[id].live = true;
  state.ids.insert(id, [&state](SeriesId i) -> const Labels& { return state.labels(i); });
  state.index.add(id, labels);
  ++state.counts.series_created_total;
  return id;
}

Append SampleStore::append(SeriesId id, Sample sample) {
  State& state = *state_;
  SLUICE_CHECK(id < state.series.size() && state.series[id].live, "there is no series of this id");
  Series& series = state.series[id];
  if (!series.chunks.empty() && sample.at <= series.newest.at) {
    const bool same = sample.at == series.newest.at &&
                      std::bit_cast<uint64_t>(sample.value) == std::bit_cast<uint64_t>(series.newest.value);
    if (same) return Append::kDuplicate;
    ++state.counts.out_of_order_total;
    return Append::kOutOfOrder;
  }
  state.append(series, sample);
  return Append::kAppended;
}

Append SampleStore::append(const Labels& labels, Sample sample) {
  const std::optional<SeriesId> id = intern(labels);
  return id ? append(*id, sample) : Append::kSeriesLimit;
}

void SampleStore::end_series(std::span<const Matcher> matchers, Timestamp at) {
  for (const SeriesId id : select(matchers)) {
    Series& series = state_->series[id];
    if (series.chunks.empty() || is_stale(series.newest.value)) continue;
    state_->append(series, {std::max(at, series.newest.at + 1ms), stale_marker()});
  }
}

void SampleStore::expire(Timestamp now) {
  State& state = *state_;
  state.oldest_visible = std::max(state.oldest_visible, now - to_ms(state.options.retention));
  std::vector<SeriesId> gone, staying;
  for (SeriesId id = 0; id < state.series.size(); ++id) {
    Series& series = state.series[id];
    if (!series.live) continue;
    auto kept = series.chunks.begin();
    for (; kept != series.chunks.end() && kept->last() < state.oldest_visible; ++kept) {
      state.counts.samples -= kept->samples();
    }
    series.chunks.erase(series.chunks.begin(), kept);
    (series.chunks.empty() ? gone : staying).push_back(id);
  }
  if (gone.empty()) return;
  state.index.remove(gone, state.series.size(), state.labels_of());
  for (const SeriesId id : gone) state.series[id] = Series{};
  state.free_ids.insert(state.free_ids.end(), gone.rbegin(), gone.rend());
  state.ids.rebuild(staying, [&state](SeriesId i) -> const Labels& { return state.labels(i); });
  state.counts.series_removed_total += gone.size();
}

void SampleStore::clear() {
  State& state = *state_;
  StoreStats counts = state.counts;
  counts.series_removed_total += state.ids.count();
  counts.samples = 0;
  state = State(state.options);
  state.counts = counts;
}

}  // namespace sluice::store
