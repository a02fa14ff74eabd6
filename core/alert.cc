#include "core/alert.h"

#include <fmt/format.h>

namespace sluice {

std::string format_fingerprint(Fingerprint fingerprint) { return fmt::format("{:016x}", fingerprint); }

}  // namespace sluice
