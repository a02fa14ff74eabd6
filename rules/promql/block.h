#pragma once
// The evaluator's currency: series against steps.
//
// A cell is a double; absent cells hold the stale marker, which no computation produces. A row refers to its
// labels by number: a series of the store, or a label set made during the evaluation and kept in its arena.
// Dropping the metric name only sets a flag, since copying ten thousand label sets to leave one label out is
// most of the cost of rate().

#include <bit>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/labels.h"
#include "core/sample.h"
#include "core/store/sample_store.h"

namespace sluice::promql {

inline double absent() {
  return stale_marker();
}
inline bool is_absent(double cell) {
  return is_stale(cell);
}

// The times a node is evaluated at.
struct Grid {
  int64_t start_ms = 0;
  int64_t step_ms = 1;  // positive
  uint32_t steps = 1;   // may be 0

  int64_t at(uint32_t step) const { return start_ms + step * step_ms; }
  int64_t end_ms() const { return at(steps == 0 ? 0 : steps - 1); }
  bool operator==(const Grid&) const = default;
};

enum class Name : uint8_t {
  kKept,
  kDropLater,  // delayed name removal: still there, gone from the result
  kGone,       // the labels still hold it, but it is no longer part of the series
};

// The labels that describe a metric rather than a series; they go when the name goes.
bool is_metadata_label(std::string_view name);

struct Row {
  Labels labels;
  Name name = Name::kKept;

  bool is_gone() const { return name == Name::kGone; }
  // The value of one label, with the metric name as `name` has it.
  std::string_view value(std::string_view label) const;
  // The labels without what is gone; names that are to be dropped later are still there.
  Labels visible() const;
};
// A copy without the labels that describe the metric.
Labels without_metadata(const Labels& labels);

struct Block {
  uint32_t steps = 0;
  std::vector<Row> rows;
  std::vector<double> cells;  // row by row
  // No two rows differ in their metric names alone.
  bool distinct_without_name = false;

  explicit Block(uint32_t step_count = 0) : steps(step_count) {}
  double* row(size_t i) { return cells.data() + i * steps; }
  const double* row(size_t i) const { return cells.data() + i * steps; }
  // A new row of absent cells.
  double* add(Row added);
  // Forgets rows without any present cell.
  void drop_empty_rows();
};
using BlockPtr = std::shared_ptr<const Block>;

// A part of the labels: those listed, or all but those listed (and, where asked, without the metric name).
class Projection {
 public:
  static Projection keep(std::vector<std::string> names) { return {true, std::move(names), false}; }
  static Projection drop(std::vector<std::string> names, bool and_name) {
    return {false, std::move(names), and_name};
  }
  static Projection all() { return {false, {}, false}; }

  uint64_t hash(const Row& row) const;
  bool equal(const Row& a, const Row& b) const;
  Labels apply(const Row& row) const;

 private:
  Projection(bool keep, std::vector<std::string> names, bool without_name);
  bool keeps(std::string_view name, bool gone) const;

  bool keep_;
  bool without_name_;
  std::vector<std::string> names_;  // sorted
};

// Numbers the distinct projections of rows from 0, in order of appearance.
class Grouping {
 public:
  explicit Grouping(Projection projection) : projection_(std::move(projection)) {}

  uint32_t group_of(const Row& row);
  size_t size() const { return first_.size(); }
  // The row that a group was first seen with.
  const Row& first(uint32_t group) const { return first_[group]; }
  Labels labels(uint32_t group) const { return projection_.apply(first_[group]); }
  const Projection& projection() const { return projection_; }

 private:
  Projection projection_;
  std::vector<Row> first_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> buckets_;  // open addressing; group + 1, 0 is free
};

// Rows with equal labels become one where they never meet in a step. False when they do (or, with `strict`,
// whenever there are any): a vector cannot hold two elements of one label set.
bool merge_equal_rows(Block& block, bool strict = false);

}  // namespace sluice::promql
