#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {

void check_failed(const char* expression, std::string_view message, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %.*s (%s)\n", file, line, static_cast<int>(message.size()),
               message.data(), expression);
  std::abort();
}

}  // namespace sluice
