#pragma once
// A module with its expressions compiled: made once, shared by all probers of the module, never changed.

#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "exporters/http/config.h"

namespace sluice::exporters::http {

using Regex = std::unique_ptr<const re2::RE2>;

// RE2 as Go's regexp package uses it: not anchored, `.` does not match a newline. Bounded memory.
Regex compile_regex(const std::string& text);
// What is wrong with an expression; empty when it compiles.
std::string regex_error(const std::string& text);

struct HttpRules {
  struct HeaderRule {
    std::string header;
    Regex regex;
    bool allow_missing = false;
  };

  HttpModule module;
  std::vector<Regex> body_matches, body_not_matches;
  std::vector<HeaderRule> header_matches, header_not_matches;

  bool keep_body = false;  // also when no expression asks for it

  bool needs_body() const { return keep_body || !body_matches.empty() || !body_not_matches.empty(); }
  uint64_t body_bytes_max() const {
    return module.body_size_limit == 0 ? kBodyBytesMax : module.body_size_limit;
  }

  // The first of problems(), if there is one.
  static Result<std::shared_ptr<const HttpRules>> compile(HttpModule module);
};

}  // namespace sluice::exporters::http
