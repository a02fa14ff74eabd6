#pragma once
// The probe journal: what this agent's probes said, for `sluice replay`. Two files in store.path,
// "probes.journal" and the one before it, "probes.journal.1", together at most store.journal_size; each can
// be read alone.
//
//   sluice-journal 1 node-7                  version, agent
//   = 0 auth<TAB>https://auth1               a target gets a number: job, instance
//   0 1767225600000 12                       that target, when the probe ended (Unix ms), how long it took
//   (ms): well 0 14998 30 connect_refused               the next ones: ms since the line before; a reason
//   when it failed
//
// A heading may come again, after a restart: then targets are introduced anew.
// 10 to 16 bytes a probe: a target probed every 15 s takes 80 KB a day.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "core/time.h"

namespace sluice::app {

struct JournalProbe {
  Timestamp at{};  // when it ended
  std::string job, instance;
  std::string reason;  // empty: it was good
  Duration took{};

  bool operator==(const JournalProbe&) const = default;
};

inline constexpr std::string_view kJournalFile = "probes.journal";

// Turns probes into text. A file begins with begin(); what is taken out is to be appended to it.
class JournalText {
 public:
  explicit JournalText(std::string agent) : agent_(std::move(agent)) {}

  // A new file: the heading, and every target is introduced anew.
  void begin();
  void add(Timestamp at, std::string_view job, std::string_view instance, std::string_view reason,
           Duration took);
  // What has come since the last time.
  std::string take() { return std::exchange(text_, {}); }
  size_t pending() const { return text_.size(); }

 private:
  std::string agent_;
  std::string text_;
  std::map<std::pair<std::string, std::string>, uint32_t, std::less<>> ids_;
  int64_t last_ms_ = 0;
};

struct Journal {
  std::string agent;
  std::vector<JournalProbe> probes;
  size_t damaged = 0;  // lines left out
};

// A last line cut short is what a crash leaves, and is dropped. Other damage costs the lines it is in; a text
// that does not begin as a journal does is an error.
Result<Journal> parse_journal(std::string_view text);

}  // namespace sluice::app
