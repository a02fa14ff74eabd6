// The OpenMetrics 1.0 text format. The specification decides; where it leaves room, what its reference parser
// accepts.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

#include "core/exposition/parse.h"
#include "core/exposition/syntax.h"
#include "core/number.h"

namespace sluice::exposition {
namespace {

constexpr size_t kExemplarCodePointsMax = 128;

struct TypeRules {
  std::string_view name;
  std::vector<std::string_view> suffixes;  // of its samples' names
};

const TypeRules* find_type(std::string_view name) {
  static const std::vector<TypeRules> kTypes = {
      {"counter", {"_total", "_created"}},
      {"gauge", {""}},
      {"histogram", {"_count", "_sum", "_bucket", "_created"}},
      {"gaugehistogram", {"_gcount", "_gsum", "_bucket"}},
      {"info", {"_info"}},
      {"stateset", {""}},
      {"summary", {"", "_count", "_sum", "_created"}},
      {"unknown", {""}},
  };
  for (const TypeRules& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

// Seconds with nanoseconds, as written: order is judged before milliseconds round it away.
struct Moment {
  double seconds = 0;
  double nanoseconds = 0;  // of the same sign
  auto operator<=>(const Moment&) const = default;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Moment> parse_moment(std::string_view text) {
  const std::optional<double> number = parse_number(text);
  if (!number || !std::isfinite(*number)) return std::nullopt;
  const size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  const bool negative = whole.starts_with('-');
  if (negative || whole.starts_with('+')) whole.remove_prefix(1);
  std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (!all_digits(whole) || (!fraction.empty() && !all_digits(fraction))) {  // it has an exponent
    const double seconds = std::trunc(*number);
    return Moment{seconds, std::trunc((*number - seconds) * 1e9)};
  }
  fraction.resize(9, '0');
  const double sign = negative ? -1 : 1;
  return Moment{sign * *parse_float(whole), sign * *parse_float(fraction)};
}

Timestamp to_timestamp(const Moment& moment) {
  // Whole seconds and the fraction apart: a double of milliseconds would do, but 1700000000.101 must stay
  // .101.
  const double ms = moment.seconds * 1000 + std::floor(moment.nanoseconds / 1e6);
  return clamp_to_timestamp(ms);
}

size_t code_points(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_whole(double value) {
  return std::isfinite(value) && value == std::trunc(value);
}

// What all buckets, counts and sums of one histogram at one time must agree on.
struct HistogramCheck {
  std::optional<double> last_le;
  double last_value = 0;
  std::optional<double> count;
  bool has_sum = false, has_gsum = false;
  bool negative_buckets = false, negative_gsum = false;

  const char* bucket(double le, double value) {
    if (le < 0) negative_buckets = true;
    if (last_le && le <= *last_le) return "buckets are out of order";
    if (value < last_value) return "bucket values go down";
    last_le = le;
    last_value = value;
    return nullptr;
  }

  const char* complete() const {
    if (!last_le || *last_le != HUGE_VAL) return "the +Inf bucket is missing";
    if (count && *count != last_value) return "the count is not the value of the +Inf bucket";
    if (has_sum && !count) return "there is a _sum but no _count";
    if (has_gsum && !count) return "there is a _gsum but no _gcount";
    if (count && !has_sum && !has_gsum) return "there is a count but no sum";
    if (negative_buckets && has_sum) return "a histogram with negative buckets cannot have a _sum";
    if (!negative_buckets && negative_gsum) return "_gsum is negative although no bucket is";
    return nullptr;
  }
};

class Parser {
 public:
  Parser(std::string_view text, const FamilySink& sink, const ParseLimits& limits)
      : lines_(text), sink_(sink), limits_(limits) {}

  Result<void> run() {
    bool ended = false;
    while (const std::optional<std::string_view> line = lines_.next()) {
      if (ended) return fail("there is text after # EOF");
      if (line->size() > limits_.line_bytes_max) return fail("the line is too long");
      if (line->empty()) return fail("blank line");
      if (!is_valid_utf8(*line)) return fail("not valid UTF-8");
      if (*line == "# EOF") {
        ended = true;
        continue;
      }
      Result<void> result = line->starts_with('#') ? metadata(*line) : sample(*line);
      if (!result) return result;
    }
    if (!ended) return fail("# EOF is missing at the end");
    return finish_family();
  }

 private:
  Error fail(std::string message) const { return error_at(lines_.line(), std::move(message)); }

  // --- families ---
  void start_family(std::string_view name) {
    family_ = ParsedFamily{};
    family_->name = name;
    family_->line = lines_.line();
    has_type_ = has_unit_ = false;
    group_.reset();
    seen_groups_.clear();
    series_.clear();
    check_.reset();
  }

  const TypeRules& rules() const { return *find_type(family_->type.empty() ? "unknown" : family_->type); }

  Result<void> finish_family() {
    if (!family_) return {};
    if (family_->type.empty()) family_->type = "unknown";
    for (const std::string_view suffix : rules().suffixes) {
      if (!suffix.empty() && !claim(family_->name + std::string(suffix))) return clash(suffix);
    }
    if (!claim(family_->name)) return clash("");
    if (!family_->unit.empty()) {
      if (!family_->name.ends_with("_" + family_->unit)) {
        return fail(
            fmt::format("the unit {} is not the suffix of the name {}", family_->unit, family_->name));
      }
      if (family_->type == "info" || family_->type == "stateset") {
        return fail(fmt::format("{}: a metric of type {} has no unit", family_->name, family_->type));
      }
    }
    if (Result<void> complete = finish_histogram(); !complete) return complete;
    sink_(std::move(*family_));
    family_.reset();
    return {};
  }

  bool claim(std::string name) { return names_.insert(std::move(name)).second; }
  Error clash(std::string_view suffix) const {
    return fail(fmt::format("the name {}{} is already taken by another metric", family_->name, suffix));
  }

  // --- metadata ---
  Result<void> metadata(std::string_view line) {
    LineCursor cursor(line);
    if (!cursor.take("# ")) return fail("a line that starts with # must be HELP, TYPE, UNIT or EOF");
    const std::string_view keyword = cursor.take_name(false);
    if (keyword != "HELP" && keyword != "TYPE" && keyword != "UNIT") {
      return fail("a line that starts with # must be HELP, TYPE, UNIT or EOF");
    }
    if (!cursor.take(' ')) return fail(fmt::format("{} without a metric name", keyword));
    const std::string_view name = cursor.take_name(true);
    if (name.empty() || !cursor.take(' '))
      return fail(fmt::format("{}: expected a metric name and a space", keyword));
    const std::string_view rest = cursor.take_rest();
    if (!family_ || family_->name != name) {
      if (Result<void> finished = finish_family(); !finished) return finished;
      start_family(name);
    } else if (!family_->samples.empty()) {
      return fail(fmt::format("{} of {} after its samples", keyword, name));
    }
    if (keyword == "HELP") return help(rest);
    return keyword == "TYPE" ? type(rest) : unit(rest);
  }

  Result<void> help(std::string_view text) {
    if (family_->has_help) return fail("second HELP for " + family_->name);
    family_->has_help = true;
    for (size_t i = 0; i < text.size(); ++i) {
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      if (text[i] == '\\' && (next == '\\' || next == '"' || next == 'n')) {
        family_->help += next == 'n' ? '\n' : next;
        ++i;
      } else {
        family_->help += text[i];
      }
    }
    return {};
  }

  Result<void> type(std::string_view text) {
    if (has_type_) return fail("second TYPE for " + family_->name);
    if (find_type(text) == nullptr) return fail(fmt::format("\"{}\" is not a metric type", text));
    has_type_ = true;
    family_->type = text;
    return {};
  }

  Result<void> unit(std::string_view text) {
    if (has_unit_) return fail("second UNIT for " + family_->name);
    has_unit_ = true;
    family_->unit = text;
    return {};
  }

  // --- samples ---
  Result<void> sample(std::string_view line) {
    if (++samples_ > limits_.samples_max)
      return limit_met(fmt::format("more than {} samples", limits_.samples_max));
    LineCursor cursor(line);
    ParsedSample sample;
    sample.line = lines_.line();
    sample.name = cursor.take_name(true);
    if (sample.name.empty()) return fail("expected a metric name");
    raw_labels_.clear();
    if (cursor.peek() == '{') {
      if (Result<void> result = labels(cursor, raw_labels_); !result) return result;
    }
    if (!cursor.take(' ')) return fail("expected a space before the value");
    const std::optional<double> value = parse_number(cursor.take_word());
    if (!value) return fail("expected a number as the value");
    sample.value = *value;

    std::optional<Moment> moment;
    if (!cursor.at_end() && !cursor.take(' '))
      return fail("expected a space or the end of the line behind the value");
    bool expects_more = line.back() == ' ';
    if (!cursor.at_end() && cursor.peek() != '#') {
      moment = parse_moment(cursor.take_word());
      if (!moment) return fail("expected a timestamp in seconds");
      sample.at = to_timestamp(*moment);
      expects_more = cursor.take(' ');
    }
    if (cursor.peek() == '#') {
      if (Result<void> result = exemplar(cursor, sample); !result) return result;
    } else if (expects_more || !cursor.at_end()) {
      return fail("expected an exemplar or the end of the line");
    }
    sample.labels = Labels::from(raw_labels_);
    return accept(std::move(sample), moment);
  }

  // {a="b",c="d"}: no blanks, no comma at the end.
  Result<void> labels(LineCursor& cursor, std::vector<Label>& out) const {
    cursor.take('{');
    if (cursor.take('}')) return {};
    do {
      if (out.size() >= limits_.labels_max) return fail("too many labels");
      std::string name(cursor.take_name(false));
      if (name.empty()) return fail("expected a label name");
      if (name == kMetricName) return fail("the label __name__ is reserved");
      if (!cursor.take('=')) return fail(fmt::format("expected = after the label name {}", name));
      std::optional<std::string> value = cursor.take_quoted(true);
      if (!value) return fail(fmt::format("expected the value of label {} in double quotes", name));
      const auto same = [&](const Label& label) { return label.name == name; };
      if (std::any_of(out.begin(), out.end(), same)) return fail("duplicate label name " + name);
      out.push_back({std::move(name), std::move(*value)});
    } while (cursor.take(','));
    if (!cursor.take('}')) return fail("expected , or } after a label");
    return {};
  }

  Result<void> exemplar(LineCursor& cursor, ParsedSample& sample) const {
    if (!cursor.take("# ") || cursor.peek() != '{') return fail("expected an exemplar's labels after #");
    std::vector<Label> raw;
    if (Result<void> result = labels(cursor, raw); !result) return result;
    size_t size = 0;
    for (const Label& label : raw) size += code_points(label.name) + code_points(label.value);
    if (size > kExemplarCodePointsMax) {
      return fail(
          fmt::format("the labels of an exemplar have more than {} characters", kExemplarCodePointsMax));
    }
    if (!cursor.take(' ')) return fail("expected a space before the exemplar's value");
    const std::optional<double> value = parse_number(cursor.take_word());
    if (!value) return fail("expected a number as the exemplar's value");
    if (cursor.take(' ') && !parse_moment(cursor.take_word()))
      return fail("expected the exemplar's timestamp");
    if (!cursor.at_end()) return fail("expected the end of the line behind the exemplar");
    sample.exemplar = ParsedExemplar{Labels::from(std::move(raw)), *value};
    return {};
  }

  // --- what the type asks of its samples ---
  Result<void> accept(ParsedSample sample, const std::optional<Moment>& moment) {
    if (!family_ || !belongs(sample.name)) {
      if (Result<void> finished = finish_family(); !finished) return finished;
      start_family(sample.name);
      has_type_ = true;
      family_->type = "unknown";
    }
    const std::string_view suffix = std::string_view(sample.name).substr(family_->name.size());
    if (const char* wrong = check_labels(sample, suffix)) return fail(wrong);
    if (const char* wrong = check_value(sample, suffix)) return fail(wrong);
    bool truncated_duplicate = false;
    if (Result<void> placed = place(sample, suffix, moment, truncated_duplicate); !placed) return placed;
    if (const char* wrong = check_histogram(sample, suffix)) return fail(family_->name + ": " + wrong);
    if (!truncated_duplicate) family_->samples.push_back(std::move(sample));
    return {};
  }

  bool belongs(const std::string& name) const {
    if (!name.starts_with(family_->name)) return false;
    const std::string_view suffix = std::string_view(name).substr(family_->name.size());
    const std::vector<std::string_view>& allowed = rules().suffixes;
    return std::find(allowed.begin(), allowed.end(), suffix) != allowed.end();
  }

  bool is_histogram() const { return family_->type == "histogram" || family_->type == "gaugehistogram"; }

  const std::string* raw_label(std::string_view name) const {
    for (const Label& label : raw_labels_) {
      if (label.name == name) return &label.value;
    }
    return nullptr;
  }

  const char* check_labels(const ParsedSample& sample, std::string_view suffix) {
    const auto canonical = [](const std::string& text, double value) {
      return !std::isinf(value) || text == "+Inf";
    };
    if (family_->type == "stateset" && raw_label(family_->name) == nullptr) {
      return "a stateset needs a label with its own name";
    }
    if (is_histogram() && suffix == "_bucket") {
      const std::string* text = raw_label("le");
      const std::optional<double> le = text == nullptr ? std::nullopt : parse_number(*text);
      if (!le || std::isnan(*le) || !canonical(*text, *le)) return "a bucket needs a label le with a number";
      le_ = *le;
    }
    if (family_->type == "summary" && suffix.empty()) {
      const std::string* text = raw_label("quantile");
      const std::optional<double> quantile = text == nullptr ? std::nullopt : parse_number(*text);
      if (!quantile || !(*quantile >= 0 && *quantile <= 1)) {
        return "a summary's sample needs a label quantile between 0 and 1";
      }
    }
    const bool may_have_exemplar =
        (is_histogram() && suffix == "_bucket") || (family_->type == "counter" && suffix == "_total");
    if (sample.exemplar && !may_have_exemplar) return "only buckets and counters have exemplars";
    return nullptr;
  }

  const char* check_value(const ParsedSample& sample, std::string_view suffix) const {
    const double value = sample.value;
    if (family_->type == "stateset" && value != 0 && value != 1) return "a stateset is 0 or 1";
    if (family_->type == "info" && value != 1) return "an info metric is 1";
    if (family_->type == "summary" && suffix.empty() && value < 0) return "a quantile cannot be negative";
    const bool counts = suffix == "_count" || suffix == "_gcount" || suffix == "_bucket";
    const bool grows = counts || suffix == "_total" || suffix == "_sum";
    if ((grows || suffix == "_gsum") && std::isnan(value)) return "a value that counts cannot be NaN";
    if (grows && value < 0) return "a value that counts cannot be negative";
    if (counts && !is_whole(value)) return "a count must be a whole number";
    return nullptr;
  }

  // The labels that tell one metric of the family from another: those of one histogram differ in le only.
  std::string group_key(const ParsedSample& sample, std::string_view suffix) const {
    if (family_->type == "info") return {};
    std::string_view inner;
    if (family_->type == "summary" && suffix.empty()) inner = "quantile";
    if (family_->type == "stateset") inner = family_->name;
    if (is_histogram() && suffix == "_bucket") inner = "le";
    return inner.empty() ? sample.labels.to_string() : sample.labels.without(inner).to_string();
  }

  // Samples of one metric stand together, and their times do not go back.
  Result<void> place(const ParsedSample& sample, std::string_view suffix, const std::optional<Moment>& moment,
                     bool& truncated_duplicate) {
    std::string key = group_key(sample, suffix);
    const bool same_group = group_ && *group_ == key;
    if (same_group) {
      if (moment.has_value() != group_moment_.has_value()) {
        return fail("some samples of this metric have timestamps and others have none");
      }
      if (moment && *group_moment_ > *moment && family_->type != "info") return fail("timestamps go back");
    } else if (group_ && seen_groups_.contains(key)) {
      return fail("samples of one metric do not stand together");
    }
    if (!same_group || moment != group_moment_) {
      series_.clear();
      if (Result<void> complete = finish_histogram(); !complete) return complete;
      if (is_histogram()) check_.emplace();
    }
    std::string series = sample.name + sample.labels.to_string();
    if (!series_.insert(std::move(series)).second) {
      if (!moment) return fail("duplicate sample");
      truncated_duplicate = true;  // times that differ by less than a nanosecond
    }
    group_moment_ = moment;
    seen_groups_.insert(key);
    group_ = std::move(key);
    return {};
  }

  const char* check_histogram(const ParsedSample& sample, std::string_view suffix) {
    if (!check_) return nullptr;
    if (suffix == "_bucket") return check_->bucket(le_, sample.value);
    if (suffix == "_count" || suffix == "_gcount") check_->count = sample.value;
    if (suffix == "_sum") check_->has_sum = true;
    if (suffix == "_gsum") {
      check_->has_gsum = true;
      check_->negative_gsum = sample.value < 0;
    }
    return nullptr;
  }

  Result<void> finish_histogram() {
    if (!check_) return {};
    const char* wrong = check_->complete();
    check_.reset();
    if (wrong != nullptr) return fail(family_->name + ": " + wrong);
    return {};
  }

  LineReader lines_;
  const FamilySink& sink_;
  const ParseLimits& limits_;
  size_t samples_ = 0;
  std::unordered_set<std::string> names_;  // taken by families, with all suffixes of their types

  std::optional<ParsedFamily> family_;
  bool has_type_ = false, has_unit_ = false;
  std::vector<Label> raw_labels_;  // of the line, also those with an empty value
  double le_ = 0;
  std::optional<std::string> group_;
  std::optional<Moment> group_moment_;
  std::unordered_set<std::string> seen_groups_;
  std::unordered_set<std::string> series_;  // of this group at this moment
  std::optional<HistogramCheck> check_;
};

}  // namespace

Result<void> parse_openmetrics(std::string_view text, const FamilySink& sink, const ParseLimits& limits) {
  return Parser(text, sink, limits).run();
}

}  // namespace sluice::exposition
