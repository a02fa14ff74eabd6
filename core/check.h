#pragma once
// SLUICE_CHECK(condition, message): a broken invariant is a bug. It is always on, says where, and aborts; the
// supervisor restarts the agent, its flags lapse meanwhile, and nothing is decided on a state nobody understands.

#include <string_view>

namespace sluice {

[[noreturn]] void check_failed(const char* expression, std::string_view message, const char* file, int line);

}  // namespace sluice

#define SLUICE_CHECK(condition, message) \
  (static_cast<bool>(condition) ? void(0) : ::sluice::check_failed(#condition, message, __FILE__, __LINE__))
