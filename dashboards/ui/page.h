#pragma once
// The status page: files embedded in the binary, which speak only the public API.

#include <optional>
#include <string_view>

#include "core/embedded.h"

namespace sluice::ui {

struct Asset {
  std::string_view content_type;
  std::string_view text;
};

// The file for a path; "/" is the page itself. Empty when there is none.
std::optional<Asset> asset(std::string_view path);

// All files, as embedded from this folder.
EmbeddedFiles files();

}  // namespace sluice::ui
