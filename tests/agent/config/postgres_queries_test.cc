#include "agent/config/postgres_queries.h"

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using exporters::postgres::CustomQuery;

TEST(PostgresQueriesTest, reads_a_file_as_postgres_exporter_has_it) {
  Mistakes mistakes;
  const auto queries = parse_postgres_queries("queries.yaml", R"(
pg_jobs:
  query: "SELECT queue, waiting, secret FROM jobs"
  master: true
  cache_seconds: 30
  metrics:
    - queue: {usage: "LABEL", description: "Name of the queue"}
    - waiting: {usage: GAUGE}
    - secret: {usage: DISCARD}
)",
                                              mistakes);
  ASSERT_TRUE(mistakes.empty()) << mistakes.front().to_string();
  ASSERT_EQ(queries.size(), 1u);
  const CustomQuery& query = queries.front();
  EXPECT_EQ(query.name, "pg_jobs");
  EXPECT_EQ(query.cache, 30s);
  ASSERT_EQ(query.columns.size(), 3u);
  EXPECT_EQ(query.columns[0].usage, CustomQuery::Usage::kLabel);
  EXPECT_EQ(query.columns[0].help, "Name of the queue");
  EXPECT_EQ(query.columns[1].help, "Column waiting of query pg_jobs") << "no metric goes without help";
}

TEST(PostgresQueriesTest, says_all_that_is_wrong_with_its_place) {
  Mistakes mistakes;
  EXPECT_TRUE(parse_postgres_queries("q.yaml", R"(probe_x:
  query: SELECT 1
  metrics: [{a: {usage: GUAGE}}, {b-c: {usage: LABEL}}, {d: {usage: LABEL}, e: {usage: LABEL}}]
locks: {query: SELECT 1, metrics: [{a: {usage: GAUGE}}, {a: {usage: GAUGE}}]}
pg_ok:
  metrics: []
  runonserver: ">=10"
  cache: 3
)",
                                     mistakes)
                  .empty());
  std::string all;
  for (const Mistake& mistake : mistakes) all += mistake.to_string() + "\n";
  EXPECT_EQ(all,
            R"(q.yaml:3:25: probe_x.metrics[0].a.usage: "GUAGE" is not one of LABEL, COUNTER, GAUGE, DISCARD
q.yaml:3:35: probe_x.metrics[1]: "b-c" cannot be part of a metric's name or a label
q.yaml:3:57: probe_x.metrics[2] must be a map with one key, the name of a column
q.yaml:1:1: probe_x: names that begin with probe_ and sluice_ are the agent's
q.yaml:4:58: locks.metrics[1]: column a is described twice
q.yaml:4:1: locks is the name of a group of statistics
q.yaml:6:3: pg_ok.query is missing
q.yaml:7:16: pg_ok.runonserver: is not supported: give the servers of each version a module of their own
q.yaml:8:3: unknown key "cache" in pg_ok
)");
}

TEST(PostgresQueriesTest, what_is_no_map_is_refused) {
  for (const char* text : {"", "- a", "just words"}) {
    Mistakes mistakes;
    EXPECT_TRUE(parse_postgres_queries("q.yaml", text, mistakes).empty());
    EXPECT_EQ(mistakes.size(), 1u) << text;
  }
}

}  // namespace
}  // namespace sluice::config
