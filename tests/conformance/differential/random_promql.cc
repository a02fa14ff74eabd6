#include "tests/conformance/differential/random_promql.h"

#include <fmt/format.h>

#include <cmath>

namespace sluice::promql {
namespace {

constexpr int64_t kIntervalMs = 15'000;

struct SeriesWriter {
  std::string& out;
  Random& random;
  std::string series;  // name and labels

  // Samples stand some tens of milliseconds behind a whole second: never on an edge. Values are multiples of
  // 1/64: sums of them are exact whatever the order.
  template <typename Next>
  void write(int gap_percent, Next next) {
    bool away = false;
    for (int64_t at = kDataStartMs; at < kDataEndMs; at += kIntervalMs) {
      const double value = next();
      if (away ? random.below(4) != 0 : random.below(1000) < static_cast<uint64_t>(gap_percent)) {
        away = true;
        continue;
      }
      away = false;
      const int64_t ms = at + 100 + static_cast<int64_t>(random.below(80));
      out += fmt::format("{} {} {}.{:03}\n", series, value, ms / 1000, ms % 1000);
    }
  }
};

double exact(Random& random, double size) {
  return std::floor((random.unit() * 2 - 1) * size * 64) / 64;
}

}  // namespace

std::string random_openmetrics(uint64_t seed) {
  Random random(seed);
  std::string out = "# TYPE temperature gauge\n";
  for (const char* job : {"node", "edge"}) {
    for (int instance = 0; instance < 4; ++instance) {
      const std::string labels = fmt::format("job=\"{}\",instance=\"host-{}\"", job, instance);
      for (const char* zone : {"cpu", "disk"}) {
        double value = 60 + exact(random, 20);
        SeriesWriter{out, random, fmt::format("temperature{{{},zone=\"{}\"}}", labels, zone)}.write(
            4, [&] { return value += exact(random, 3); });
      }
    }
  }
  out += "# TYPE queue gauge\n";
  for (int instance = 0; instance < 4; ++instance) {
    // Whole numbers, some negative, with ties in time but hardly ever between series.
    const double base = 1000.0 * instance;
    SeriesWriter{out, random, fmt::format("queue{{job=\"node\",instance=\"host-{}\"}}", instance)}.write(
        20, [&] { return base + static_cast<double>(random.below(400)) - 200 + instance / 64.0; });
  }
  out += "# TYPE requests counter\n";
  for (int instance = 0; instance < 4; ++instance) {
    for (const char* code : {"200", "404", "500"}) {
      double value = 1e6 + static_cast<double>(random.below(100000));
      SeriesWriter{
          out, random,
          fmt::format("requests_total{{job=\"node\",instance=\"host-{}\",code=\"{}\"}}", instance, code)}
          .write(5, [&] {
            // A restart does not begin at zero here: see the header.
            if (random.below(120) == 0) value = 5e5 + static_cast<double>(random.below(1000));
            return value += static_cast<double>(random.below(200));
          });
    }
  }
  out += "# TYPE latency_seconds_bucket unknown\n";
  for (int instance = 0; instance < 3; ++instance) {
    // Per sample time the counts of all buckets, so that they stay cumulative.
    static constexpr const char* kBounds[] = {"0.1", "0.25", "0.5", "1.0", "2.5", "+Inf"};
    double counts[6];
    for (int b = 0; b < 6; ++b) counts[b] = 1e6 * (b + 1);
    std::vector<std::vector<double>> history;
    for (int64_t at = kDataStartMs; at < kDataEndMs; at += kIntervalMs) {
      for (uint64_t n = random.below(20); n > 0; --n) {
        for (uint64_t b = random.below(6); b < 6; ++b) counts[b] += 1;
      }
      history.emplace_back(counts, counts + 6);
    }
    for (int b = 0; b < 6; ++b) {
      size_t next = 0;
      SeriesWriter{out, random,
                   fmt::format("latency_seconds_bucket{{job=\"node\",instance=\"host-{}\",le=\"{}\"}}",
                               instance, kBounds[b])}
          .write(0, [&] { return history[next++][static_cast<size_t>(b)]; });
    }
  }
  return out + "# EOF\n";
}

std::string QueryGenerator::pick(std::initializer_list<const char*> choices) {
  return *(choices.begin() + random_.below(choices.size()));
}

RandomQuery QueryGenerator::next() {
  RandomQuery query;
  in_subquery_ = false;
  const int64_t span_s = (kDataEndMs - kDataStartMs) / 1000;
  // Some hundred milliseconds off the second, as no sample and no window edge is.
  query.start_ms =
      kDataStartMs + static_cast<int64_t>(random_.below(static_cast<uint64_t>(span_s + 600))) * 1000 + 637;
  query.range = chance(25);
  query.end_ms = query.start_ms;
  if (query.range) {
    query.step_ms = 1000 * static_cast<int64_t>(7 + random_.below(90));
    query.end_ms = query.start_ms + query.step_ms * static_cast<int64_t>(random_.below(20));
  }
  if (!query.range && chance(4)) {
    query.expr = range_vector(1);
  } else if (chance(5)) {
    query.expr = scalar(2);
  } else {
    query.expr = vector(3);
  }
  return query;
}

std::string QueryGenerator::selector(bool one_metric) {
  std::string name = pick(
      {"temperature", "temperature", "queue", "requests_total", "requests_total", "latency_seconds_bucket"});
  std::string inside;
  const auto add = [&](const std::string& matcher) { inside += (inside.empty() ? "" : ",") + matcher; };
  if (!one_metric && chance(50)) {
    name.clear();
    add(pick({"__name__=~\"temperature|queue\"", "__name__=~\"q.*|requests.+\"",
              "__name__!~\".*_.*\",job=~\".+\""}));
  }
  if (chance(30)) add("instance=" + pick({"\"host-0\"", "\"host-1\"", "\"host-9\""}));
  if (chance(15))
    add(pick({"instance=~\"host-[12]\"", "instance!=\"host-1\"", "instance!~\"host-(0|3)\"", "job=~\"n.*\"",
              "code=~\"4..|5..\"", "zone!=\"\"", "zone=\"\"", "code!=\"200\"", "missing=\"\"",
              "job=~\"(?i:NODE)\""}));
  return inside.empty() ? name : name + "{" + inside + "}";
}

std::string QueryGenerator::duration() {
  return pick({"30s", "61s", "1m17s", "2m13s", "5m", "7m31s", "11m"});
}

std::string QueryGenerator::modifiers() {
  std::string out;
  if (chance(12)) out += " offset " + pick({"31s", "1m", "4m3s", "-2m", "-45s"});
  if (chance(8)) {
    const std::string at =
        chance(40) ? pick({"start()", "end()"})
                   : fmt::format("{}.637", kDataStartMs / 1000 + static_cast<int64_t>(random_.below(3600)));
    out = chance(50) ? " @ " + at + out : out + " @ " + at;
  }
  return out;
}

std::string QueryGenerator::range_vector(int depth) {
  if (depth > 0 && !in_subquery_ && chance(25)) {
    in_subquery_ = true;
    const std::string inner = vector(depth - 1);
    in_subquery_ = false;
    // Steps divide a minute; the window's edges, off the second, meet none of them.
    return "(" + inner + ")[" + pick({"3m", "7m", "12m"}) + ":" + pick({"15s", "30s", "1m", ""}) + "]" +
           modifiers();
  }
  return selector(depth > 0 && chance(90)) + "[" + duration() + "]" + modifiers();
}

std::string QueryGenerator::scalar(int depth) {
  if (depth <= 0 || chance(60)) return pick({"0", "1", "2", "0.5", "-3", "100", "1e3", "0x10", ".25"});
  switch (random_.below(4)) {
    case 0:
      return "scalar(" + vector(depth - 1) + ")";
    case 1:
      return "time() - 1.7e9";
    case 2:
      return "pi()";
    default:
      return "(" + scalar(depth - 1) + " " + pick({"+", "-", "*", "/", "^"}) + " " + scalar(depth - 1) + ")";
  }
}

std::string QueryGenerator::vector(int depth) {
  if (depth <= 0) return selector() + modifiers();
  switch (random_.below(10)) {
    case 0:
    case 1:
      return selector(false) + modifiers();
    case 2:
    case 3:
    case 4:
      return aggregation(depth - 1);
    case 5:
    case 6:
      return binary(depth - 1);
    case 7:
      return (chance(50) ? "-" : "+") + ("(" + vector(depth - 1) + ")");
    default:
      return call(depth - 1);
  }
}

std::string QueryGenerator::aggregation(int depth) {
  const std::string grouping =
      pick({"", "", " by (instance)", " by (job, code)", " without (instance)", " by (le, job)",
            " without (zone, code)", " by (missing)", " by ()", " without ()"});
  switch (random_.below(8)) {
    // Only raw series differ surely: among equal values anyone may be picked.
    case 0:
      return pick({"topk", "bottomk"}) + grouping + " (" + pick({"1", "2", "5"}) + ", queue)";
    case 1:
      return "quantile" + grouping + " (" + pick({"0", "0.5", "0.9", "1", "1.5", "-1"}) + ", " +
             vector(depth) + ")";
    case 2:
      return "count_values" + grouping + " (\"value\", " + selector() + ")";
    // Of infinities, which a division may have made, 2.x says zero and 3.x NaN.
    case 3:
      return pick({"stddev", "stdvar"}) + grouping + " (" + selector() + modifiers() + ")";
    default:
      return pick({"sum", "sum", "avg", "min", "max", "count", "group"}) + grouping + " (" + vector(depth) +
             ")";
  }
}

std::string QueryGenerator::binary(int depth) {
  const std::string arithmetic = pick({"+", "-", "*", "/", "^"});
  const std::string comparison = pick({">", "<", ">=", "<="}) + std::string(chance(30) ? " bool" : "");
  const std::string op = chance(60) ? arithmetic : comparison;
  // A filter that leaves one of many matches is an error in 3.x and none in 2.x.
  const std::string matched = chance(60) ? arithmetic : pick({"> bool", "<= bool"});
  switch (random_.below(8)) {
    case 0:
      return vector(depth) + " " + op + " " + scalar(depth);
    case 1:
      return scalar(depth) + " " + op + " " + vector(depth);
    case 2:
      return "(" + selector() + " % " + pick({"7", "-3", "0.25"}) + ")";
    case 3:
      return selector() + " " + pick({"==", "!="}) + (chance(30) ? " bool " : " ") + selector();
    case 4:
      return vector(depth) + " " + pick({"and", "or", "unless"}) +
             pick({" ", " on (instance) ", " ignoring (zone, code) ", " on () "}) + vector(depth);
    case 5:
      return vector(depth) + " " + matched +
             pick({" ", " on (instance) ", " ignoring (zone) ", " on (job, instance) "}) + vector(depth);
    case 6:
      return "requests_total " + matched + " on (instance, job) group_left " + pick({"", "(missing) "}) +
             "queue";
    default:
      return "sum by (instance) (" + vector(depth) + ") " + matched +
             " on (instance) group_right sum by (instance, code) (" + vector(depth) + ")";
  }
}

std::string QueryGenerator::call(int depth) {
  switch (random_.below(16)) {
    case 0:
    case 1:
    case 2:
      return pick({"rate", "increase", "irate"}) + "(requests_total" + "[" + duration() + "]" + modifiers() +
             ")";
    case 3:
      return pick({"delta", "idelta", "deriv"}) + "(" + range_vector(depth) + ")";
    case 4:
    case 5:
    case 6:
      return pick({"avg", "min", "max", "sum", "count", "last", "present", "stddev", "stdvar"}) +
             "_over_time(" + range_vector(depth) + ")";
    case 7:
      return pick({"changes", "resets"}) + "(" + range_vector(0) + ")";
    case 8:
      return "quantile_over_time(" + pick({"0.1", "0.5", "0.99", "2"}) + ", " + range_vector(depth) + ")";
    case 9:
      // With @ a range query of 2.x loses samples of the window from step to step.
      return "predict_linear(" + selector() + "[" + duration() + "] offset 31s, " +
             pick({"60", "3600", "-100"}) + ")";
    case 10:
      return "histogram_quantile(" + pick({"0.5", "0.9", "0.99", "-1", "2"}) + ", sum by (le" +
             pick({"", ", instance", ", job"}) + ") (rate(latency_seconds_bucket[" + duration() + "]" +
             modifiers() + ")))";
    case 11:
      // The sine of a large number is all rounding.
      if (chance(30)) return pick({"sin", "cos"}) + "(temperature" + modifiers() + ")";
      return pick({"abs", "exp", "ln", "log2", "log10", "sqrt", "sgn", "tanh", "deg", "rad", "atan"}) + "(" +
             vector(depth) + ")";
    case 12:
      return pick({"floor", "ceil", "round"}) + "(" + selector() + modifiers() + ")";
    case 13:
      return "label_replace(" + vector(depth) + ", " +
             pick({"\"copy\", \"$1\", \"instance\", \"host-(.*)\"",
                   "\"instance\", \"x\", \"instance\", \"host-[01]\"", "\"code\", \"\", \"code\", \".*\"",
                   "\"new\", \"${1}_$2\", \"code\", \"(.)(.*)\""}) +
             ")";
    case 14:
      return pick({"clamp_max(", "clamp_min("}) + vector(depth) + ", " + scalar(1) + ")";
    default:
      switch (random_.below(6)) {
        case 0:
          return "absent(" + selector() + modifiers() + ")";
        case 1:
          return "absent_over_time(" + range_vector(0) + ")";
        case 2:
          return "timestamp(" + (chance(50) ? selector() + modifiers() : vector(depth)) + ")";
        case 3:
          return "vector(" + scalar(depth) + ")";
        case 4:
          return pick({"hour", "minute", "day_of_week", "month", "days_in_month"}) + "(vector(time()))";
        default:
          return "sort_desc(" + vector(depth) + ")";
      }
  }
}

}  // namespace sluice::promql
