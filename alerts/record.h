#pragma once
// Lines of state: one record a line, its fields apart by tabs, a checksum in front.
//
//     9c3f4a6e21b0d7f5 C	{}:{alertname="Down"}	...
//
// A process killed while it writes leaves at most a last line without its end or with a wrong checksum: that
// one is dropped when reading. A wrong line before others is damage, and an error.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/alert.h"
#include "core/labels.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::alerts {

// Builds one record. The kind is a letter that readers switch on.
class RecordWriter {
 public:
  explicit RecordWriter(char kind) {
    text_.reserve(512);
    text_ += kind;
  }

  RecordWriter& text(std::string_view value);
  RecordWriter& integer(int64_t value);
  RecordWriter& bits(uint64_t value);  // as hexadecimal
  RecordWriter& time(Timestamp value) { return integer(to_unix_ms(value)); }
  RecordWriter& labels(const Labels& value);
  RecordWriter& fingerprints(const std::vector<uint64_t>& value);
  RecordWriter& alert(const Alert& value);
  // The record so far.
  const std::string& record() const { return text_; }
  // Checksum, record, newline.
  void append_to(std::string& out) const;

 private:
  std::string text_;
};

// Reads the fields of one record in the order they were written. A field that is missing or malformed reads
// as an empty value and makes the reader not ok().
class RecordReader {
 public:
  explicit RecordReader(std::string_view record);

  char kind() const { return kind_; }
  std::string text();
  int64_t integer();
  uint64_t bits();
  Timestamp time();  // within the years 1 to 9999
  Labels labels();
  Labels annotations();  // empty values count
  std::vector<uint64_t> fingerprints();
  Alert alert();
  size_t count(size_t max);  // an integer in 0..max
  bool more() const { return more_; }
  // Everything so far was well-formed.
  bool ok() const { return ok_; }

 private:
  std::vector<Label> pairs();
  std::string_view raw();

  char kind_ = 0;
  std::string_view rest_;
  bool more_ = false;
  bool ok_ = true;
};

// A record as a line of a file: checksum, record, newline.
std::string to_line(std::string_view record);
// The records of a file, in order, without checksums. The views point into `text`.
Result<std::vector<std::string_view>> split_records(std::string_view text);

}  // namespace sluice::alerts
