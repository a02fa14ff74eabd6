#pragma once
// Which series have which labels: an inverted index from (name, value) to the sorted ids of the series that
// carry it.
//
// A selector is planned, not tried out. `up{job="a",instance=~"x|y"}` intersects the lists of `__name__=up`
// and `job=a`, the shortest first, and what is left is asked about its instance: with a hundred thousand
// series some microseconds. A condition that a missing label fulfils (`env!="prod"`, `env=~"|test"`) selects
// nothing by itself; it takes away the series whose value it refuses.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/labels.h"

namespace sluice::store {

using SeriesId = uint32_t;

// Ids, sorted when read. They are appended in any order, since ids are used again, and sorted once before the
// next use.
class Postings {
 public:
  void add(SeriesId id);
  // Keeps the ids that are not marked in `gone`.
  void drop(const std::vector<bool>& gone);
  const std::vector<SeriesId>& sorted() const;
  size_t size() const { return ids_.size(); }
  size_t bytes() const { return ids_.capacity() * sizeof(SeriesId); }

 private:
  mutable std::vector<SeriesId> ids_;
  mutable bool sorted_ = true;
};

class Index {
 public:
  // The labels of a series, by id.
  using LabelsOf = std::function<const Labels&(SeriesId)>;

  void add(SeriesId id, const Labels& labels);
  // Forgets series; `labels_of` must still know them.
  void remove(std::span<const SeriesId> ids, size_t id_limit, const LabelsOf& labels_of);
  void clear();

  // The ids of the series that all matchers accept, sorted.
  std::vector<SeriesId> select(std::span<const Matcher> matchers, const LabelsOf& labels_of) const;
  // Sorted. Of all series.
  std::vector<std::string> names() const;
  std::vector<std::string> values(std::string_view name) const;
  size_t bytes() const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Values = std::unordered_map<std::string, Postings, Hash, std::equal_to<>>;

  struct Lists {
    std::vector<const Postings*> postings;
    size_t ids = 0;  // in all of them
  };

  const Postings* find(std::string_view name, std::string_view value) const;
  // The lists of the values of its label that the matcher accepts (or refuses).
  Lists lists_of(const Matcher& matcher, bool accepted) const;
  std::vector<SeriesId> united(const Lists& lists) const;

  std::unordered_map<std::string, Values, Hash, std::equal_to<>> names_;
  Postings all_;
};

}  // namespace sluice::store
