// A rule file, whatever is in it, either loads or is refused with places inside the file; what loads can be
// evaluated.
#include <algorithm>
#include <string_view>

#include "agent/config/rule_file.h"
#include "core/check.h"
#include "rules/group.h"
#include "rules/lint.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const int lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 2;
  const config::LoadedRuleFile loaded = config::load_rule_file("fuzz.yml", text);
  for (const Mistake& mistake : loaded.mistakes) {
    SLUICE_CHECK(mistake.line >= 0 && mistake.line <= lines, "a mistake outside of the file");
  }
  if (!loaded.mistakes.empty()) return 0;

  rules::KnownSeries known;
  known.names = {"up"};
  known.values["job"] = {"a"};
  rules::lint({loaded.file}, &known);

  const Timestamp start = from_unix_ms(1'700'000'000'000);
  store::SampleStore store{store::StoreOptions{1h, 1'000}};
  const Labels up{{"__name__", "up"}, {"job", "a"}, {"instance", "x:1"}};
  store.append(up, Sample{start, 0});
  store.append(up, Sample{start + 15s, 1});
  rules::GroupOptions options;
  options.samples_max = 100'000;
  for (const rules::RuleGroup& config : loaded.file.groups) {
    rules::Group group(config, options);
    group.evaluate_at(start, store);
    rules::Group restored(config, options);
    restored.restore(group.snapshot());
    restored.evaluate_at(start + 15s, store);
    restored.retire(start + 30s, store);
  }
  return 0;
}
