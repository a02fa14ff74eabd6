#include "dashboards/ui/page.h"

namespace sluice::ui {
namespace {

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "image/svg+xml";
}

}  // namespace

std::optional<Asset> asset(std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  const std::string_view wanted = path == "/" ? "index.html" : path.substr(1);
  for (const EmbeddedFile& file : files()) {
    if (file.name == wanted) return Asset{type_of(file.name), file.text};
  }
  return std::nullopt;
}

}  // namespace sluice::ui
