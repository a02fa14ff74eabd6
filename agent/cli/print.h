#pragma once
// What commands print.

#include <string>
#include <string_view>
#include <vector>

#include "core/mistake.h"

namespace sluice::cli {

// To standard error, one a line.
void print_mistakes(const Mistakes& mistakes);
// The same of what fails nothing: "sluice: file:line:column: message (warning)".
void print_warnings(const Mistakes& warnings);
// To standard error: "sluice: message".
void print_error(std::string_view message);
void print_line(std::string_view line);

// Columns as wide as their widest cell, two blanks between; the first row is the heading.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace sluice::cli
