#include "rules/promql/script_test.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>
#include <variant>

#include "core/number.h"
#include "core/store/sample_store.h"
#include "core/time.h"
#include "rules/promql/almost.h"
#include "rules/promql/engine.h"
#include "rules/promql/functions.h"
#include "rules/promql/parser.h"
#include "rules/promql/series_notation.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

constexpr double kTolerance = 1e-6;

// --- text ---

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Comments count as empty lines: one inside a block ends it.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (;;) {
    const size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    lines.push_back(line.starts_with('#') ? std::string_view() : line);
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

// The next word of a line, taken off it.
std::string_view take_word(std::string_view& line) {
  line = trim(line);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line = trim(line.substr(word.size()));
  return word;
}

// --- what an eval expects ---

struct TextExpectation {
  std::optional<std::string> message;  // the whole text
  std::shared_ptr<re2::RE2> regex;     // found in it; neither: anything

  bool accepts(const std::string& text) const {
    if (message) return *message == text;
    return regex == nullptr || re2::RE2::PartialMatch(text, *regex);
  }
  std::string to_string() const { return message ? *message : regex ? regex->pattern() : "anything"; }
};

struct ExpectedSeries {
  size_t position = 0;  // from 1
  std::vector<SeriesPoint> points;
};

struct Eval {
  int line = 0;
  std::string expr;
  bool range = false;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  int64_t at_ms = 0;  // of an instant eval

  bool ordered = false;
  bool fails = false;
  bool warns = false;  // the older eval_warn and eval_info: any will do
  bool informs = false;
  bool no_warnings = false;
  bool no_infos = false;
  std::vector<TextExpectation> failure;  // at most one
  std::vector<TextExpectation> warnings;
  std::vector<TextExpectation> infos;

  bool not_as_range = false;  // what it returns cannot be a range query's
  std::optional<double> scalar;
  std::optional<std::string> string;
  std::map<Labels, ExpectedSeries> series;
  bool histograms = false;  // among the values expected
};

struct Load {
  std::vector<SeriesNotation> series;
  int64_t step_ms = 0;
  bool with_histograms = false;  // load_with_nhcb makes native histograms of classic ones
  bool with_starts = false;      // start timestamps, on lines `metric@st ...`: an experimental feature
};

struct Clear {};

using Command = std::variant<Load, Eval, Clear>;

// --- reading scripts ---

class ScriptReader {
 public:
  explicit ScriptReader(std::string_view text) : lines_(lines_of(text)) {}

  // The next command; empty at the end. A command that cannot be read is an Error, and reading goes on behind
  // it.
  std::optional<Result<Command>> next(int& line) {
    while (at_ < lines_.size() && lines_[at_].empty()) ++at_;
    if (at_ == lines_.size()) return std::nullopt;
    line = static_cast<int>(at_) + 1;
    std::string_view rest = lines_[at_++];
    const std::string_view word = take_word(rest);
    Result<Command> command = invalid(fmt::format("invalid command {}", go_quote(word)));
    if (word == "clear") {
      command = Command(Clear{});
    } else if (word == "load" || word == "load_with_nhcb") {
      command = load(word, rest);
    } else if (word == "eval" || word.starts_with("eval_")) {
      command = eval(word, rest, line);
    }
    // What is left of a block after a mistake in it is no command.
    if (!command) {
      while (in_block()) ++at_;
    }
    return command;
  }

 private:
  bool in_block() const { return at_ < lines_.size() && !lines_[at_].empty(); }

  static Result<int64_t> milliseconds(std::string_view what, std::string_view text) {
    const Result<Duration> duration = parse_duration(text);
    if (!duration)
      return invalid(fmt::format("invalid {} {}: {}", what, go_quote(text), duration.error().message));
    return to_ms(*duration).count();
  }

  Result<Command> load(std::string_view word, std::string_view rest) {
    Load load;
    load.with_histograms = word == "load_with_nhcb";
    const Result<int64_t> step = milliseconds("step definition", rest);
    if (!step) return step.error();
    load.step_ms = *step;
    for (; in_block(); ++at_) {
      if (lines_[at_].substr(0, lines_[at_].find_first_of(" \t")).ends_with("@st")) {
        load.with_starts = true;
        continue;
      }
      Result<SeriesNotation> series = parse_series(lines_[at_]);
      if (!series) return invalid(fmt::format("line {}: {}", at_ + 1, series.error().message));
      load.series.push_back(std::move(*series));
    }
    return Command(std::move(load));
  }

  Result<Command> eval(std::string_view word, std::string_view rest, int line) {
    Eval eval;
    eval.line = line;
    const std::string_view mode = word.substr(4);
    if (mode == "_ordered") {
      eval.ordered = true;
    } else if (mode == "_fail") {
      eval.fails = true;
    } else if (mode == "_warn") {
      eval.warns = true;
    } else if (mode == "_info") {
      eval.informs = true;
    } else if (!mode.empty()) {
      return invalid(fmt::format("invalid command {}", go_quote(word)));
    }
    if (std::optional<Error> error = eval_times(eval, rest)) return *error;
    if (eval.expr.empty()) return invalid("an eval without an expression");

    bool range_vector = false;
    for (size_t position = 1; in_block(); ++position) {
      const std::string_view expected = lines_[at_++];
      if (eval.fails && expected.starts_with("expected_fail_message")) {
        eval.failure.push_back({std::string(trim(expected.substr(21))), nullptr});
        continue;
      }
      if (eval.fails && expected.starts_with("expected_fail_regexp")) {
        if (auto error = add_regex(eval.failure, trim(expected.substr(20)))) return *error;
        continue;
      }
      std::string_view words = expected;
      if (take_word(words) == "expect") {
        --position;
        if (words.starts_with("range vector")) range_vector = true;
        if (auto error = expectation(eval, words)) return *error;
        continue;
      }
      if (const std::optional<double> number = parse_float(expected)) {
        eval.scalar = *number;
        continue;
      }
      Result<SeriesNotation> series = parse_series(expected);
      if (!series) return invalid(fmt::format("line {}: {}", at_, series.error().message));
      if (series->points.size() > 1 && !eval.range && !range_vector) {
        return invalid(
            "expecting multiple values in instant evaluation not allowed; `expect range vector` enables a "
            "range vector "
            "result");
      }
      for (const SeriesPoint& point : series->points) {
        eval.histograms = eval.histograms || point.kind == SeriesPoint::Kind::kHistogram;
      }
      eval.series.insert_or_assign(std::move(series->labels),
                                   ExpectedSeries{position, std::move(series->points)});
    }
    return Command(std::move(eval));
  }

  static std::optional<Error> eval_times(Eval& eval, std::string_view rest) {
    const std::string_view kind = take_word(rest);
    const auto expect_word = [&](std::string_view word) { return take_word(rest) == word; };
    const auto time = [&](int64_t& out) -> std::optional<Error> {
      const Result<int64_t> ms = milliseconds("timestamp definition", take_word(rest));
      if (!ms) return ms.error();
      out = *ms;
      return std::nullopt;
    };
    const Error shape = invalid(
        "invalid evaluation command: must be 'eval instant at <time> <expr>' or 'eval range from <time> to "
        "<time> step "
        "<duration> <expr>'");
    if (kind == "instant") {
      if (!expect_word("at")) return shape;
      if (auto error = time(eval.at_ms)) return error;
    } else if (kind == "range") {
      eval.range = true;
      if (!expect_word("from")) return shape;
      if (auto error = time(eval.start_ms)) return error;
      if (!expect_word("to")) return shape;
      if (auto error = time(eval.end_ms)) return error;
      if (!expect_word("step")) return shape;
      if (auto error = time(eval.step_ms)) return error;
      if (eval.end_ms < eval.start_ms) return invalid("the end of the range is before its start");
    } else {
      return shape;
    }
    eval.expr = rest;
    return std::nullopt;
  }

  static std::optional<Error> add_regex(std::vector<TextExpectation>& list, std::string_view pattern) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto regex = std::make_shared<re2::RE2>(std::string(pattern), options);
    if (!regex->ok()) return invalid(fmt::format("invalid regex {}: {}", pattern, regex->error()));
    list.push_back({std::nullopt, std::move(regex)});
    return std::nullopt;
  }

  // What follows `expect`.
  static std::optional<Error> expectation(Eval& eval, std::string_view words) {
    const std::string_view whole = words;
    const std::string_view kind = take_word(words);
    if (kind == "string") {
      const std::optional<std::string> literal = unquote(words);
      if (!literal)
        return invalid("expected string literal not valid - check that the string is correctly quoted");
      eval.string = *literal;
      eval.not_as_range = true;
      return std::nullopt;
    }
    if (kind == "range") {
      std::string_view rest = words;
      int64_t* const targets[] = {&eval.start_ms, &eval.end_ms, &eval.step_ms};
      size_t found = 0;
      if (take_word(rest) == "vector") {
        for (const std::string_view label : {"from", "to", "step"}) {
          if (take_word(rest) != label) break;
          const Result<int64_t> ms = milliseconds("range vector definition", take_word(rest));
          if (!ms) return ms.error();
          *targets[found++] = *ms;
        }
      }
      if (found != 3) return invalid(fmt::format("invalid range vector definition {}", go_quote(whole)));
      eval.at_ms = eval.end_ms;
      eval.not_as_range = true;
      return std::nullopt;
    }
    std::vector<TextExpectation>* list = nullptr;
    if (kind == "ordered") {
      eval.ordered = true;
    } else if (kind == "fail") {
      eval.fails = true;
      list = &eval.failure;
    } else if (kind == "warn") {
      list = &eval.warnings;
    } else if (kind == "info") {
      list = &eval.infos;
    } else if (kind == "no_warn") {
      eval.no_warnings = true;
    } else if (kind == "no_info") {
      eval.no_infos = true;
    } else {
      return invalid(fmt::format("invalid expect statement {}", go_quote(whole)));
    }
    if (words.starts_with("msg:")) {
      if (list != nullptr) list->push_back({std::string(trim(words.substr(4))), nullptr});
    } else if (words.starts_with("regex:")) {
      if (list != nullptr) return add_regex(*list, trim(words.substr(6)));
    } else if (!words.empty()) {
      return invalid(fmt::format("invalid expect statement {}", go_quote(whole)));
    } else if (list != nullptr) {
      list->push_back({});
    }
    return std::nullopt;
  }

  std::vector<std::string_view> lines_;
  size_t at_ = 0;
};

