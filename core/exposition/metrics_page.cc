#include "core/exposition/metrics_page.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/check.h"
#include "core/number.h"

namespace sluice::exposition {
namespace {

constexpr size_t kNumberBytesMax = 32;

// append_float into a buffer with at least kNumberBytesMax bytes of room.
char* put_float(char* out, double value) {
  if (value >= -1e15 && value <= 1e15) {
    const auto whole = static_cast<int64_t>(value);
    if (static_cast<double>(whole) == value && !(value == 0 && std::signbit(value))) {
      if (whole >= 0 && whole <= 9) {
        *out = static_cast<char>('0' + whole);
        return out + 1;
      }
      return std::to_chars(out, out + kNumberBytesMax, whole).ptr;
    }
    if (std::abs(value) >= 1e-6)
      return std::to_chars(out, out + kNumberBytesMax, value, std::chars_format::fixed).ptr;
  }
  const std::string text = format_float(value);
  return std::copy(text.begin(), text.end(), out);
}

// Collects lines in a small buffer that stays in the first-level cache, and hands them on in larger pieces.
class Sink {
 public:
  explicit Sink(std::string& out) : out_(out) {}
  ~Sink() { flush(); }
  void line(std::string_view start, double value) {
    if (static_cast<size_t>(buffer_ + sizeof buffer_ - next_) < start.size() + kNumberBytesMax + 1) {
      flush();
      if (start.size() + kNumberBytesMax + 1 > sizeof buffer_) {
        out_ += start;
        start = {};
      }
    }
    next_ = put_float(std::copy(start.begin(), start.end(), next_), value);
    *next_++ = '\n';
  }

 private:
  void flush() {
    out_.append(buffer_, next_);
    next_ = buffer_;
  }
  std::string& out_;
  char buffer_[16 << 10];
  char* next_ = buffer_;
};

}  // namespace

MetricsPage::Line& MetricsPage::line(SlotId slot) {
  SLUICE_CHECK(slot < slots_.size() && slots_[slot].family != nullptr, "unknown slot of the metrics page");
  return slots_[slot].family->lines[slots_[slot].line];
}

SlotId MetricsPage::add(const MetricFamily& described, const Labels& labels, std::string_view suffix) {
  auto found = families_.find(described.name);
  if (found == families_.end()) {
    auto made = std::make_unique<Family>();
    made->name = described.name;
    append_family_header(made->header_text, described.name, described.type, described.help, Format::kText);
    append_family_header(made->header_openmetrics, described.name, openmetrics_type(described.type, labels),
                         described.help, Format::kOpenMetrics);
    found = families_.emplace(made->name, std::move(made)).first;
  }
  Family& family = *found->second;

  SlotId slot = static_cast<SlotId>(slots_.size());
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    slots_.emplace_back();
  }
  Line line;
  line.slot = slot;
  const size_t start = family.text.size();
  append_line_start(family.text, described.name, suffix, labels);
  SLUICE_CHECK(family.text.size() <= UINT32_MAX, "a metric family has more than 4 GiB of label text");
  line.start = static_cast<uint32_t>(start);
  line.length = static_cast<uint32_t>(family.text.size() - start);
  slots_[slot] = Slot{&family, static_cast<uint32_t>(family.lines.size())};
  family.lines.push_back(line);
  return slot;
}

void MetricsPage::set(SlotId slot, double value) {
  Line& changed = line(slot);
  changed.value = value;
  if (changed.shown) return;
  changed.shown = true;
  ++slots_[slot].family->shown;
  ++lines_;
}

void MetricsPage::unset(SlotId slot) {
  Line& changed = line(slot);
  if (!changed.shown) return;
  changed.shown = false;
  --slots_[slot].family->shown;
  --lines_;
}

void MetricsPage::remove(SlotId slot) {
  unset(slot);
  line(slot).removed = true;
  Family& family = *slots_[slot].family;
  ++family.removed;
  slots_[slot] = Slot{};
  free_.push_back(slot);
  if (family.removed == family.lines.size()) {
    families_.erase(families_.find(family.name));
  } else if (family.removed > 16 && family.removed > family.lines.size() / 2) {
    compact(family);
  }
}

void MetricsPage::compact(Family& family) {
  std::string text;
  std::vector<Line> lines;
  lines.reserve(family.lines.size() - family.removed);
  for (Line line : family.lines) {
    if (line.removed) continue;
    const size_t start = text.size();
    text.append(family.text, line.start, line.length);
    line.start = static_cast<uint32_t>(start);
    slots_[line.slot].line = static_cast<uint32_t>(lines.size());
    lines.push_back(line);
  }
  text.shrink_to_fit();
  family.text = std::move(text);
  family.lines = std::move(lines);
  family.removed = 0;
}

size_t MetricsPage::bytes() const {
  size_t bytes = slots_.capacity() * sizeof(Slot) + free_.capacity() * sizeof(SlotId);
  for (const auto& [name, family] : families_) {
    bytes += sizeof(Family) + family->text.capacity() + family->lines.capacity() * sizeof(Line) +
             family->header_text.capacity() + family->header_openmetrics.capacity();
  }
  return bytes;
}

void MetricsPage::render(std::string& out, Format format) const {
  size_t expected = out.size();
  for (const auto& [name, family] : families_) {
    expected += family->text.size() + family->header_text.size() + family->shown * 12;
  }
  out.reserve(expected);
  for (const auto& [name, family] : families_) {
    if (family->shown == 0) continue;
    out += format == Format::kText ? family->header_text : family->header_openmetrics;
    Sink sink(out);
    for (const Line& line : family->lines) {
      if (line.shown) sink.line(std::string_view(family->text).substr(line.start, line.length), line.value);
    }
  }
}

}  // namespace sluice::exposition
