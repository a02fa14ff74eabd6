#pragma once
// Files that are part of the binary; cmake/embed.cmake writes the tables.

#include <span>
#include <string_view>

namespace sluice {

struct EmbeddedFile {
  std::string_view name;  // without folder
  std::string_view text;
};

using EmbeddedFiles = std::span<const EmbeddedFile>;

}  // namespace sluice
