#include "core/exposition/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace sluice::exposition {
namespace {

constexpr std::string_view kBaseUnits[] = {"amperes", "bytes",  "celsius", "grams",   "joules", "kelvin",
                                           "meters",  "metres", "moles",   "seconds", "volts"};
constexpr std::string_view kPrefixes[] = {"pico", "nano",  "micro", "milli", "centi", "deci",
                                          "deca", "hecto", "kilo",  "kibi",  "mega",  "mibi",
                                          "giga", "gibi",  "tera",  "tebi",  "peta",  "pebi"};
constexpr std::pair<std::string_view, std::string_view> kOtherUnits[] = {
    {"minutes", "seconds"}, {"hours", "seconds"},      {"days", "seconds"},    {"weeks", "seconds"},
    {"kelvins", "kelvin"},  {"fahrenheit", "celsius"}, {"rankine", "celsius"}, {"inches", "meters"},
    {"yards", "meters"},    {"miles", "meters"},       {"bits", "bytes"},      {"calories", "joules"},
    {"pounds", "grams"},    {"ounces", "grams"}};
constexpr std::string_view kAbbreviations[] = {"s",  "ms", "us", "ns", "sec", "b", "kb",
                                               "mb", "gb", "tb", "pb", "m",   "h", "d"};

// The words of a name between underscores.
std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t end = name.find('_');
    words.push_back(name.substr(0, end));
    if (end == std::string_view::npos) return words;
    name.remove_prefix(end + 1);
  }
}

// The unit a word names and the base unit it should be given in; empty for no unit or a base unit.
std::string_view base_of(std::string_view word) {
  for (const auto& [unit, base] : kOtherUnits) {
    if (unit == word) return base;
  }
  for (const std::string_view base : kBaseUnits) {
    if (!word.ends_with(base) || word == base) continue;
    const std::string_view prefix = word.substr(0, word.size() - base.size());
    if (std::find(std::begin(kPrefixes), std::end(kPrefixes), prefix) != std::end(kPrefixes)) return base;
  }
  return {};
}

bool is_camel_case(std::string_view name) {
  for (size_t i = 1; i < name.size(); ++i) {
    const bool lower_before = name[i - 1] >= 'a' && name[i - 1] <= 'z';
    if (lower_before && name[i] >= 'A' && name[i] <= 'Z') return true;
  }
  return false;
}

class Linter {
 public:
  Linter(const ParsedFamily& family, Format format) : family_(family), format_(format) {
    for (const ParsedSample& sample : family.samples) {
      for (const auto& label : sample.labels) labels_.emplace(label.name);
    }
  }

  std::vector<std::string> run() {
    if (family_.help.empty()) say("no help text");
    units();
    if (family_.type != "untyped" && family_.type != "unknown") {
      suffixes();
      type_in_name();
    }
    if (family_.name.find(':') != std::string::npos) say("metric names should not contain ':'");
    if (is_camel_case(family_.name)) say("metric names should be written in 'snake_case' not 'camelCase'");
    if (std::any_of(labels_.begin(), labels_.end(), is_camel_case)) {
      say("label names should be written in 'snake_case' not 'camelCase'");
    }
    abbreviations();
    return std::move(messages_);
  }

 private:
  void say(std::string message) { messages_.push_back(std::move(message)); }

  void units() {
    for (const std::string_view word : words_of(family_.name)) {
      const std::string_view base = base_of(word);
      if (!base.empty()) say(fmt::format("use base unit \"{}\" instead of \"{}\"", base, word));
    }
  }

  void suffixes() {
    const std::string_view name = family_.name, type = family_.type;
    const bool histogram = type == "histogram" || type == "gaugehistogram", summary = type == "summary";
    const bool total = name.ends_with("_total");
    // In OpenMetrics the suffix is on the samples and not part of the family's name.
    if (type == "counter" && !total && format_ == Format::kText)
      say("counter metrics should have \"_total\" suffix");
    if (type != "counter" && total) say("non-counter metrics should not have \"_total\" suffix");
    if (!histogram && name.ends_with("_bucket"))
      say("non-histogram metrics should not have \"_bucket\" suffix");
    for (const std::string_view suffix : {"_count", "_sum"}) {
      if (histogram || summary || !name.ends_with(suffix)) continue;
      say(fmt::format("non-histogram and non-summary metrics should not have \"{}\" suffix", suffix));
    }
    if (!histogram && labels_.contains("le")) say("non-histogram metrics should not have \"le\" label");
    if (!summary && labels_.contains("quantile"))
      say("non-summary metrics should not have \"quantile\" label");
  }

  void type_in_name() {
    for (const std::string_view word : words_of(family_.name)) {
      if (word == family_.type) say(fmt::format("metric name should not include type '{}'", word));
    }
  }

  void abbreviations() {
    const std::vector<std::string_view> words = words_of(family_.name);
    const auto abbreviated = [](std::string_view word) {
      return std::find(std::begin(kAbbreviations), std::end(kAbbreviations), word) !=
             std::end(kAbbreviations);
    };
    if (std::any_of(words.begin() + 1, words.end(), abbreviated)) {
      say("metric names should not contain abbreviated units");
    }
  }

  const ParsedFamily& family_;
  Format format_;
  std::set<std::string, std::less<>> labels_;
  std::vector<std::string> messages_;
};

}  // namespace

std::vector<std::string> lint(const ParsedFamily& family, Format format) {
  return Linter(family, format).run();
}

}  // namespace sluice::exposition