// --- running ---

using Failure = std::optional<std::string>;

std::string show(const std::vector<Sample>& samples) {
  std::string out;
  for (const Sample& sample : samples) {
    out += fmt::format("{}{} @[{}]", out.empty() ? "" : " ", go_float(sample.value), to_unix_ms(sample.at));
  }
  return "[" + out + "]";
}

Failure compare(const Eval& eval, const Matrix& matrix) {
  if (eval.ordered) return "expected ordered result, but query returned a matrix";
  if (eval.scalar) return "expected scalar result, but got a matrix";
  for (const MatrixSeries& series : matrix) {
    const auto it = eval.series.find(series.labels);
    if (it == eval.series.end()) {
      return fmt::format("unexpected metric {} in result, has {}", series.labels.to_string(),
                         show(series.samples));
    }
    std::vector<Sample> expected;
    const std::vector<SeriesPoint>& points = it->second.points;
    for (size_t i = 0; i < points.size(); ++i) {
      const int64_t at = eval.start_ms + static_cast<int64_t>(i) * eval.step_ms;
      if (at > eval.end_ms) {
        return fmt::format("expected {} points for {}, but query time range cannot return this many points",
                           points.size(), series.labels.to_string());
      }
      if (points[i].kind == SeriesPoint::Kind::kValue)
        expected.push_back({from_unix_ms(at), points[i].value});
    }
    if (expected.size() != series.samples.size()) {
      return fmt::format("expected {} points for {}, but got {}", expected.size(), series.labels.to_string(),
                         show(series.samples));
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      const Sample& actual = series.samples[i];
      if (actual.at != expected[i].at) {
        return fmt::format("expected value at index {} for {} to have timestamp {}, but it had timestamp {}",
                           i, series.labels.to_string(), to_unix_ms(expected[i].at), to_unix_ms(actual.at));
      }
      if (!almost_equal(actual.value, expected[i].value, kTolerance)) {
        return fmt::format("expected value at index {} for {} to be {}, but got {} (result has {})", i,
                           series.labels.to_string(), go_float(expected[i].value), go_float(actual.value),
                           show(series.samples));
      }
    }
  }
  for (const auto& [labels, expected] : eval.series) {
    const bool found = std::any_of(matrix.begin(), matrix.end(),
                                   [&](const MatrixSeries& series) { return series.labels == labels; });
    if (!found) return fmt::format("expected metric {} not found", labels.to_string());
  }
  return std::nullopt;
}

