// The Prometheus text format 0.0.4.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>

#include "core/exposition/parse.h"
#include "core/exposition/syntax.h"
#include "core/whole_number.h"

namespace sluice::exposition {
namespace {

bool is_type(std::string_view word) {
  return word == "counter" || word == "gauge" || word == "summary" || word == "histogram" ||
         word == "untyped";
}

class Parser {
 public:
  Parser(std::string_view text, const FamilySink& sink, const ParseLimits& limits)
      : lines_(text), sink_(sink), limits_(limits) {}

  Result<void> run() {
    while (const std::optional<std::string_view> line = lines_.next()) {
      if (line->size() > limits_.line_bytes_max) return fail("the line is too long");
      if (!lines_.ended_with_newline()) return fail("the last line does not end with a newline");
      if (!is_valid_utf8(*line)) return fail("not valid UTF-8");
      LineCursor cursor(*line);
      cursor.skip_blanks();
      if (cursor.at_end()) continue;
      Result<void> result = cursor.take('#') ? comment(cursor) : sample(cursor);
      if (!result) return result;
    }
    for (const std::string& name : order_) sink_(std::move(families_.at(name)));
    return {};
  }

 private:
  Error fail(std::string message) const { return error_at(lines_.line(), std::move(message)); }

  ParsedFamily& family(const std::string& name) {
    const auto [it, made] = families_.try_emplace(name);
    if (made) {
      it->second.name = name;
      it->second.line = lines_.line();
      order_.push_back(name);
    }
    return it->second;
  }

  // --- comments ---
  Result<void> comment(LineCursor& cursor) {
    cursor.skip_blanks();
    const std::string_view keyword = cursor.take_word();
    if (keyword != "HELP" && keyword != "TYPE") return {};  // any other comment says nothing
    cursor.skip_blanks();
    std::string name;
    if (cursor.peek() == '"') {
      std::optional<std::string> quoted = cursor.take_quoted(false);
      if (!quoted || quoted->empty()) return fail("expected a metric name in double quotes");
      name = std::move(*quoted);
    } else {
      name = cursor.take_name(true);
    }
    if (name.empty()) return fail(fmt::format("invalid metric name after {}", keyword));
    if (!cursor.at_end() && cursor.peek() != ' ' && cursor.peek() != '\t') {
      return fail(fmt::format("invalid metric name after {}", keyword));
    }
    cursor.skip_blanks();
    return keyword == "HELP" ? help(family(name), cursor.take_rest()) : type(family(name), cursor);
  }

  Result<void> help(ParsedFamily& family, std::string_view text) {
    if (family.has_help) return fail("second HELP line for metric name " + quote(family.name));
    family.has_help = true;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        family.help += text[i];
        continue;
      }
      const char next = ++i < text.size() ? text[i] : '\0';
      if (next != 'n' && next != '\\') return fail("invalid escape sequence in HELP");
      family.help += next == 'n' ? '\n' : '\\';
    }
    return {};
  }

  Result<void> type(ParsedFamily& family, LineCursor& cursor) {
    const std::string_view word = cursor.take_word();
    cursor.skip_blanks();
    if (!cursor.at_end()) return fail("unexpected text after the metric type");
    if (!is_type(word)) return fail(fmt::format("unknown metric type \"{}\"", word));
    if (!family.type.empty() || !family.samples.empty()) {
      return fail(fmt::format("second TYPE line for metric name {}, or TYPE reported after samples",
                              quote(family.name)));
    }
    family.type = word;
    return {};
  }

  // --- samples ---
  Result<void> sample(LineCursor& cursor) {
    if (++samples_ > limits_.samples_max)
      return limit_met(fmt::format("more than {} samples", limits_.samples_max));
    ParsedSample sample;
    sample.line = lines_.line();
    std::vector<Label> raw;
    sample.name = cursor.take_name(true);
    if (sample.name.empty() && cursor.peek() != '{') return fail("invalid metric name");
    if (cursor.peek() != '{' && cursor.peek() != ' ' && cursor.peek() != '\t') {
      return fail(fmt::format("expected a value or labels after the metric name {}", quote(sample.name)));
    }
    cursor.skip_blanks();
    if (cursor.take('{')) {
      if (Result<void> result = labels(cursor, sample.name, raw); !result) return result;
    }
    if (sample.name.empty()) return fail("a sample without a metric name");
    cursor.skip_blanks();
    const std::string_view word = cursor.take_word();
    const std::optional<double> value = parse_number(word);
    if (!value) return fail(fmt::format("expected float as value, got \"{}\"", word));
    sample.value = *value;
    cursor.skip_blanks();
    if (!cursor.at_end()) {
      const std::string_view time = cursor.take_word();
      const auto ms = parse_whole<int64_t>(time);
      if (!ms) return fail(fmt::format("expected integer as timestamp, got \"{}\"", time));
      sample.at = from_unix_ms(*ms);
      cursor.skip_blanks();
      if (!cursor.at_end()) return fail("spurious text after the timestamp");
    }
    sample.labels = Labels::from(std::move(raw));
    return accept(std::move(sample));
  }

