// No template may crash, hang or fill the memory, whatever it says; and in HTML no value becomes markup.
#include <string_view>

#include "core/check.h"
#include "core/template/template.h"

using namespace sluice;
using namespace sluice::gotmpl;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Functions kFunctions = {
      {"toUpper",
       {{Kind::kString}, false, [](std::span<const Value> args) -> Result<Value> { return args[0]; }}},
      {"fails", {{}, false, [](std::span<const Value>) -> Result<Value> { return invalid("no"); }}},
  };
  static const Value kData = Value::object({
      {"Labels", Value::string_map(Labels{{"job", "a"}, {"instance", "b"}})},
      {"List", Value::list({1, 2.5, "x", nullptr, true})},
      {"Value", 0.5},
      {"At", from_unix_ms(1'700'000'000'000)},
      {"For", Duration(90s)},
  });
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ExecuteOptions options{.missing_key = size % 2 == 0 ? MissingKey::kZero : MissingKey::kDefault,
                               .output_bytes_max = 10'000,
                               .steps_max = 10'000};
  const Result<std::string> result = expand("fuzz", text, kData, kFunctions, options);
  SLUICE_CHECK(!result || result->size() <= options.output_bytes_max, "the bound on output does not hold");

  ExecuteOptions in_html = options;
  in_html.html = true;
  const Result<std::string> page = expand("fuzz", text, kData, kFunctions, in_html);
  const bool only_values = text.find('<') == std::string_view::npos;
  SLUICE_CHECK(!page || !only_values || page->find('<') == std::string::npos, "a value became markup");
  return 0;
}