Failure compare(const Eval& eval, const Vector& vector, bool ordered) {
  if (eval.scalar) return "expected scalar result, but got a vector";
  if (eval.string) return "expected string result, but got a vector";
  for (size_t i = 0; i < vector.size(); ++i) {
    const auto& [labels, sample] = vector[i];
    const auto it = eval.series.find(labels);
    if (it == eval.series.end()) {
      return fmt::format("unexpected metric {} in result, has value {}", labels.to_string(),
                         go_float(sample.value));
    }
    const ExpectedSeries& expected = it->second;
    if (ordered && expected.position != i + 1) {
      return fmt::format("expected metric {} at position {} but was at {}", labels.to_string(),
                         expected.position, i + 1);
    }
    if (expected.points.empty()) return fmt::format("no value is expected for {}", labels.to_string());
    if (!almost_equal(expected.points[0].value, sample.value, kTolerance)) {
      return fmt::format("expected {} for {} but got {}", go_float(expected.points[0].value),
                         labels.to_string(), go_float(sample.value));
    }
  }
  for (const auto& [labels, expected] : eval.series) {
    const bool found = std::any_of(vector.begin(), vector.end(),
                                   [&](const VectorElement& element) { return element.labels == labels; });
    if (!found) return fmt::format("expected metric {} not found", labels.to_string());
  }
  return std::nullopt;
}

