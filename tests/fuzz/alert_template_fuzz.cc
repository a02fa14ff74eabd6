// Alert templates with all of Prometheus's functions: a template gives a text or an error, and nothing else.
#include <string_view>

#include "core/check.h"
#include "rules/expand.h"

using namespace sluice;
using namespace sluice::rules;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Labels kLabels{{"instance", "db1.example.com:5432"}, {"job", "postgres"}};
  static const Labels kExternal{{"cluster", "prod"}};
  static const TemplateContext kContext{from_unix_ms(1'700'000'000'000), &kExternal, "http://host:9808/path",
                                        [](std::string_view) -> Result<std::vector<TemplateSample>> {
                                          return std::vector<TemplateSample>{{kLabels, 1.5}, {kExternal, -2}};
                                        }};
  static const gotmpl::Functions kFunctions = template_functions(kContext);
  static const gotmpl::Value kData = alert_template_data(kLabels, 0.25, kContext);

  const std::string_view text(reinterpret_cast<const char*>(data), std::min<size_t>(size, 4096));
  const AlertTemplate parsed("Fuzz", text);
  const AlertTemplate::Expanded expanded = parsed.expand(kData, kFunctions);
  SLUICE_CHECK(parsed.parse_error().empty() || !expanded.error.empty(), "a broken template has no error");
  SLUICE_CHECK(expanded.error.empty() || expanded.text.starts_with("<error expanding template: "),
               "an error is hidden");
  return 0;
}
