#include "dashboards/ui/page.h"

namespace sluice::ui {
namespace {

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "text/plain; charset=utf-8";
}

std::optional<Asset> find(EmbeddedFiles files, std::string_view name) {
  for (const EmbeddedFile& file : files) {
    if (file.name == name) return Asset{type_of(file.name), file.text};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Asset> asset(std::string_view path) {
  constexpr std::string_view kRunbooks = "/runbooks/";
  if (path.starts_with(kRunbooks)) return find(runbooks(), path.substr(kRunbooks.size()));
  if (path == "/") return find(files(), "index.html");
  if (path == "/graph") return find(files(), "graph.html");
  return path.starts_with('/') ? find(files(), path.substr(1)) : std::nullopt;
}

}  // namespace sluice::ui
