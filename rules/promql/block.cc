#include "rules/promql/block.h"

#include <algorithm>

namespace sluice::promql {
namespace {

uint64_t mix(uint64_t hash, std::string_view text) {
  // Eight bytes at a time: labels are short, and this runs once per label of every series.
  constexpr uint64_t kMultiplier = 0x9fb21c651e98df25ULL;
  hash ^= text.size() * kMultiplier;
  while (text.size() >= 8) {
    uint64_t word;
    std::copy_n(text.data(), 8, reinterpret_cast<char*>(&word));
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 32;
    text.remove_prefix(8);
  }
  uint64_t word = 0;
  std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(&word));
  hash = (hash ^ word) * kMultiplier;
  return hash ^ (hash >> 29);
}

}  // namespace

bool is_metadata_label(std::string_view name) {
  return name.starts_with("__") && (name == kMetricName || name == "__type__" || name == "__unit__");
}

double* Block::add(Row added) {
  rows.push_back(std::move(added));
  cells.resize(cells.size() + steps, absent());
  return row(rows.size() - 1);
}

void Block::drop_empty_rows() {
  size_t kept = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double* cells_of_row = row(i);
    if (std::all_of(cells_of_row, cells_of_row + steps, is_absent)) continue;
    if (kept != i) {
      rows[kept] = std::move(rows[i]);
      std::copy_n(cells_of_row, steps, row(kept));
    }
    ++kept;
  }
  rows.resize(kept);
  cells.resize(kept * steps);
}

std::string_view Row::value(std::string_view label) const {
  if (is_gone() && is_metadata_label(label)) return {};
  return labels.get(label);
}

Labels Row::visible() const {
  return is_gone() ? without_metadata(labels) : labels;
}

Labels without_metadata(const Labels& labels) {
  std::vector<LabelView> kept;
  kept.reserve(labels.size());
  for (const LabelView& label : labels) {
    if (!is_metadata_label(label.name)) kept.push_back(label);
  }
  return kept.size() == labels.size() ? labels : Labels::from_views(kept);
}

Projection::Projection(bool keep, std::vector<std::string> names, bool without_name)
    : keep_(keep), without_name_(without_name), names_(std::move(names)) {
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

bool Projection::keeps(std::string_view name, bool gone) const {
  if (gone && is_metadata_label(name)) return false;
  if (without_name_ && name == kMetricName) return false;
  bool listed = false;
  for (const std::string& candidate : names_) {
    if (candidate == name) {
      listed = true;
      break;
    }
  }
  return listed == keep_;
}

uint64_t Projection::hash(const Row& row) const {
  uint64_t hash = 0x51ed270b35a9c2f1ULL;
  for (const LabelView& label : row.labels) {
    if (keeps(label.name, row.is_gone())) hash = mix(mix(hash, label.name), label.value);
  }
  return hash;
}

bool Projection::equal(const Row& a, const Row& b) const {
  auto left = a.labels.begin(), right = b.labels.begin();
  const auto left_end = a.labels.end(), right_end = b.labels.end();
  for (;;) {
    while (left != left_end && !keeps(left->name, a.is_gone())) ++left;
    while (right != right_end && !keeps(right->name, b.is_gone())) ++right;
    if (left == left_end || right == right_end) return left == left_end && right == right_end;
    if (left->name != right->name || left->value != right->value) return false;
    ++left;
    ++right;
  }
}

Labels Projection::apply(const Row& row) const {
  std::vector<LabelView> kept;
  for (const LabelView& label : row.labels) {
    if (keeps(label.name, row.is_gone())) kept.push_back(label);
  }
  return Labels::from_views(kept);
}

uint32_t Grouping::group_of(const Row& row) {
  if (buckets_.size() < 2 * (first_.size() + 1)) {
    buckets_.assign(std::max<size_t>(16, buckets_.size() * 2), 0);
    for (uint32_t group = 0; group < first_.size(); ++group) {
      size_t at = hashes_[group] & (buckets_.size() - 1);
      while (buckets_[at] != 0) at = (at + 1) & (buckets_.size() - 1);
      buckets_[at] = group + 1;
    }
  }
  const uint64_t hash = projection_.hash(row);
  size_t at = hash & (buckets_.size() - 1);
  while (buckets_[at] != 0) {
    const uint32_t group = buckets_[at] - 1;
    if (hashes_[group] == hash && projection_.equal(row, first_[group])) return group;
    at = (at + 1) & (buckets_.size() - 1);
  }
  first_.push_back(row);
  hashes_.push_back(hash);
  buckets_[at] = static_cast<uint32_t>(first_.size());
  return static_cast<uint32_t>(first_.size() - 1);
}

bool merge_equal_rows(Block& block, bool strict) {
  Grouping grouping(Projection::all());
  std::vector<uint32_t> target(block.rows.size());
  for (size_t i = 0; i < block.rows.size(); ++i) target[i] = grouping.group_of(block.rows[i]);
  if (grouping.size() == block.rows.size()) return true;
  if (strict) return false;
  Block merged(block.steps);
  merged.distinct_without_name = block.distinct_without_name;
  for (uint32_t group = 0; group < grouping.size(); ++group) merged.add(grouping.first(group));
  for (size_t i = 0; i < block.rows.size(); ++i) {
    const double* from = block.row(i);
    double* to = merged.row(target[i]);
    if (block.rows[i].name == Name::kDropLater) merged.rows[target[i]].name = Name::kDropLater;
    for (uint32_t step = 0; step < block.steps; ++step) {
      if (is_absent(from[step])) continue;
      if (!is_absent(to[step])) return false;
      to[step] = from[step];
    }
  }
  block = std::move(merged);
  return true;
}

}  // namespace sluice::promql
