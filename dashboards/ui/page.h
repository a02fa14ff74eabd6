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

// The file for a path; "/" is the page itself, "/graph" the one that links in messages lead to,
// "/runbooks/NAME.md" what to do about an alert. Empty when there is none.
std::optional<Asset> asset(std::string_view path);

// All files, as embedded from this folder.
EmbeddedFiles files();
// The runbooks of the shipped alerts.
EmbeddedFiles runbooks();

}  // namespace sluice::ui
