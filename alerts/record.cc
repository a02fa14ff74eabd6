#include "alerts/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/random.h"
#include "core/whole_number.h"

namespace sluice::alerts {
namespace {

constexpr size_t kChecksumDigits = 16;

bool is_special(char c) {
  return c == '\t' || c == '\n' || c == '\\';
}

void append_field(std::string& out, std::string_view value) {
  for (;;) {
    const auto special = std::find_if(value.begin(), value.end(), is_special);
    out.append(value.begin(), special);
    if (special == value.end()) return;
    out += '\\';
    out += *special == '\t' ? 't' : *special == '\n' ? 'n' : '\\';
    value.remove_prefix(static_cast<size_t>(special - value.begin()) + 1);
  }
}

template <typename T>
void append_number(std::string& out, T value, int base) {
  std::array<char, 20> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr);
}

void append_line(std::string& out, std::string_view record) {
  std::string checksum;
  append_number(checksum, stable_hash(record), 16);
  out.append(kChecksumDigits - checksum.size(), '0').append(checksum);
  out += ' ';
  out += record;
  out += '\n';
}

}  // namespace

RecordWriter& RecordWriter::text(std::string_view value) {
  text_ += '\t';
  append_field(text_, value);
  return *this;
}

RecordWriter& RecordWriter::integer(int64_t value) {
  text_ += '\t';
  append_number(text_, value, 10);
  return *this;
}

RecordWriter& RecordWriter::bits(uint64_t value) {
  text_ += '\t';
  append_number(text_, value, 16);
  return *this;
}

RecordWriter& RecordWriter::labels(const Labels& value) {
  integer(static_cast<int64_t>(value.size()));
  for (const auto& label : value) text(label.name).text(label.value);
  return *this;
}

RecordWriter& RecordWriter::fingerprints(const std::vector<uint64_t>& value) {
  integer(static_cast<int64_t>(value.size()));
  for (const uint64_t fingerprint : value) bits(fingerprint);
  return *this;
}

RecordWriter& RecordWriter::alert(const Alert& value) {
  return labels(value.labels)
      .labels(value.annotations)
      .time(value.starts_at)
      .time(value.ends_at)
      .time(value.updated_at)
      .text(value.generator_url)
      .integer(value.timeout ? 1 : 0);
}

void RecordWriter::append_to(std::string& out) const {
  append_line(out, text_);
}

std::string to_line(std::string_view record) {
  std::string line;
  line.reserve(kChecksumDigits + record.size() + 2);
  append_line(line, record);
  return line;
}

RecordReader::RecordReader(std::string_view record) {
  ok_ = !record.empty();
  if (!ok_) return;
  kind_ = record.front();
  rest_ = record.substr(1);
  more_ = rest_.starts_with('\t');
  if (more_) rest_.remove_prefix(1);
}

std::string_view RecordReader::raw() {
  if (!more_) {
    ok_ = false;
    return {};
  }
  const size_t tab = rest_.find('\t');
  const std::string_view field = rest_.substr(0, tab);
  more_ = tab != std::string_view::npos;
  rest_.remove_prefix(more_ ? tab + 1 : rest_.size());
  return field;
}

std::string RecordReader::text() {
  const std::string_view field = raw();
  std::string out;
  out.reserve(field.size());
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      out += field[i];
      continue;
    }
    const char c = field[++i];
    out += c == 't' ? '\t' : c == 'n' ? '\n' : c;
  }
  return out;
}

int64_t RecordReader::integer() {
  const auto value = parse_whole<int64_t>(raw());
  ok_ = ok_ && value;
  return value.value_or(0);
}

Timestamp RecordReader::time() {
  constexpr int64_t kFirst = -62135596800000, kLast = 253402300799999;
  return from_unix_ms(std::clamp(integer(), kFirst, kLast));
}

uint64_t RecordReader::bits() {
  const auto value = parse_whole<uint64_t>(raw(), 16);
  ok_ = ok_ && value;
  return value.value_or(0);
}

size_t RecordReader::count(size_t max) {
  const int64_t value = integer();
  if (value < 0 || static_cast<uint64_t>(value) > max) {
    ok_ = false;
    return 0;
  }
  return static_cast<size_t>(value);
}

std::vector<Label> RecordReader::pairs() {
  // Each label takes at least two characters of the record, so that a wrong count cannot make us allocate.
  const size_t n = count(rest_.size());
  std::vector<Label> labels;
  for (size_t i = 0; i < n && ok_; ++i) {
    std::string name = text();
    labels.push_back({std::move(name), text()});
  }
  return labels;
}

Labels RecordReader::labels() {
  return Labels::from(pairs());
}

Labels RecordReader::annotations() {
  return Labels::keeping_empty(pairs());
}

std::vector<uint64_t> RecordReader::fingerprints() {
  const size_t n = count(rest_.size());
  std::vector<uint64_t> out;
  for (size_t i = 0; i < n && ok_; ++i) out.push_back(bits());
  return out;
}

Alert RecordReader::alert() {
  Alert alert;
  alert.labels = labels();
  alert.annotations = annotations();
  alert.starts_at = time();
  alert.ends_at = time();
  alert.updated_at = time();
  alert.generator_url = text();
  alert.timeout = integer() != 0;
  return alert;
}

Result<std::vector<std::string_view>> split_records(std::string_view text) {
  std::vector<std::string_view> records;
  for (size_t line_number = 1; !text.empty(); ++line_number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const bool last = end == std::string_view::npos || end + 1 == text.size();
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const bool intact = end != std::string_view::npos && line.size() > kChecksumDigits + 1 &&
                        line[kChecksumDigits] == ' ' &&
                        parse_whole<uint64_t>(line.substr(0, kChecksumDigits), 16) ==
                            stable_hash(line.substr(kChecksumDigits + 1));
    if (intact) {
      records.push_back(line.substr(kChecksumDigits + 1));
    } else if (!last) {
      return invalid(fmt::format("line {} of the notification state is damaged", line_number));
    }
  }
  return records;
}

}  // namespace sluice::alerts
