// sluice replay: what a configuration would have done with recorded probes.

#include "agent/app/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>

#include "agent/cli/commands.h"
#include "agent/cli/load.h"
#include "agent/cli/print.h"
#include "core/exposition/parse.h"
#include "core/file/file.h"
#include "core/number.h"

namespace sluice::cli {

namespace json = boost::json;

namespace {

constexpr size_t kFileBytesMax = size_t{1} << 30;

// Both files of a journal, the older one first. One of them may be missing, not both.
Result<app::Journal> read_journal(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string newest = fs::is_directory(path) ? path + "/" + std::string(app::kJournalFile) : path;
  app::Journal all;
  bool found = false;
  for (const std::string& file : {newest + ".1", newest}) {
    if (!file::exists(file)) continue;
    const Result<std::string> text = file::read(file, kFileBytesMax);
    if (text.has_error()) return text.error();
    Result<app::Journal> part = app::parse_journal(*text);
    if (part.has_error()) return invalid(fmt::format("{} {}", file, part.error().message));
    found = true;
    all.agent = part->agent;
    all.damaged += part->damaged;
    std::move(part->probes.begin(), part->probes.end(), std::back_inserter(all.probes));
  }
  if (!found) return unavailable(fmt::format("there is no probe journal {}", newest));
  std::stable_sort(all.probes.begin(), all.probes.end(),
                   [](const app::JournalProbe& a, const app::JournalProbe& b) { return a.at < b.at; });
  return all;
}

// Unix seconds, RFC 3339, or "-6h": that long before `end`.
Result<Timestamp> parse_moment(const std::string& text, Timestamp end) {
  if (text.starts_with('-')) {
    const Result<Duration> back = parse_duration(std::string_view(text).substr(1));
    if (back.has_error()) return back.error();
    return end - to_ms(*back);
  }
  if (const std::optional<double> seconds = parse_float(text); seconds && std::abs(*seconds) < 9e12)
    return from_unix_ms(std::llround(*seconds * 1000));
  return parse_rfc3339(text);
}

std::string lasted(Timestamp from, const std::optional<Timestamp>& to, Timestamp end) {
  const std::string time = format_human(Duration(to.value_or(end) - from));
  return to ? time : time + ", still";
}

void print_report(const app::ReplayReport& report) {
  print_line(fmt::format("{} to {}: {} probes of {} {}", format_rfc3339(report.from),
                         format_rfc3339(report.to), report.probes, report.agents,
                         report.agents == 1 ? "agent" : "agents"));
  if (report.unknown_probes > 0)
    print_line(
        fmt::format("{} of them are of targets that the configuration does not have", report.unknown_probes));

  print_line(fmt::format("\nDisabled: {}", report.disabled.size()));
  if (!report.disabled.empty()) {
    std::vector<std::vector<std::string>> rows = {
        {"FROM", "POOL", "TARGET", "FOR", "MODE", "EVIDENCE", "ENDED"}};
    for (const app::ReplayDisabling& row : report.disabled) {
      rows.push_back({format_rfc3339(row.from), row.pool, row.target, lasted(row.from, row.to, report.to),
                      std::string(to_string(row.mode)), row.evidence, row.ended});
    }
    fmt::print("{}", format_table(rows));
  }
  if (!report.held.empty()) {
    print_line("\nHeld back, in decisions:");
    for (const auto& [what, count] : report.held)
      print_line(fmt::format("  {} {}: {}", what.first, what.second, count));
  }
  print_line(fmt::format("\nAlerts: {}", report.alerts.size()));
  if (!report.alerts.empty()) {
    std::vector<std::vector<std::string>> rows = {{"FROM", "ALERT", "FOR", "LABELS"}};
    for (const app::ReplayAlert& row : report.alerts) {
      rows.push_back(
          {format_rfc3339(row.from), row.name, lasted(row.from, row.to, report.to), row.labels.to_string()});
    }
    fmt::print("{}", format_table(rows));
  }
  print_line(fmt::format("\nMessages: {}", report.messages.size()));
  if (!report.messages.empty()) {
    std::vector<std::vector<std::string>> rows = {{"AT", "TO", "FIRING", "RESOLVED"}};
    for (const app::ReplayMessage& row : report.messages) {
      rows.push_back({format_rfc3339(row.at), row.integration, fmt::format("{}", fmt::join(row.firing, ", ")),
                      fmt::format("{}", fmt::join(row.resolved, ", "))});
    }
    fmt::print("{}", format_table(rows));
  }
  if (!report.rules_without_data.empty()) {
    print_line(fmt::format("\nThe record has nothing for these alerts: {}",
                           fmt::join(report.rules_without_data, ", ")));
  }
}

json::value end_of(const std::optional<Timestamp>& to) {
  return to ? json::value(to_seconds(*to)) : json::value(nullptr);
}

void print_json(const app::ReplayReport& report) {
  json::array disabled, alerts, messages;
  for (const app::ReplayDisabling& row : report.disabled) {
    disabled.push_back(json::object{{"pool", row.pool},
                                    {"target", row.target},
                                    {"mode", to_string(row.mode)},
                                    {"from", to_seconds(row.from)},
                                    {"to", end_of(row.to)},
                                    {"evidence", row.evidence},
                                    {"ended", row.ended}});
  }
  for (const app::ReplayAlert& row : report.alerts) {
    json::object labels;
    for (const auto& [name, value] : row.labels) labels[name] = value;
    alerts.push_back(json::object{{"alert", row.name},
                                  {"labels", std::move(labels)},
                                  {"from", to_seconds(row.from)},
                                  {"to", end_of(row.to)}});
  }
  for (const app::ReplayMessage& row : report.messages) {
    messages.push_back(json::object{{"at", to_seconds(row.at)},
                                    {"receiver", row.receiver},
                                    {"integration", row.integration},
                                    {"firing", json::array(row.firing.begin(), row.firing.end())},
                                    {"resolved", json::array(row.resolved.begin(), row.resolved.end())}});
  }
  json::object held;
  for (const auto& [what, count] : report.held) held[what.first + " " + what.second] = count;
  print_line(
      json::serialize(json::object{{"from", to_seconds(report.from)},
                                   {"to", to_seconds(report.to)},
                                   {"agents", report.agents},
                                   {"probes", report.probes},
                                   {"unknown_probes", report.unknown_probes},
                                   {"disabled", std::move(disabled)},
                                   {"held", std::move(held)},
                                   {"alerts", std::move(alerts)},
                                   {"messages", std::move(messages)},
                                   {"rules_without_data", json::array(report.rules_without_data.begin(),
                                                                      report.rules_without_data.end())}}));
}

}  // namespace

int replay(const ReplayOptions& options) {
  const auto give_up = [](std::string_view message) {
    print_error(message);
    return kUsage;
  };
  const config::Loaded loaded = load(options.config_file, options.env_file);
  if (loaded.config == nullptr) {
    print_mistakes(loaded.mistakes);
    return kUsage;
  }
  app::ReplayInput input;
  if (!options.openmetrics_file.empty()) {
    const Result<std::string> text = file::read(options.openmetrics_file, kFileBytesMax);
    if (text.has_error()) return give_up(text.error().message);
    const Result<size_t> samples = exposition::load_openmetrics(*text, input.samples);
    if (samples.has_error())
      return give_up(fmt::format("{}: {}", options.openmetrics_file, samples.error().message));
    input.journals.push_back(app::journal_of_samples(input.samples));
    input.samples_have_probes = true;
  } else {
    std::vector<std::string> paths = options.journals;
    if (paths.empty() && !loaded.config->store.path.empty()) paths.push_back(loaded.config->store.path);
    if (paths.empty()) return give_up("the configuration has no store.path: say --journal or --openmetrics");
    for (const std::string& path : paths) {
      Result<app::Journal> journal = read_journal(path);
      if (journal.has_error()) return give_up(journal.error().message);
      if (journal->damaged > 0)
        print_error(fmt::format("{}: {} damaged lines are left out", path, journal->damaged));
      for (const app::Journal& other : input.journals) {
        if (other.agent == journal->agent)
          return give_up(fmt::format("two journals are of the agent {}", other.agent));
      }
      input.journals.push_back(std::move(*journal));
    }
  }

  Timestamp oldest = Timestamp::max(), newest = Timestamp::min();
  for (const app::Journal& journal : input.journals) {
    if (journal.probes.empty()) continue;
    oldest = std::min(oldest, journal.probes.front().at);
    newest = std::max(newest, journal.probes.back().at);
  }
  if (newest < oldest) return give_up("the record has no probes");
  const Result<Timestamp> to = options.to.empty() ? newest : parse_moment(options.to, newest);
  if (to.has_error()) return give_up("--to: " + to.error().message);
  const Result<Timestamp> from = options.from.empty() ? oldest : parse_moment(options.from, newest);
  if (from.has_error()) return give_up("--from: " + from.error().message);
  if (*from >= *to) return give_up("--from must be before --to");

  const app::ReplayReport report = app::replay(*loaded.config, std::move(input), *from, *to);
  if (options.json) {
    print_json(report);
  } else {
    print_report(report);
  }
  return kFine;
}

}  // namespace sluice::cli