Failure compare(const Eval& eval, double scalar) {
  if (!eval.scalar) return "expected vector or matrix result, but got scalar " + go_float(scalar);
  if (almost_equal(*eval.scalar, scalar, kTolerance)) return std::nullopt;
  return fmt::format("expected scalar {} but got {}", go_float(*eval.scalar), go_float(scalar));
}

Failure compare(const Eval& eval, const Value& value) {
  if (const auto* matrix = std::get_if<Matrix>(&value)) return compare(eval, *matrix);
  if (const auto* vector = std::get_if<Vector>(&value)) return compare(eval, *vector, eval.ordered);
  if (const auto* scalar = std::get_if<ScalarValue>(&value)) return compare(eval, scalar->value);
  const std::string& string = std::get<StringValue>(value).value;
  if (eval.string.value_or("") == string) return std::nullopt;
  return fmt::format("expected string {} but got {}", go_quote(eval.string.value_or("")), go_quote(string));
}

Failure check_annotations(const Eval& eval, const std::vector<Annotation>& annotations) {
  std::vector<std::string> warnings, infos;
  for (const Annotation& annotation : annotations) {
    (annotation.severity == Severity::kWarning ? warnings : infos).push_back(annotation.message);
  }
  const auto check = [](std::string_view kind, bool any, bool none,
                        const std::vector<TextExpectation>& expected,
                        const std::vector<std::string>& actual) -> Failure {
    if ((any || !expected.empty()) && actual.empty()) {
      return fmt::format("expected {} annotations but none were found", kind);
    }
    if (none && !actual.empty()) return fmt::format("unexpected {} annotation {}", kind, go_quote(actual[0]));
    if (expected.empty()) return std::nullopt;
    for (const TextExpectation& expectation : expected) {
      if (std::none_of(actual.begin(), actual.end(),
                       [&](const std::string& a) { return expectation.accepts(a); })) {
        return fmt::format("expected {} annotation {} but found {}", kind, go_quote(expectation.to_string()),
                           go_quote(actual[0]));
      }
    }
    for (const std::string& a : actual) {
      if (std::none_of(expected.begin(), expected.end(),
                       [&](const TextExpectation& e) { return e.accepts(a); })) {
        return fmt::format("unexpected {} annotation {}", kind, go_quote(a));
      }
    }
    return std::nullopt;
  };
  if (Failure failure = check("warn", eval.warns, eval.no_warnings, eval.warnings, warnings)) return failure;
  return check("info", eval.informs, eval.no_infos, eval.infos, infos);
}

Failure check_error(const Eval& eval, const Error& error) {
  if (!eval.fails) return error.message;
  if (eval.failure.empty() || eval.failure[0].accepts(error.message)) return std::nullopt;
  return fmt::format("expected error {}, but got: {}", go_quote(eval.failure[0].to_string()), error.message);
}

