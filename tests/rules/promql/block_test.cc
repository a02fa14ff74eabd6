#include "rules/promql/block.h"

#include <gtest/gtest.h>

namespace sluice::promql {
namespace {

Row row(Labels labels, Name name = Name::kKept) {
  return {std::move(labels), name};
}

Block block_of(std::vector<std::pair<Row, std::vector<double>>> rows) {
  Block block(static_cast<uint32_t>(rows.front().second.size()));
  for (auto& [added, values] : rows) std::copy(values.begin(), values.end(), block.add(added));
  return block;
}

TEST(BlockTest, rows_begin_absent_and_empty_ones_can_be_dropped) {
  Block block(2);
  block.add(row({{"a", "1"}}));
  block.add(row({{"a", "2"}}))[1] = 7;
  block.add(row({{"a", "3"}}));
  EXPECT_TRUE(is_absent(block.row(0)[0]));
  block.drop_empty_rows();
  ASSERT_EQ(block.rows.size(), 1u);
  EXPECT_EQ(block.rows[0].labels.get("a"), "2");
  EXPECT_EQ(block.row(0)[1], 7);
  EXPECT_EQ(block.cells.size(), 2u);
}

TEST(BlockTest, a_name_that_is_gone_is_invisible) {
  const Labels labels{{"__name__", "m"}, {"__type__", "gauge"}, {"a", "1"}};
  EXPECT_EQ(row(labels).value("__name__"), "m");
  EXPECT_EQ(row(labels, Name::kDropLater).value("__name__"), "m");
  EXPECT_EQ(row(labels, Name::kGone).value("__name__"), "");
  EXPECT_EQ(row(labels, Name::kGone).value("a"), "1");
  EXPECT_EQ(row(labels, Name::kGone).visible(), (Labels{{"a", "1"}}));
  EXPECT_EQ(row(labels, Name::kDropLater).visible(), labels);
}

TEST(BlockTest, groups_by_a_part_of_the_labels) {
  const Row a = row({{"__name__", "m"}, {"x", "1"}, {"y", "1"}});
  const Row b = row({{"__name__", "n"}, {"x", "1"}, {"y", "2"}});
  const Row c = row({{"__name__", "m"}, {"x", "2"}});

  Grouping by_x(Projection::keep({"x", "missing"}));
  EXPECT_EQ(by_x.group_of(a), 0u);
  EXPECT_EQ(by_x.group_of(b), 0u);
  EXPECT_EQ(by_x.group_of(c), 1u);
  EXPECT_EQ(by_x.labels(0), (Labels{{"x", "1"}}));

  Grouping without_y(Projection::drop({"y"}, true));
  EXPECT_EQ(without_y.group_of(a), without_y.group_of(b));
  EXPECT_EQ(without_y.labels(0), (Labels{{"x", "1"}}));

  Grouping by_name(Projection::keep({"__name__"}));
  EXPECT_NE(by_name.group_of(a), by_name.group_of(b));
  EXPECT_EQ(by_name.group_of(row(a.labels, Name::kGone)), by_name.group_of(row(b.labels, Name::kGone)));
}

TEST(BlockTest, groups_of_many_rows_stay_apart) {
  Grouping grouping(Projection::all());
  for (uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(grouping.group_of(row({{"n", std::to_string(i)}})), i);
  }
  for (uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(grouping.group_of(row({{"n", std::to_string(i)}})), i);
  }
  // Neither the border between name and value nor that between labels is lost.
  EXPECT_NE(grouping.group_of(row({{"ab", "c"}})), grouping.group_of(row({{"a", "bc"}})));
  EXPECT_NE(grouping.group_of(row({{"a", "b"}, {"c", "d"}})), grouping.group_of(row({{"a", "bcd"}})));
}

TEST(BlockTest, rows_of_one_label_set_become_one_where_they_do_not_meet) {
  const Labels m{{"__name__", "m"}, {"a", "1"}}, n{{"__name__", "n"}, {"a", "1"}};
  Block apart = block_of({{row(m, Name::kGone), {1, absent()}}, {row(n, Name::kGone), {absent(), 2}}});
  EXPECT_TRUE(merge_equal_rows(apart));
  ASSERT_EQ(apart.rows.size(), 1u);
  EXPECT_EQ(apart.row(0)[0], 1);
  EXPECT_EQ(apart.row(0)[1], 2);

  Block meeting = block_of({{row(m, Name::kGone), {1, 2}}, {row(n, Name::kGone), {absent(), 2}}});
  EXPECT_FALSE(merge_equal_rows(meeting));
  Block strict = block_of({{row(m, Name::kGone), {1, absent()}}, {row(n, Name::kGone), {absent(), 2}}});
  EXPECT_FALSE(merge_equal_rows(strict, true));
  Block named = block_of({{row(m), {1, 1}}, {row(n), {2, 2}}});
  EXPECT_TRUE(merge_equal_rows(named));
  EXPECT_EQ(named.rows.size(), 2u);
}

}  // namespace
}  // namespace sluice::promql
