#include "agent/gate/record.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "agent/gate/json_text.h"

namespace sluice::gate {

namespace json = boost::json;

std::string_view to_string(Entry::State state) {
  switch (state) {
    case Entry::State::kDisabled:
      return "disabled";
    case Entry::State::kReturning:
      return "returning";
    case Entry::State::kEnabled:
      break;
  }
  return "enabled";
}

std::string_view to_string(Mode mode) {
  return mode == Mode::kShadow ? "shadow" : "enforce";
}

namespace {

std::string write_entry(const Entry& entry) {
  JsonObject out;
  out.text("state", to_string(entry.state));
  out.text("mode", to_string(entry.mode));
  out.flag("by_operator", entry.by_operator);
  if (entry.drain) out.flag("drain", true);
  out.text("reason", entry.reason);
  out.text("evidence", entry.evidence);
  out.text("key", entry.key);
  out.time("since", entry.since);
  out.time("until", entry.until);
  out.time("lease", entry.lease);
  out.number("streak", entry.streak);
  out.number("weight", entry.weight);
  if (entry.api_before >= 0) out.number("api_before", entry.api_before);
  return out.done();
}

Result<Entry> parse_entry(const json::value& value) {
  if (!value.is_object()) return invalid("is no object");
  JsonReader reader(value.get_object());
  Entry entry;
  std::string state;
  std::string mode;
  reader.text("state", state);
  reader.text("mode", mode);
  reader.flag("by_operator", entry.by_operator);
  reader.text("reason", entry.reason);
  reader.text("evidence", entry.evidence);
  reader.text("key", entry.key);
  reader.time("since", entry.since);
  reader.time("until", entry.until);
  reader.time("lease", entry.lease);
  reader.number("streak", entry.streak, 0, 1000);
  reader.number("weight", entry.weight, 0, 100);
  // Members that agents of an older version do not write.
  if (value.get_object().contains("drain")) reader.flag("drain", entry.drain);
  if (value.get_object().contains("api_before")) reader.number("api_before", entry.api_before, 0, 100);
  if (state == "disabled") {
    entry.state = Entry::State::kDisabled;
  } else if (state == "returning") {
    entry.state = Entry::State::kReturning;
  } else if (state != "enabled") {
    reader.fail("state", "must be disabled, returning or enabled");
  }
  if (mode != "shadow" && mode != "enforce") reader.fail("mode", "must be enforce or shadow");
  entry.mode = mode == "shadow" ? Mode::kShadow : Mode::kEnforce;
  if (!reader.error().empty()) return invalid(reader.error());
  return entry;
}

}  // namespace

std::string write_record(const Record& record) {
  JsonObject entries;
  for (const auto& [target, entry] : record.entries) entries.raw(target, write_entry(entry));
  JsonObject out;
  out.number("version", 1);
  out.number("epoch", record.epoch);
  out.time("last_disable", record.last_disable);
  if (record.no_effect_until != Timestamp{}) {
    out.time("no_effect_until", record.no_effect_until);
    out.text("no_effect_why", record.no_effect_why);
  }
  out.raw("targets", entries.done());
  return out.done();
}

Result<Record> parse_record(std::string_view text) {
  const auto object = parse_object(text, kRecordBytesMax);
  if (object.has_error()) return Error{object.error().kind, "the decision record " + object.error().message};
  JsonReader reader(*object);
  Record record;
  int version = 0;
  reader.number("version", version, 1, 1);
  reader.number("epoch", record.epoch);
  reader.time("last_disable", record.last_disable);
  if (object->contains("no_effect_until")) {
    reader.time("no_effect_until", record.no_effect_until);
    reader.text("no_effect_why", record.no_effect_why);
  }
  const json::value* targets = object->if_contains("targets");
  if (targets == nullptr || !targets->is_object()) {
    reader.fail("targets", "must be an object");
  } else if (targets->get_object().size() > kRecordEntriesMax) {
    reader.fail("targets", fmt::format("has more than {} entries", kRecordEntriesMax));
  }
  if (!reader.error().empty()) return invalid("the decision record is damaged: " + reader.error());
  for (const auto& [target, value] : targets->get_object()) {
    auto entry = parse_entry(value);
    if (entry.has_error()) {
      return invalid(fmt::format("the decision record is damaged: {:?}: {}",
                                 std::string_view(target.data(), target.size()), entry.error().message));
    }
    record.entries.emplace(std::string(target.data(), target.size()), std::move(*entry));
  }
  return record;
}

}  // namespace sluice::gate
