#pragma once
// What both exposition parsers share: a line with a position in it, names, label sets, numbers.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::exposition {

// A number as both formats write it: decimal, Inf, NaN; nothing of what Go's ParseFloat knows beyond that.
std::optional<double> parse_number(std::string_view text);

// The integer nearest below, clamped to what a Timestamp holds.
Timestamp clamp_to_timestamp(double ms);

// Reads one line from left to right. Every take_* returns false (or nothing) where the line does not go on
// like that.
class LineCursor {
 public:
  explicit LineCursor(std::string_view line) : line_(line) {}

  bool at_end() const { return at_ == line_.size(); }
  char peek() const { return at_end() ? '\0' : line_[at_]; }
  bool take(char c);
  bool take(std::string_view text);
  void skip_blanks();  // spaces and tabs
  // Everything up to a space, tab or the end.
  std::string_view take_word();
  std::string_view take_rest();
  // [a-zA-Z_:][a-zA-Z0-9_:]*, or without the colon; "" when there is none here.
  std::string_view take_name(bool colons);

  // What stands in double quotes, unescaped. `lenient` keeps unknown escapes as they are (OpenMetrics), else
  // they are errors (text format).
  std::optional<std::string> take_quoted(bool lenient);

 private:
  std::string_view line_;
  size_t at_ = 0;
};

// Cuts a text into lines; a last line without a newline says so.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  // The next line without its newline; empty at the end of the text.
  std::optional<std::string_view> next();
  bool ended_with_newline() const { return newline_; }
  int line() const { return number_; }

 private:
  std::string_view rest_;
  int number_ = 0;
  bool newline_ = true;
};

Error error_at(int line, std::string message);

}  // namespace sluice::exposition