// Functions whose result depends on the evaluation time though all their data is pinned.
bool depends_on_time(std::string_view function) {
  static constexpr std::string_view kNames[] = {
      "day_of_month", "day_of_week",    "day_of_year", "days_in_month", "hour", "minute",
      "month",        "predict_linear", "time",        "timestamp",     "year"};
  return std::find(std::begin(kNames), std::end(kNames), function) != std::end(kNames);
}

// Sets `@ at` on every selector and subquery that has no time of its own, but on nothing inside a subquery.
// False when the result would still depend on the evaluation time.
bool pin(Expr& expr, Timestamp at) {
  const auto set = [at](AtModifier& modifier) {
    if (modifier.kind != AtModifier::Kind::kTimestamp) modifier = {AtModifier::Kind::kTimestamp, at};
  };
  bool pinned = true;
  if (auto* call = expr.as<Call>()) pinned = !depends_on_time(call->function->name);
  if (auto* selector = expr.as<VectorSelector>()) set(selector->at);
  if (auto* subquery = expr.as<Subquery>()) {
    set(subquery->at);
    return pinned;
  }
  for (const Expr* child : children(expr)) pinned = pin(const_cast<Expr&>(*child), at) && pinned;
  return pinned;
}

bool mentions_query_range(std::string_view expr) {
  return expr.find("start()") != std::string_view::npos || expr.find("end()") != std::string_view::npos;
}

class ScriptRunner {
 public:
  ScriptReport run(std::string_view text) {
    ScriptReader reader(text);
    int line = 0;
    while (std::optional<Result<Command>> command = reader.next(line)) {
      if (!*command) {
        report_.failures.push_back({line, command->error().message});
        continue;
      }
      if (auto* load = std::get_if<Load>(&**command)) {
        this->load(*load);
      } else if (auto* eval = std::get_if<Eval>(&**command)) {
        judge(*eval);
      } else {
        data_.clear();
        histograms_.clear();
        starts_ = false;
        stored_ = false;
      }
    }
    return std::move(report_);
  }

