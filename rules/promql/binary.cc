// Binary operators: scalars, a vector with a scalar, and two vectors matched by their labels.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "rules/promql/evaluator.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

constexpr uint32_t kNone = 0xffffffff;

Projection matching_projection(const VectorMatching& matching) {
  return matching.on ? Projection::keep(matching.labels) : Projection::drop(matching.labels, true);
}

// How many of each block's cells are present in a step.
std::vector<uint32_t> present_per_step(const Block& block) {
  std::vector<uint32_t> counts(block.steps, 0);
  for (size_t i = 0; i < block.rows.size(); ++i) {
    const double* cells = block.row(i);
    for (uint32_t step = 0; step < block.steps; ++step) counts[step] += is_absent(cells[step]) ? 0 : 1;
  }
  return counts;
}

}  // namespace

double apply(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::kAdd:
      return left + right;
    case BinaryOp::kSub:
      return left - right;
    case BinaryOp::kMul:
      return left * right;
    case BinaryOp::kDiv:
      return left / right;
    case BinaryOp::kMod:
      return std::fmod(left, right);
    case BinaryOp::kPow:
      return std::pow(left, right);
    case BinaryOp::kAtan2:
      return std::atan2(left, right);
    default:
      return holds(op, left, right) ? 1 : 0;
  }
}

bool holds(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::kEqual:
      return left == right;
    case BinaryOp::kNotEqual:
      return left != right;
    case BinaryOp::kGreater:
      return left > right;
    case BinaryOp::kLess:
      return left < right;
    case BinaryOp::kGreaterEqual:
      return left >= right;
    case BinaryOp::kLessEqual:
      return left <= right;
    default:
      return false;
  }
}

bool changes_meaning(BinaryOp op) {
  return !is_comparison(op) && !is_set_operator(op);
}

std::string braced(const Labels& labels) {
  std::string out;
  for (const LabelView& label : labels) {
    if (!out.empty()) out += ", ";
    out += is_classic_label_name(label.name) ? label.name : go_quote(label.name);
    out += '=';
    out += go_quote(label.value);
  }
  return "{" + out + "}";
}

BlockPtr Evaluator::compute_node(const Binary& binary, const Expr&, const Grid& grid) {
  const bool left_vector = binary.left->type == ValueType::kVector;
  const bool right_vector = binary.right->type == ValueType::kVector;
  if (left_vector && right_vector) {
    const BlockPtr left = vector(*binary.left, grid);
    const BlockPtr right = vector(*binary.right, grid);
    if (failed()) return std::make_shared<Block>(grid.steps);
    return is_set_operator(binary.op) ? set_operation(binary, *left, *right)
                                      : vector_vector(binary, *left, *right);
  }
  if (left_vector) {
    const BlockPtr left = vector(*binary.left, grid);
    return vector_scalar(binary, *left, scalar(*binary.right, grid), false);
  }
  const std::vector<double> left = scalar(*binary.left, grid);
  return vector_scalar(binary, *vector(*binary.right, grid), left, true);
}

BlockPtr Evaluator::vector_scalar(const Binary& binary, const Block& input, std::span<const double> scalar,
                                  bool swapped) {
  auto out = std::make_shared<Block>(input.steps);
  const bool filters = is_comparison(binary.op) && !binary.return_bool;
  out->distinct_without_name = input.distinct_without_name;
  if (filters) {
    for (size_t i = 0; i < input.rows.size(); ++i) {
      const double* cells = input.row(i);
      double* kept = nullptr;
      for (uint32_t step = 0; step < input.steps; ++step) {
        if (is_absent(cells[step])) continue;
        const bool holds_here = swapped ? holds(binary.op, scalar[step], cells[step])
                                        : holds(binary.op, cells[step], scalar[step]);
        if (!holds_here) continue;
        if (kept == nullptr) kept = out->add(input.rows[i]);
        kept[step] = cells[step];
      }
    }
    return out;
  }
  out->rows = input.rows;
  out->cells = input.cells;
  for (size_t i = 0; i < out->rows.size(); ++i) {
    out->rows[i] = without_name(std::move(out->rows[i]));
    double* cells = out->row(i);
    for (uint32_t step = 0; step < input.steps; ++step) {
      if (is_absent(cells[step])) continue;
      cells[step] =
          swapped ? apply(binary.op, scalar[step], cells[step]) : apply(binary.op, cells[step], scalar[step]);
    }
  }
  settle(*out);
  return out;
}

