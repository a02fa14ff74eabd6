#pragma once
// One thing that is wrong in a file a person wrote. Loaders gather all of them before they give up.

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct Mistake {
  std::string file;
  int line = 0;    // from 1; 0 when the mistake is the file itself (cannot be read, is empty)
  int column = 0;  // from 1, in bytes; 0 with line 0
  std::string message;

  // "file:line:column: message", or "file: message" without a place.
  std::string to_string() const;
  bool operator==(const Mistake&) const = default;
};

using Mistakes = std::vector<Mistake>;

// "did you mean ..." : the candidate nearest to `word` within a third of its length in edits, or "".
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace sluice
