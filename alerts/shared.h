#pragma once
// What agents that tell the same people must know of each other: what was told to whom, and silences. The
// pipeline says it in Effects::shared and learns it from others; where it is kept in between (agent/fleet) is
// no concern of it.
//
// A conversation is shared together with the alerts that it is open about: whoever takes over can tell their
// end, also when it never saw them fire.

#include <string>
#include <string_view>
#include <vector>

namespace sluice::alerts {

// A later record of one key replaces the earlier one.
struct SharedRecord {
  bool is_silence = false;  // else: a conversation
  std::string key;          // of the conversation or silence
  std::string text;         // records (record.h); empty: it is gone
};

// The text that says that the conversation of that key is gone.
std::string gone_conversation(std::string_view key);

// What the others' memory has to say.
struct SharedNews {
  // Conversations that the others know as this agent last shared them.
  std::vector<std::string> known;
  // Some of what this agent shared or learned was lost, and nobody knows which part.
  bool lost = false;
  // What others wrote: the texts of shared records. One that is damaged is passed over, and said so.
  std::vector<std::string> texts;
  // What the others' memory is to be known again by after a restart: Pipeline::memory() from here on. Empty:
  // as before.
  std::string memory;

  bool empty() const { return known.empty() && !lost && texts.empty() && memory.empty(); }
};

}  // namespace sluice::alerts