BlockPtr Evaluator::set_operation(const Binary& binary, const Block& left, const Block& right) {
  Grouping matching(matching_projection(binary.matching));
  std::vector<uint32_t> left_group(left.rows.size()), right_group(right.rows.size());
  for (size_t i = 0; i < left.rows.size(); ++i) left_group[i] = matching.group_of(left.rows[i]);
  for (size_t i = 0; i < right.rows.size(); ++i) right_group[i] = matching.group_of(right.rows[i]);

  // The side that decides which elements of the other stay.
  const bool is_or = binary.op == BinaryOp::kOr;
  const Block& judge = is_or ? left : right;
  const std::vector<uint32_t>& judge_group = is_or ? left_group : right_group;
  std::vector<char> present(matching.size() * left.steps, 0);
  for (size_t i = 0; i < judge.rows.size(); ++i) {
    for (uint32_t step = 0; step < judge.steps; ++step) {
      if (!is_absent(judge.row(i)[step])) present[judge_group[i] * judge.steps + step] = 1;
    }
  }
  auto out = std::make_shared<Block>(left.steps);
  const auto add_where = [&](const Block& block, const std::vector<uint32_t>& group, bool wanted) {
    for (size_t i = 0; i < block.rows.size(); ++i) {
      const double* cells = block.row(i);
      double* kept = nullptr;
      for (uint32_t step = 0; step < block.steps; ++step) {
        if (is_absent(cells[step]) || (present[group[i] * block.steps + step] != 0) != wanted) continue;
        if (kept == nullptr) kept = out->add(block.rows[i]);
        kept[step] = cells[step];
      }
    }
  };
  if (is_or) {
    out->rows = left.rows;
    out->cells = left.cells;
    add_where(right, right_group, false);
    settle(*out);
  } else {
    out->distinct_without_name = left.distinct_without_name;
    add_where(left, left_group, binary.op == BinaryOp::kAnd);
  }
  return out;
}

