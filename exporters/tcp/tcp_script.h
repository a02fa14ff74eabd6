#pragma once
// The query_response script of a module, compiled, and its pure steps.

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/result.h"
#include "exporters/tcp/config.h"

namespace sluice::exporters::tcp {

// Groups of one match: `groups[0]` is the whole of it.
struct Match {
  const re2::RE2* regex = nullptr;
  std::vector<std::string> groups;
};

struct TcpScript {
  struct Step {
    std::unique_ptr<const re2::RE2> expect;  // null: nothing is read
    const QueryResponse* source = nullptr;   // in `module`
  };

  TcpModule module;
  std::vector<Step> steps;

  // The first of problems(), if there is one.
  static Result<std::shared_ptr<const TcpScript>> compile(TcpModule module);
};

std::optional<Match> match_line(const re2::RE2& regex, std::string_view line);

// `text` with $1, ${1}, $name, ${name} replaced and $$ as a dollar, as Go's Regexp.Expand does it; groups
// that do not exist are empty. Without a match (`match` null) the text stays as it is.
std::string expand(const std::string& text, const Match* match);

}  // namespace sluice::exporters::tcp
