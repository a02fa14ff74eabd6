#include "agent/cli/print.h"

#include <algorithm>
#include <cstdio>

namespace sluice::cli {

void print_mistakes(const Mistakes& mistakes) {
  for (const Mistake& mistake : mistakes) std::fprintf(stderr, "%s\n", mistake.to_string().c_str());
}

void print_error(std::string_view message) {
  std::fprintf(stderr, "sluice: %.*s\n", static_cast<int>(message.size()), message.data());
}

void print_warnings(const Mistakes& warnings) {
  for (const Mistake& warning : warnings) print_error(warning.to_string() + " (warning)");
}

void print_line(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace sluice::cli
