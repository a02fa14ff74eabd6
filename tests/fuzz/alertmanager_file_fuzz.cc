// Any bytes as alertmanager.yml: a configuration that a pipeline can run, or mistakes; never both, never
// neither.
#include <string_view>

#include "agent/config/alertmanager_file.h"
#include "alerts/pipeline.h"
#include "core/check.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), std::min<size_t>(size, 16384));
  Mistakes mistakes;
  const auto config = config::parse_alertmanager_file("am.yml", text, "/nonexistent", mistakes);
  SLUICE_CHECK((config == nullptr) == !mistakes.empty(), "a file is either good or has mistakes");
  if (config == nullptr) return 0;
  alerts::Pipeline pipeline(config, {});
  Alert alert;
  alert.labels = Labels{{"alertname", "A"}, {"severity", "page"}};
  pipeline.step(from_unix_ms(1'800'000'000'000), std::span(&alert, 1));
  if (const auto wake = pipeline.next_wake()) pipeline.step(*wake);
  return 0;
}
