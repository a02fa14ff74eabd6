#include "agent/app/agent_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/app/probe_page.h"

namespace sluice::app {
namespace {

constexpr size_t kWhyBytesMax = 200;

// HAProxy takes what follows " #" for a description; without the blank it does not know the word.
std::string described(std::string_view word, std::string_view why) {
  std::string out(word);
  if (!why.empty()) out += " #";
  for (const char c : why.substr(0, kWhyBytesMax)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

}  // namespace

std::string agent_check_answer(const gate::Gate& gate, std::string_view line,
                               const std::function<Timestamp(std::string_view pool)>& shared_now) {
  const std::string usable = "ready up 100%";
  const size_t blank = line.find(' ');
  const std::string_view wanted = blank == std::string_view::npos ? "" : line.substr(0, blank);
  const std::string_view target = blank == std::string_view::npos ? line : line.substr(blank + 1);
  const Result<std::string> pool = find_upstream(gate, wanted, target);
  if (pool.has_error()) return usable;
  const auto view = gate.view(*pool);
  const auto found =
      std::find_if(view->targets.begin(), view->targets.end(),
                   [&](const gate::TargetView& candidate) { return candidate.target == target; });
  if (found == view->targets.end()) return usable;
  const gate::Entry& entry = found->entry;
  const bool in_force = entry.mode == gate::Mode::kEnforce && entry.lease > shared_now(*pool);
  if (!in_force || entry.state == gate::Entry::State::kEnabled) return usable;
  if (entry.state == gate::Entry::State::kReturning) return fmt::format("ready up {}%", entry.weight);
  if (entry.drain) return "drain";
  return described("down", entry.by_operator ? "operator: " + entry.reason : entry.evidence);
}

}  // namespace sluice::app