BlockPtr Evaluator::vector_vector(const Binary& binary, const Block& left, const Block& right) {
  const VectorMatching& matching = binary.matching;
  const bool one_to_one = matching.cardinality == Cardinality::kOneToOne;
  // Below, "one" is the side that may have one element per group; for group_right that is the left.
  const bool swapped = matching.cardinality == Cardinality::kOneToMany;
  const Block& many = swapped ? right : left;
  const Block& one = swapped ? left : right;
  auto out = std::make_shared<Block>(left.steps);

  Grouping groups(matching_projection(matching));
  std::vector<uint32_t> many_group(many.rows.size()), one_group(one.rows.size());
  for (size_t i = 0; i < one.rows.size(); ++i) one_group[i] = groups.group_of(one.rows[i]);
  for (size_t i = 0; i < many.rows.size(); ++i) many_group[i] = groups.group_of(many.rows[i]);
  const std::vector<uint32_t> many_present = present_per_step(many), one_present = present_per_step(one);

  // The labels of a result depend on the pair of rows; pairs whose labels are equal are one row of the
  // result.
  const bool drops_name = changes_meaning(binary.op) || (binary.return_bool && !delayed());
  const auto result_row = [&](const Row& many_row, const Row& one_row) {
    Row row{drops_name ? without_metadata(many_row.labels) : many_row.visible(), Name::kKept};
    if (one_to_one) {
      row.labels =
          (matching.on ? Projection::keep(matching.labels) : Projection::drop(matching.labels, false))
              .apply(row);
    }
    for (const std::string& name : matching.include) row.labels.set(name, one_row.value(name));
    const bool pending =
        (binary.return_bool && delayed()) || (many_row.name == Name::kDropLater && !drops_name);
    if (pending) row.name = Name::kDropLater;
    return row;
  };
  Grouping results(Projection::all());
  struct Pair {
    uint32_t one = kNone;
    uint32_t result = kNone;
  };
  std::vector<Pair> last_pair(many.rows.size());
  std::unordered_map<uint64_t, uint32_t> other_pairs;
  const auto result_of = [&](size_t many_index, uint32_t one_index) {
    Pair& last = last_pair[many_index];
    if (last.one == one_index) return last.result;
    const uint64_t key = static_cast<uint64_t>(many_index) << 32 | one_index;
    const auto [it, inserted] = other_pairs.try_emplace(key, kNone);
    if (inserted) {
      Row row = result_row(many.rows[many_index], one.rows[one_index]);
      it->second = results.group_of(row);
      if (it->second == out->rows.size()) out->add(std::move(row));
    }
    last = {one_index, it->second};
    return it->second;
  };

  std::vector<uint32_t> one_of_group(groups.size(), kNone), matched_by(groups.size(), kNone);
  std::vector<uint32_t> seen_in_group;  // by result: the group that made it in this step
  std::vector<uint32_t> seen_at;        // by result: that step
  for (uint32_t step = 0; step < left.steps && !failed(); ++step) {
    if (many_present[step] == 0 || one_present[step] == 0) continue;
    std::fill(one_of_group.begin(), one_of_group.end(), kNone);
    std::fill(matched_by.begin(), matched_by.end(), kNone);
    for (uint32_t i = 0; i < one.rows.size(); ++i) {
      if (is_absent(one.row(i)[step])) continue;
      uint32_t& holder = one_of_group[one_group[i]];
      if (holder != kNone) {
        const Labels group = groups.projection().apply(one.rows[i]);
        return fail_block(
            invalid(fmt::format(
                "found duplicate series for the match group {} on the {} hand-side of the operation: "
                "[{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                braced(group), swapped ? "left" : "right", braced(one.rows[i].visible()),
                braced(one.rows[holder].visible()))),
            left.steps);
      }
      holder = i;
    }
    for (size_t i = 0; i < many.rows.size(); ++i) {
      const double many_cell = many.row(i)[step];
      const uint32_t partner = one_of_group[many_group[i]];
      if (is_absent(many_cell) || partner == kNone) continue;
      if (one_to_one) {
        uint32_t& matched = matched_by[many_group[i]];
        if (matched != kNone) {
          return fail_block(invalid("multiple matches for labels: many-to-one matching must be explicit "
                                    "(group_left/group_right)"),
                            left.steps);
        }
        matched = static_cast<uint32_t>(i);
      }
      const uint32_t result = result_of(i, partner);
      if (seen_at.size() <= result) {
        seen_at.resize(result + 1, kNone);
        seen_in_group.resize(result + 1, kNone);
      }
      if (!one_to_one && seen_at[result] == step && seen_in_group[result] == many_group[i]) {
        return fail_block(invalid("multiple matches for labels: grouping labels must ensure unique matches"),
                          left.steps);
      }
      seen_at[result] = step;
      seen_in_group[result] = many_group[i];

      const double one_cell = one.row(partner)[step];
      const double l = swapped ? one_cell : many_cell, r = swapped ? many_cell : one_cell;
      double value = 0;
      if (is_comparison(binary.op) && !binary.return_bool) {
        if (!holds(binary.op, l, r)) continue;
        value = l;
      } else {
        value = apply(binary.op, l, r);
      }
      double& cell = out->row(result)[step];
      if (!is_absent(cell)) return fail_block(duplicate_labels(), left.steps);
      cell = value;
    }
    spend(many_present[step] + one_present[step]);
  }
  out->drop_empty_rows();
  out->distinct_without_name = drops_name;
  return out;
}

}  // namespace sluice::promql
