#pragma once
// What an expression evaluates to, and what was noticed on the way.

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/labels.h"
#include "core/sample.h"
#include "rules/promql/ast.h"

namespace sluice::promql {

struct ScalarValue {
  Timestamp at;
  double value = 0;
};

struct StringValue {
  Timestamp at;
  std::string value;
};

struct VectorElement {
  Labels labels;
  Sample sample;  // at the evaluation time
};
// In the order of sort() and topk() where they were asked for, else in no particular order.
using Vector = std::vector<VectorElement>;

struct MatrixSeries {
  Labels labels;
  std::vector<Sample> samples;  // in time order
};
// Sorted by labels.
using Matrix = std::vector<MatrixSeries>;

using Value = std::variant<ScalarValue, StringValue, Vector, Matrix>;

enum class Severity { kWarning, kInfo };

// How far the buckets of histograms were from rising, over all the samples that one annotation stands for.
struct FallingBuckets {
  double lowest = 0;  // bounds of the buckets that counted less than the one before
  double highest = 0;
  double most = 0;  // by which one counted less
  size_t samples = 1;
  Timestamp first;
  Timestamp last;

  void merge(const FallingBuckets& other);
};

// Something the author of a query should know: the result stands, but perhaps it is not what was meant.
struct Annotation {
  Severity severity = Severity::kWarning;
  std::string message;  // begins with "PromQL warning: " or "PromQL info: "
  Span where;
  std::optional<FallingBuckets> falling;

  // With details and the place: `PromQL info: ... (1:6)`.
  std::string to_string(std::string_view query) const;
};

// Messages are told once each, however many series cause them; details are merged.
class Annotations {
 public:
  void warn(std::string message, Span where) {
    add({Severity::kWarning, "PromQL warning: " + message, where, {}});
  }
  void inform(std::string message, Span where) {
    add({Severity::kInfo, "PromQL info: " + message, where, {}});
  }
  void add(Annotation annotation);

  bool empty() const { return list_.empty(); }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  const std::vector<Annotation>& list() const { return list_; }
  std::vector<Annotation> take() { return std::move(list_); }

 private:
  std::vector<Annotation> list_;
};

// The `data` object of Prometheus's query API: {"resultType":"vector","result":[...]}.
std::string to_json(const Value& value);

// "vector", "matrix", "scalar", "string".
std::string_view result_type(const Value& value);

}  // namespace sluice::promql
