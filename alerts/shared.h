#pragma once
// The part of the pipeline's journal that other agents must know: what was told to whom, and silences. Each
// record stands under a key of its own, so that a later one replaces it.

#include <string>
#include <string_view>
#include <vector>

namespace sluice::alerts {

struct SharedRecord {
  bool is_silence = false;  // else: a conversation
  std::string key;          // of the conversation or silence
  std::string line;         // as journaled; empty: it is gone
};
// The shared records of a journal, in its order. Lines that are no records are left out.
std::vector<SharedRecord> shared_records(std::string_view journal);
// The line that says that the conversation of that key is gone.
std::string gone_conversation(std::string_view key);

}  // namespace sluice::alerts
