// A configuration file, whatever is in it, either loads or is refused with places inside the file; what loads
// can be printed, and what is printed shows no secret.

#include <algorithm>

#include "agent/config/config.h"
#include "core/check.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const int lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 2;
  const config::Environment environment{{"SET", "value"}, {"EMPTY", ""}, {"SECRET", "hunter2-hunter2"}};
  const config::Loaded loaded = config::parse_config(text, "fuzz.yml", "/nonexistent", environment);
  SLUICE_CHECK(loaded.config != nullptr || !loaded.mistakes.empty(), "refused without a reason");
  for (const Mistake& mistake : loaded.mistakes) {
    SLUICE_CHECK(mistake.file != "fuzz.yml" || (mistake.line >= 0 && mistake.line <= lines),
                 "a mistake outside of the file");
    SLUICE_CHECK(!mistake.message.empty(), "a mistake without words");
  }
  if (loaded.config == nullptr) return 0;
  const std::string printed = config::print_config(*loaded.config);
  const config::Loaded again = config::parse_config(printed, "printed.yml", "/nonexistent", environment);
  SLUICE_CHECK(again.config != nullptr,
               "what was printed does not load: " + again.mistakes.front().to_string());
  SLUICE_CHECK(config::print_config(*again.config) == printed, "printing twice differs");
  return 0;
}
