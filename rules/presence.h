#pragma once
// Are the data there? An empty answer of `pg_replication_lag > 30` says either that all is well or that the
// exporter has gone, and the two must not look alike.
//
// An expression needs the series of its selectors: all of them, except that `a or b` can do with either and
// `a unless b` with a. Nothing is asked of what is made to be empty at times: absent(), ALERTS, and series
// that recording rules write.
//
//     sum by (job) (rate(http_errors_total[5m])) / sum by (job) (rate(http_requests_total[5m])) > 0.05
//     needs a live series of http_errors_total and one of http_requests_total
//
// For one alert the question is narrower: a series counts when none of the labels it shares with the alert
// differs. That errs towards "present", and so towards resolving as Prometheus does.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/labels.h"
#include "core/store/sample_store.h"
#include "core/time.h"
#include "rules/promql/ast.h"

namespace sluice::rules {

// What an expression needs; made once per rule.
struct Need {
  enum class Kind { kNothing, kSeries, kAll, kAny } kind = Kind::kNothing;
  std::vector<Need> children;     // kAll, kAny
  std::vector<Matcher> matchers;  // kSeries
  std::string selector;           // kSeries: matchers, offset and window as text, for sharing answers
  Duration offset{};              // kSeries: how far before the evaluation it looks
  Duration window{};              // kSeries: how old a sample may be
};
Need needs_of(const promql::Expr& expr, const std::set<std::string, std::less<>>& recorded_names);

// Answers for one evaluation time, remembering what it looked up. Not to be used after the store was written
// to, except by rules whose series nothing asks for.
class Presence {
 public:
  Presence(const store::SampleStore& store, Timestamp at) : store_(store), at_(at) {}

  // Whether there are any data.
  bool present(const Need& need);
  // Whether there are data that may belong to `alert` (labels as the expression returned them, without the
  // name).
  bool present_for(const Need& need, const Labels& alert);

 private:
  struct Live {
    std::vector<store::SeriesId> series;
    // By the label names asked for: which of them a series has, and their values.
    struct Projection {
      std::map<std::vector<bool>, std::unordered_set<std::string>> values;
    };
    std::map<std::string, Projection> projections;
  };
  Live& live(const Need& need);
  const Live::Projection& project(Live& live, const Labels& alert);
  bool any_alive(const Need& need);
  bool alive(const Need& need, store::SeriesId id) const;

  const store::SampleStore& store_;
  Timestamp at_;
  std::map<std::string, Live, std::less<>> live_;
  std::map<std::string, bool, std::less<>> any_;
};

}  // namespace sluice::rules
