#include <fmt/format.h>

#include "core/exposition/parse.h"
#include "core/exposition/syntax.h"

namespace sluice::exposition {

Result<size_t> load_openmetrics(std::string_view text, store::SampleStore& store) {
  size_t loaded = 0;
  std::optional<Error> error;
  const auto load = [&](const ParsedSample& sample) {
    if (!sample.at) {
      error = error_at(sample.line, "a sample without a timestamp cannot be loaded");
      return;
    }
    const Labels labels = sample.labels.with(kMetricName, sample.name);
    switch (store.append(labels, {*sample.at, sample.value})) {
      case store::Append::kAppended:
        ++loaded;
        return;
      case store::Append::kDuplicate:
        return;
      case store::Append::kOutOfOrder:
        error = error_at(sample.line, fmt::format("{} goes back in time", labels.to_string()));
        return;
      case store::Append::kSeriesLimit:
        error = limit_met("the store has no room for another series");
        return;
    }
  };
  const Result<void> parsed = parse_openmetrics(text, [&](const ParsedFamily& family) {
    for (const ParsedSample& sample : family.samples) {
      if (!error) load(sample);
    }
  });
  if (error) return *error;
  if (!parsed) return parsed.error();
  return loaded;
}

}  // namespace sluice::exposition
