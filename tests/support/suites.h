#pragma once
// Where the conformance data lies that none of us wrote: ../shared/suites beside the checkout, or $SLUICE_SUITES.
// Tests that need it call SLUICE_REQUIRE_SUITE, and say "skipped" where it is absent.

#include <gtest/gtest.h>

#include <string>

namespace sluice::support {

// The folder `name` of the suites with a trailing slash, or "" when it is not there.
std::string suite_path(const std::string& name);
// A file's bytes; aborts the test program when it cannot be read.
std::string read_file(const std::string& path);

}  // namespace sluice::support

#define SLUICE_REQUIRE_SUITE(variable, name)                              \
  const std::string variable = ::sluice::support::suite_path(name);       \
  if (variable.empty()) GTEST_SKIP() << "skipped: no ../shared/suites/" << name
