#include "agent/config/postgres_queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/config/yaml.h"
#include "core/file/file.h"
#include "core/labels.h"
#include "exporters/postgres/statistics.h"

namespace sluice::config {
namespace {

using exporters::postgres::CustomQuery;

constexpr size_t kQueriesMax = 200;
constexpr size_t kFileBytesMax = 4 << 20;

// The column's name is the one key of a map: `- waiting: {usage: GAUGE}`.
void read_column(const Node& node, Diagnostics& diagnostics, const std::string& name, CustomQuery& query) {
  if (node.kind != Node::Kind::kMap || node.entries.size() != 1) {
    diagnostics.add(node.mark, name + " must be a map with one key, the name of a column");
    return;
  }
  const Entry& entry = node.entries.front();
  CustomQuery::Column column;
  column.name = entry.key;
  Fields fields(entry.value, diagnostics, name + "." + entry.key);
  std::string usage;
  fields.require("usage");
  if (fields.choice("usage", usage, {"LABEL", "COUNTER", "GAUGE", "DISCARD"})) {
    column.usage = usage == "LABEL"     ? CustomQuery::Usage::kLabel
                   : usage == "COUNTER" ? CustomQuery::Usage::kCounter
                   : usage == "GAUGE"   ? CustomQuery::Usage::kGauge
                                        : CustomQuery::Usage::kDiscard;
  }
  fields.string("description", column.help);
  fields.done();
  if (column.help.empty()) column.help = fmt::format("Column {} of query {}", column.name, query.name);
  // A label and the end of a metric name are bound by the same rule.
  if (!is_classic_label_name(column.name)) {
    diagnostics.add(entry.mark,
                    fmt::format("{}: \"{}\" cannot be part of a metric's name or a label", name, entry.key));
  } else if (std::ranges::find(query.columns, column.name, &CustomQuery::Column::name) !=
             query.columns.end()) {
    diagnostics.add(entry.mark, fmt::format("{}: column {} is described twice", name, entry.key));
  }
  query.columns.push_back(std::move(column));
}

CustomQuery read_query(const Entry& entry, Diagnostics& diagnostics) {
  CustomQuery query;
  query.name = entry.key;
  Fields fields(entry.value, diagnostics, entry.key);
  fields.require("query");
  fields.string("query", query.sql);
  int64_t cache_seconds = 0;
  if (fields.integer("cache_seconds", cache_seconds, 0, 86'400))
    query.cache = std::chrono::seconds(cache_seconds);
  bool master = false;
  fields.boolean("master", master);
  fields.require("metrics");
  fields.each("metrics", [&](const Node& node, const std::string& name) {
    read_column(node, diagnostics, name, query);
  });
  if (fields.has("runonserver")) {
    fields.child("runonserver");
    fields.mistake("runonserver", "is not supported: give the servers of each version a module of their own");
  }
  fields.done();
  const auto built_in = exporters::postgres::collectors();
  if (!is_classic_metric_name(query.name)) {
    diagnostics.add(entry.mark, fmt::format("\"{}\" is not a metric name", query.name));
  } else if (query.name.starts_with("probe_") || query.name.starts_with("sluice_")) {
    diagnostics.add(entry.mark,
                    fmt::format("{}: names that begin with probe_ and sluice_ are the agent's", query.name));
  } else if (std::ranges::find(built_in, query.name, &exporters::postgres::Collector::name) !=
             built_in.end()) {
    diagnostics.add(entry.mark, fmt::format("{} is the name of a group of statistics", query.name));
  }
  return query;
}

}  // namespace

std::vector<CustomQuery> parse_postgres_queries(const std::string& path, std::string_view text,
                                                Mistakes& mistakes) {
  Diagnostics diagnostics(path);
  std::vector<CustomQuery> queries;
  const std::optional<Node> root = parse_yaml(text, diagnostics);
  if (root && root->kind != Node::Kind::kMap) {
    diagnostics.add(root->mark, "a file of queries must be a map of their names");
  } else if (root && root->entries.size() > kQueriesMax) {
    diagnostics.add(root->mark,
                    fmt::format("{} queries, at most {} are allowed", root->entries.size(), kQueriesMax));
  } else if (root) {
    for (const Entry& entry : root->entries) queries.push_back(read_query(entry, diagnostics));
  }
  if (diagnostics.ok()) return queries;
  for (Mistake& mistake : diagnostics.take()) mistakes.push_back(std::move(mistake));
  return {};
}

std::vector<CustomQuery> load_postgres_queries(const std::string& path, Mistakes& mistakes) {
  const Result<std::string> text = file::read(path, kFileBytesMax);
  if (text.has_value()) return parse_postgres_queries(path, *text, mistakes);
  mistakes.push_back({path, 0, 0, text.error().message});
  return {};
}

}  // namespace sluice::config
