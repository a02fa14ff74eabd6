#pragma once
// What is well-formed in an exposition and still a bad habit: missing help, a counter without `_total`,
// milliseconds. The habits are those of Prometheus's naming guide, and the words those of its `promtool check
// metrics`.

#include <string>
#include <vector>

#include "core/exposition/parse.h"
#include "core/exposition/text_writer.h"

namespace sluice::exposition {

// One message a habit, in the order promtool checks them. Empty when there is nothing to say.
std::vector<std::string> lint(const ParsedFamily& family, Format format);

}  // namespace sluice::exposition
