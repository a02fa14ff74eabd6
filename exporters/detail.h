#pragma once
// Text from a peer, made fit for people: the `detail` of a result, a finding.

#include <string>
#include <string_view>

namespace sluice::exporters {

// Valid UTF-8 on one line: line ends and other control characters become single blanks, bytes that are not
// UTF-8 become '?', and what is longer than `bytes_max` is cut between characters and ends in "...".
std::string one_line(std::string_view text, size_t bytes_max = 512);

}  // namespace sluice::exporters
