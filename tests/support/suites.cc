#include "tests/support/suites.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/check.h"

namespace sluice::support {

std::string suite_path(const std::string& name) {
  const char* configured = std::getenv("SLUICE_SUITES");
  const std::string root = configured != nullptr ? configured : std::string(SLUICE_SOURCE_DIR) + "/../shared/suites";
  const std::string path = root + "/" + name + "/";
  return std::filesystem::is_directory(path) ? path : "";
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  SLUICE_CHECK(in.good(), "cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace sluice::support
