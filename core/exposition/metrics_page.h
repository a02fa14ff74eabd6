#pragma once
// What /metrics shows of probes, rules and alerts: the current value of each series, ready to be printed.
//
// A scrape prints the same hundred thousand names and labels every few seconds while only values change. So a
// series is rendered once, when it is added, up to the blank before its value
// (`probe_success{instance="a",job="b"} `); a scrape copies these beginnings and prints numbers between them.
// Series live in slots:
//
//   SlotId slot = page.add(kProbeSuccess, labels);   // a target came
//   page.set(slot, 1);                               // each probe
//   page.unset(slot);                                // not seen this time: the line goes, the slot stays
//   page.remove(slot);                               // the target went
//
// Within a family lines keep the order in which they were added.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/exposition/text_writer.h"
#include "core/labels.h"
#include "core/metric_family.h"

namespace sluice::exposition {

// Identifies a line until it is removed; then the id may be used again.
using SlotId = uint32_t;

class MetricsPage {
 public:
  MetricsPage() = default;
  MetricsPage(MetricsPage&&) noexcept = default;
  MetricsPage& operator=(MetricsPage&&) noexcept = default;

  // The line has no value yet and is not shown. The texts of `family` are copied. A family's type and help
  // are those of its first line; they are forgotten with its last. `suffix` is "_bucket", "_sum" or "_count"
  // of a histogram. Adding the same labels twice exposes them twice: callers keep them apart.
  SlotId add(const MetricFamily& family, const Labels& labels, std::string_view suffix = {});
  void set(SlotId slot, double value);
  void unset(SlotId slot);
  void remove(SlotId slot);

  // Lines with a value.
  size_t lines() const { return lines_; }
  size_t slots() const { return slots_.size() - free_.size(); }
  // Heap memory, for the agent's own metrics.
  size_t bytes() const;

  // Appends all lines, families sorted by name. Does not write `# EOF`: the caller may have more to say.
  void render(std::string& out, Format format) const;

 private:
  struct Line {
    uint32_t start = 0;  // of its text in Family::text
    uint32_t length = 0;
    SlotId slot = 0;
    bool shown = false;
    bool removed = false;
    double value = 0;
  };
  struct Family {
    std::string name;
    std::string header_text, header_openmetrics;
    std::string text;         // the beginnings of all lines
    std::vector<Line> lines;  // removed ones too, until there are many
    size_t removed = 0;
    size_t shown = 0;
  };
  struct Slot {
    Family* family = nullptr;
    uint32_t line = 0;
  };

  Line& line(SlotId slot);
  void compact(Family& family);

  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
  std::vector<Slot> slots_;
  std::vector<SlotId> free_;
  size_t lines_ = 0;
};

}  // namespace sluice::exposition
