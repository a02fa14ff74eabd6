// Whatever is exposed, the parsers answer with families or an error; what they accept, they accept again
// after it was written out by us.
#include <string>

#include "core/check.h"
#include "core/exposition/parse.h"
#include "core/exposition/text_writer.h"

using namespace sluice;
using namespace sluice::exposition;

namespace {

// Families of plain gauges, whatever they were: writing keeps names, labels and values.
void write_again(const std::vector<ParsedFamily>& families) {
  std::vector<ExposedFamily> exposed;
  for (const ParsedFamily& family : families) {
    for (const ParsedSample& sample : family.samples) {
      if (!is_classic_metric_name(sample.name)) return;
      for (const auto& label : sample.labels) {
        if (!is_classic_label_name(label.name)) return;
      }
      exposed.push_back(
          {sample.name, MetricType::kUnknown, family.help, {{"", sample.labels, sample.value, sample.at}}});
    }
  }
  std::string text;
  write(text, std::move(exposed), Format::kText);
  const Result<void> again = parse_text(text, [](const ParsedFamily&) {});
  SLUICE_CHECK(again.has_value(), "what we write does not parse: " + (again ? "" : again.error().message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<ParsedFamily> families;
  const auto keep = [&](ParsedFamily family) { families.push_back(std::move(family)); };
  (void)parse_openmetrics(text, keep);
  families.clear();
  if (parse_text(text, keep)) write_again(families);
  store::SampleStore store({.retention = 1h, .series_max = 100});
  (void)load_openmetrics(text, store);
  (void)negotiate(text.substr(0, 200));
  return 0;
}