 private:
  void load(const Load& load) {
    starts_ = starts_ || load.with_starts;
    for (const SeriesNotation& series : load.series) {
      std::map<int64_t, double>& samples = data_[series.labels];
      int64_t at = 0;
      for (const SeriesPoint& point : series.points) {
        if (point.kind == SeriesPoint::Kind::kValue) samples[at] = point.value;
        if (point.kind == SeriesPoint::Kind::kHistogram) {
          // There is a sample whose value we cannot hold: the one before it is over.
          samples[at] = stale_marker();
          histograms_.push_back(series.labels);
        }
        at += load.step_ms;
      }
      if (load.with_histograms) {
        std::string name(series.labels.metric_name());
        for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
          if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
        }
        histograms_.push_back(series.labels.with(kMetricName, name).without("le"));
      }
    }
    std::sort(histograms_.begin(), histograms_.end());
    histograms_.erase(std::unique(histograms_.begin(), histograms_.end()), histograms_.end());
    stored_ = false;
  }

  // Loads may come in any order of time; a store wants its samples in order.
  void fill_store() {
    if (stored_) return;
    stored_ = true;
    store_.clear();
    for (const auto& [labels, samples] : data_) {
      for (const auto& [at, value] : samples) store_.append(labels, {from_unix_ms(at), value});
    }
  }

  void judge(const Eval& eval) {
    fill_store();
    Result<ExprPtr> expr = parse(eval.expr);
    Failure failure = expr ? run(eval, **expr) : check_error(eval, expr.error());
    if (!failure) {
      ++report_.passed;
      return;
    }
    const std::string_view reason = beyond_us(eval, expr ? expr->get() : nullptr, *failure);
    const std::string message = fmt::format("{}: {}", eval.expr, *failure);
    if (reason.empty()) {
      report_.failures.push_back({eval.line, message});
    } else {
      report_.skipped.push_back({eval.line, fmt::format("{} ({})", reason, message)});
    }
  }

  std::string_view beyond_us(const Eval& eval, const Expr* expr, std::string_view failure) const {
    if (eval.histograms) return "needs native histograms";
    if (expr == nullptr) {
      if (eval.expr.find("</") != std::string::npos || eval.expr.find(">/") != std::string::npos) {
        return "needs native histograms";
      }
      const bool experimental = failure.find("experimental") != std::string_view::npos ||
                                failure.find("is not enabled") != std::string_view::npos;
      return experimental ? "needs an experimental feature" : "";
    }
    bool reads_histograms = false;
    for_each_node(*expr, [&](const Expr& node) {
      const VectorSelector* selector = node.as<VectorSelector>();
      if (selector == nullptr) return;
      reads_histograms =
          reads_histograms || std::any_of(histograms_.begin(), histograms_.end(), [&](const Labels& l) {
            return std::all_of(selector->matchers.begin(), selector->matchers.end(),
                               [&](const Matcher& matcher) { return matcher.matches(l); });
          });
    });
    if (reads_histograms) return "needs native histograms";
    return starts_ ? "needs start timestamps" : "";
  }

  Failure run(const Eval& eval, const Expr& expr) {
    if (eval.range) {
      const auto result = evaluate_range(expr, store_, from_unix_ms(eval.start_ms), from_unix_ms(eval.end_ms),
                                         std::chrono::milliseconds(eval.step_ms), options_);
      return check(eval, result);
    }
    if (Failure failure = run_instant(eval, expr, eval.at_ms)) return failure;
    // The same data whatever the evaluation time.
    Result<ExprPtr> pinned = parse(eval.expr);
    if (!pinned || !pin(**pinned, from_unix_ms(eval.at_ms))) return std::nullopt;
    fill_canonical(**pinned);
    const int64_t at = eval.at_ms;
    const std::vector<int64_t> times = at == 0 ? std::vector<int64_t>{-1000, 0, 1000}
                                               : std::vector<int64_t>{-10 * at, 0, at / 5, at, 10 * at};
    for (const int64_t time : times) {
      if (Failure failure = run_instant(eval, **pinned, time)) {
        return fmt::format("{} (with @ on its selectors, evaluated at {}s)", *failure,
                           static_cast<double>(time) / 1000);
      }
    }
    return std::nullopt;
  }

  Failure check(const Eval& eval, const Result<Evaluation>& result) {
    if (!result) return check_error(eval, result.error());
    if (eval.fails) return "expected an error but got none";
    if (Failure failure = check_annotations(eval, result->annotations)) return failure;
    return compare(eval, result->value);
  }

  Failure run_instant(const Eval& eval, const Expr& expr, int64_t at_ms) {
    const Result<Evaluation> result = evaluate(expr, store_, from_unix_ms(at_ms), options_);
    if (Failure failure = check(eval, result)) return failure;
    if (!result || eval.not_as_range || mentions_query_range(eval.expr)) return std::nullopt;
    const Result<Evaluation> range =
        evaluate_range(expr, store_, from_unix_ms(at_ms - 60'000), from_unix_ms(at_ms + 60'000),
                       std::chrono::minutes(1), options_);
    if (!range) return fmt::format("{} (in range mode)", range.error().message);
    if (eval.ordered) return std::nullopt;
    Vector middle;
    for (const MatrixSeries& series : std::get<Matrix>(range->value)) {
      for (const Sample& sample : series.samples) {
        if (to_unix_ms(sample.at) == at_ms) middle.push_back({series.labels, sample});
      }
    }
    const bool scalar = std::holds_alternative<ScalarValue>(result->value);
    Failure failure =
        scalar && !middle.empty() ? compare(eval, middle[0].sample.value) : compare(eval, middle, false);
    if (failure) return fmt::format("{} (in range mode)", *failure);
    return std::nullopt;
  }

  static QueryOptions make_options() {
    QueryOptions options;
    options.delayed_name_removal = true;
    return options;
  }

  QueryOptions options_ = make_options();
  store::SampleStore store_{{.retention = std::chrono::hours(24 * 365 * 200), .series_max = 1'000'000}};
  std::map<Labels, std::map<int64_t, double>> data_;
  std::vector<Labels> histograms_;  // series that hold native histograms, which are not stored
  bool starts_ = false;             // samples were loaded with start timestamps, which are not stored
  bool stored_ = true;
  ScriptReport report_;
};

}  // namespace

ScriptReport run_script(std::string_view text) {
  return ScriptRunner().run(text);
}

std::string to_string(const ScriptReport::Finding& finding, std::string_view file) {
  return fmt::format("{}:{}: {}", file, finding.line, finding.message);
}

}  // namespace sluice::promql
