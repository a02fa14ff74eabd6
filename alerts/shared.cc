#include "alerts/shared.h"

#include <algorithm>

#include "alerts/record.h"

namespace sluice::alerts {
namespace {

// The first `count` fields of a record, without its kind.
std::string_view first_fields(std::string_view record, size_t count) {
  size_t end = 1;
  for (; count > 0 && end != std::string_view::npos; --count) end = record.find('\t', end + 1);
  return record.substr(std::min<size_t>(2, record.size()), end == std::string_view::npos ? end : end - 2);
}

}  // namespace

std::vector<SharedRecord> shared_records(std::string_view journal) {
  std::vector<SharedRecord> out;
  const auto records = split_records(journal);
  if (!records) return out;
  for (const std::string_view record : *records) {
    const char kind = record.empty() ? ' ' : record.front();
    const bool is_silence = kind == 'S' || kind == 's';
    if (!is_silence && kind != 'C' && kind != 'c') continue;
    SharedRecord shared{is_silence, std::string(first_fields(record, is_silence ? 1 : 3)), ""};
    if (kind == 'S' || kind == 'C') shared.line = to_line(record);
    out.push_back(std::move(shared));
  }
  return out;
}

std::string gone_conversation(std::string_view key) {
  return to_line("c\t" + std::string(key));
}

}  // namespace sluice::alerts
