#include "alerts/shared.h"

#include "alerts/record.h"

namespace sluice::alerts {

std::string gone_conversation(std::string_view key) {
  return to_line("c\t" + std::string(key));
}

}  // namespace sluice::alerts
