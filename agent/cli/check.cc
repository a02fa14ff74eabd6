// sluice check config | rules | metrics | web-config

#include <fmt/format.h>

#include <iostream>
#include <iterator>

#include "agent/cli/commands.h"
#include "agent/cli/known_series.h"
#include "agent/cli/load.h"
#include "agent/cli/print.h"
#include "agent/config/alertmanager_file.h"
#include "agent/config/rule_file.h"
#include "agent/config/web_file.h"
#include "core/exposition/lint.h"
#include "core/exposition/parse.h"
#include "core/file/file.h"

namespace sluice::cli {
namespace {

// 2 when a file could not be read at all, 1 for mistakes in it.
int exit_code_of(const Mistakes& mistakes) {
  if (mistakes.empty()) return kFine;
  for (const Mistake& mistake : mistakes) {
    if (mistake.line > 0) return kFailed;
  }
  return kUsage;
}

// alertmanager.yml has a route and receivers where sluice.yml has probes.
bool looks_like_alertmanager(const std::string& file) {
  const Result<std::string> text = file::read(file);
  if (text.has_error()) return false;
  config::Diagnostics ignored(file);
  const auto root = config::parse_yaml(*text, ignored);
  return root && root->find("route") != nullptr && root->find("receivers") != nullptr;
}

int check_one(const std::string& file, const CheckConfigOptions& options) {
  if (!file.empty() && looks_like_alertmanager(file)) {
    Mistakes mistakes;
    const auto config = config::load_alertmanager_file(file, mistakes);
    print_mistakes(mistakes);
    if (config != nullptr)
      print_line(options.print ? config->original
                               : fmt::format("{}: fine, {} receivers", file, config->receivers.size()));
    return exit_code_of(mistakes);
  }
  const config::Loaded loaded = load(file, options.env_file);
  print_mistakes(loaded.mistakes);
  for (const std::string& warning : loaded.warnings) print_error(warning + " (warning)");
  if (loaded.config == nullptr) return exit_code_of(loaded.mistakes);
  if (options.print) {
    std::cout << config::print_config(*loaded.config);
  } else {
    size_t targets = 0;
    for (const config::Job& job : loaded.config->jobs) targets += job.targets.size();
    print_line(fmt::format("{}: fine, {} jobs, {} targets, {} rule groups", loaded.config->file,
                           loaded.config->jobs.size(), targets, loaded.config->rule_groups.size()));
  }
  return kFine;
}

}  // namespace

int check_config(const CheckConfigOptions& options) {
  if (options.files.empty()) return check_one("", options);
  int worst = kFine;
  for (const std::string& file : options.files) worst = std::max(worst, check_one(file, options));
  return worst;
}

int check_web_config(const std::vector<std::string>& files) {
  Mistakes mistakes;
  for (const std::string& file : files) {
    if (config::load_web_file(file, mistakes)) print_line(file + ": fine");
  }
  print_mistakes(mistakes);
  return exit_code_of(mistakes);
}

int check_metrics(const CheckMetricsOptions& options) {
  const std::string text(std::istreambuf_iterator<char>(std::cin), {});
  size_t families = 0, samples = 0;
  const auto format = options.openmetrics ? exposition::Format::kOpenMetrics : exposition::Format::kText;
  const exposition::FamilySink count = [&](exposition::ParsedFamily family) {
    for (const std::string& habit : exposition::lint(family, format)) print_error(family.name + ": " + habit);
    ++families;
    samples += family.samples.size();
  };
  const Result<void> parsed =
      options.openmetrics ? exposition::parse_openmetrics(text, count) : exposition::parse_text(text, count);
  if (parsed.has_error()) {
    print_error(parsed.error().message);
    return kFailed;
  }
  print_line(fmt::format("fine, {} families, {} samples", families, samples));
  return kFine;
}

int check_rules(const CheckRulesOptions& options) {
  Mistakes mistakes;
  std::vector<rules::RuleFile> files;
  for (const std::string& file : options.files) {
    const Result<std::string> text = file::read(file);
    if (text.has_error()) {
      mistakes.push_back({file, 0, 0, text.error().message});
      continue;
    }
    config::LoadedRuleFile loaded = config::load_rule_file(file, *text);
    print_warnings(loaded.warnings);
    size_t rules = 0;
    for (const rules::RuleGroup& group : loaded.file.groups) rules += group.rules.size();
    if (loaded.mistakes.empty())
      print_line(fmt::format("{}: fine, {} groups, {} rules", file, loaded.file.groups.size(), rules));
    if (loaded.mistakes.empty()) files.push_back(std::move(loaded.file));
    std::move(loaded.mistakes.begin(), loaded.mistakes.end(), std::back_inserter(mistakes));
  }
  std::optional<rules::KnownSeries> known;
  if (!options.config_file.empty()) {
    const config::Loaded loaded = load(options.config_file, "");
    if (loaded.config) known = known_series(*loaded.config);
    mistakes.insert(mistakes.end(), loaded.mistakes.begin(), loaded.mistakes.end());
  }
  // What is only probably wrong is told, and fails nothing: another agent may have the series.
  print_warnings(rules::lint(files, known ? &*known : nullptr));
  print_mistakes(mistakes);
  return exit_code_of(mistakes);
}

}  // namespace sluice::cli