  // Behind the brace. Blanks are allowed, and a comma at the end. A quoted word without = is the metric's
  // name.
  Result<void> labels(LineCursor& cursor, std::string& metric, std::vector<Label>& out) const {
    while (true) {
      cursor.skip_blanks();
      if (cursor.take('}')) return {};
      if (out.size() >= limits_.labels_max) return fail("too many labels");
      std::string name;
      const bool is_quoted = cursor.peek() == '"';
      if (is_quoted) {
        std::optional<std::string> quoted = cursor.take_quoted(false);
        if (!quoted || quoted->empty()) return fail("invalid quoted name");
        name = std::move(*quoted);
      } else {
        name = cursor.take_name(false);
      }
      if (name.empty()) return fail("invalid label name");
      cursor.skip_blanks();
      if (!cursor.take('=')) {
        if (!is_quoted || !metric.empty())
          return fail(fmt::format("expected '=' after label name {}", quote(name)));
        metric = std::move(name);
      } else {
        if (name == kMetricName) return fail("label name \"__name__\" is reserved");
        cursor.skip_blanks();
        std::optional<std::string> value = cursor.take_quoted(false);
        if (!value) return fail(fmt::format("expected the value of label {} in double quotes", quote(name)));
        const auto same = [&](const Label& label) { return label.name == name; };
        if (std::any_of(out.begin(), out.end(), same)) return fail("duplicate label name " + quote(name));
        out.push_back({std::move(name), std::move(*value)});
      }
      cursor.skip_blanks();
      if (cursor.take(',')) continue;
      if (!cursor.take('}')) return fail("expected ',' or '}' after a label");
      return {};
    }
  }

  // The family a sample belongs to: x_sum is one of x when x is a summary or histogram.
  ParsedFamily& family_of(const std::string& name) {
    for (const std::string_view suffix : {"_sum", "_count", "_bucket"}) {
      if (!std::string_view(name).ends_with(suffix)) continue;
      const auto found = families_.find(name.substr(0, name.size() - suffix.size()));
      if (found == families_.end()) continue;
      const bool histogram = found->second.type == "histogram";
      if (histogram || (found->second.type == "summary" && suffix != "_bucket")) return found->second;
    }
    return family(name);
  }

  Result<void> accept(ParsedSample sample) {
    ParsedFamily& owner = family_of(sample.name);
    const auto is_number = [&](std::string_view label) {
      const std::optional<double> number = parse_number(sample.labels.get(label));
      return number && !std::isnan(*number);
    };
    if (owner.type == "histogram" && sample.name == owner.name + "_bucket" && !is_number("le")) {
      return fail("expected float as value for 'le' label");
    }
    if (owner.type == "summary" && sample.name == owner.name && !is_number("quantile")) {
      return fail("expected float as value for 'quantile' label");
    }
    std::string series = sample.name + sample.labels.to_string();
    if (sample.at) series += fmt::format(" {}", to_unix_ms(*sample.at));
    if (!series_.insert(std::move(series)).second) return fail("duplicate sample of " + quote(sample.name));
    owner.samples.push_back(std::move(sample));
    return {};
  }

  LineReader lines_;
  const FamilySink& sink_;
  const ParseLimits& limits_;
  size_t samples_ = 0;
  std::map<std::string, ParsedFamily> families_;
  std::vector<std::string> order_;
  std::unordered_set<std::string> series_;
};

}  // namespace

Result<void> parse_text(std::string_view text, const FamilySink& sink, const ParseLimits& limits) {
  const FamilySink with_type = [&](ParsedFamily family) {
    if (family.type.empty()) family.type = "untyped";
    sink(std::move(family));
  };
  return Parser(text, with_type, limits).run();
}

}  // namespace sluice::exposition
