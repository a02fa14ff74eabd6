#include "agent/app/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/whole_number.h"

namespace sluice::app {
namespace {

constexpr std::string_view kHeading = "sluice-journal 1 ";
constexpr size_t kTargetsMax = 1'000'000;

// Cuts the text before `separator` off and returns it; all of it when there is none.
std::string_view cut(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

template <typename T>
bool read_number(std::string_view word, T& out) {
  const auto value = parse_whole<T>(word);
  if (value) out = *value;
  return value.has_value();
}

std::string one_line(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return out;
}

}  // namespace

void JournalText::begin() {
  ids_.clear();
  last_ms_ = 0;
  text_ += fmt::format("{}{}\n", kHeading, one_line(agent_));
}

void JournalText::add(Timestamp at, std::string_view job, std::string_view instance, std::string_view reason,
                      Duration took) {
  const auto [known, is_new] =
      ids_.try_emplace(std::pair(one_line(job), one_line(instance)), static_cast<uint32_t>(ids_.size()));
  if (is_new) text_ += fmt::format("= {} {}\t{}\n", known->second, known->first.first, known->first.second);
  const int64_t now_ms = to_unix_ms(at);
  text_ += fmt::format("{} {} {}", known->second, now_ms - last_ms_, to_ms(took).count());
  if (!reason.empty()) text_ += fmt::format(" {}", one_line(reason));
  text_ += '\n';
  last_ms_ = now_ms;
}

Result<Journal> parse_journal(std::string_view text) {
  if (!text.starts_with(kHeading)) return invalid("is no probe journal of this version");
  Journal journal;
  std::unordered_map<uint32_t, std::pair<std::string, std::string>> targets;
  int64_t at_ms = 0;
  while (!text.empty()) {
    if (text.find('\n') == std::string_view::npos) break;
    std::string_view line = cut(text, '\n');
    if (line.starts_with(kHeading)) {
      journal.agent = line.substr(kHeading.size());
      targets.clear();
      at_ms = 0;
      continue;
    }
    uint32_t id = 0;
    if (line.starts_with("= ")) {
      line.remove_prefix(2);
      if (!read_number(cut(line, ' '), id) || targets.size() >= kTargetsMax) {
        ++journal.damaged;
        continue;
      }
      const std::string_view job = cut(line, '\t');
      targets[id] = {std::string(job), std::string(line)};
      continue;
    }
    int64_t delta_ms = 0;
    int64_t took_ms = 0;
    const bool read = read_number(cut(line, ' '), id) && read_number(cut(line, ' '), delta_ms) &&
                      read_number(cut(line, ' '), took_ms) && targets.contains(id);
    if (!read) {
      ++journal.damaged;
      continue;
    }
    at_ms += delta_ms;
    const auto& [job, instance] = targets.at(id);
    journal.probes.push_back(
        {from_unix_ms(at_ms), job, instance, std::string(line), std::chrono::milliseconds(took_ms)});
  }
  return journal;
}

}  // namespace sluice::app
