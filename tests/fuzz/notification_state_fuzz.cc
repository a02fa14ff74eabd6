// Any bytes as the state file: restored, or an error; what was restored can run. To get behind the checksums,
// each line of the input is also offered as a well-formed record.
#include <string>
#include <string_view>

#include <fmt/format.h>
#include "alerts/pipeline.h"
#include "alerts/time_zone.h"
#include "core/random.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), std::min<size_t>(size, 65536));
  std::string signed_records;
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    const std::string_view record = input.substr(begin, end - begin);
    signed_records += fmt::format("{:016x} {}\n", stable_hash(record), record);
    begin = end + 1;
  }
  auto config = std::make_shared<alerts::Config>();
  auto to = std::make_shared<alerts::Integration>();
  to->receiver = "ops";
  to->config = alerts::WebhookConfig{};
  config->receivers = {{"ops", {to}}};
  config->route.receiver = "ops";
  const Timestamp now = from_unix_ms(1'800'000'000'000);
  for (const std::string_view text : {input, std::string_view(signed_records)}) {
    alerts::Pipeline pipeline(config, {});
    if (!pipeline.restore(now, text)) continue;
    for (int i = 0; i < 20 && pipeline.next_wake(); ++i) {
      const Timestamp at = std::max(now, *pipeline.next_wake());
      const alerts::Effects effects = pipeline.step(at);
      for (const alerts::Delivery& delivery : effects.send) pipeline.on_delivery(at, delivery.id, {});
    }
  }
  (void)alerts::TimeZone::parse(input);
  return 0;
}
