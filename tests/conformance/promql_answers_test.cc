// 400 random queries that a real Prometheus 2.42 answered: we give the same answers.

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <sstream>

#include "core/number.h"
#include "core/store/sample_store.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"
#include "tests/support/suites.h"

namespace sluice::promql {
namespace {

namespace json = boost::json;

constexpr double kTolerance = 1e-7;

// Lines of the form `name{labels} value timestamp`, which is all that this file has.
void load(store::SampleStore& store, const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto prefix = parse_labels_prefix(line);
    ASSERT_TRUE(prefix) << line;
    std::istringstream rest(line.substr(prefix->second));
    std::string value, at;
    rest >> value >> at;
    const Sample sample{from_unix_ms(std::llround(*parse_float(at) * 1000)), *parse_float(value)};
    ASSERT_EQ(store.append(prefix->first, sample), store::Append::kAppended) << line;
  }
}

bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= kTolerance * std::max(std::abs(a), std::abs(b));
}

bool same_point(const json::value& a, const json::value& b) {
  return a.at(0).to_number<double>() == b.at(0).to_number<double>() &&
         same(*parse_float(a.at(1).as_string().c_str()), *parse_float(b.at(1).as_string().c_str()));
}

// By metric, points as they are.
std::map<std::string, json::value> series_of(const json::value& data) {
  std::map<std::string, json::value> series;
  for (const json::value& item : data.at("result").as_array()) {
    std::map<std::string, std::string> labels;
    for (const auto& [name, value] : item.at("metric").as_object()) {
      labels[std::string(name)] = std::string(value.as_string());
    }
    std::string key;
    for (const auto& [name, value] : labels) key += name + "=" + value + ";";
    const bool vector = data.at("resultType").as_string() == "vector";
    series[key] = vector ? json::value(json::array{item.at("value")}) : item.at("values");
  }
  return series;
}

bool same_data(const json::value& ours, const json::value& theirs) {
  if (ours.at("resultType") != theirs.at("resultType")) return false;
  const auto type = ours.at("resultType").as_string();
  if (type == "scalar") return same_point(ours.at("result"), theirs.at("result"));
  if (type == "string") return ours.at("result") == theirs.at("result");
  const auto a = series_of(ours), b = series_of(theirs);
  if (a.size() != b.size()) return false;
  for (const auto& [metric, points] : a) {
    const auto it = b.find(metric);
    if (it == b.end() || it->second.as_array().size() != points.as_array().size()) return false;
    for (size_t i = 0; i < points.as_array().size(); ++i) {
      if (!same_point(points.at(i), it->second.at(i))) return false;
    }
  }
  return true;
}

TEST(PromqlAnswersTest, agrees_with_a_real_prometheus) {
  SLUICE_REQUIRE_SUITE(folder, "promql_answers");
  store::SampleStore store({.retention = std::chrono::hours(24 * 365)});
  ASSERT_NO_FATAL_FAILURE(load(store, support::read_file(folder + "data.om")));
  std::istringstream lines(support::read_file(folder + "answers.jsonl"));
  size_t asked = 0;
  for (std::string line; std::getline(lines, line);) {
    const json::value answer = json::parse(line);
    const std::string query(answer.at("expr").as_string());
    const bool should_work = answer.at("status").as_string() == "ok";
    const Timestamp at = from_unix_ms(std::llround(answer.at("time").to_number<double>() * 1000));
    ++asked;
    const Result<ExprPtr> expr = parse(query);
    const Result<Evaluation> result = expr ? evaluate(**expr, store, at) : Result<Evaluation>(expr.error());
    if (!should_work) {
      EXPECT_FALSE(result) << query << ": an error was expected";
      continue;
    }
    ASSERT_TRUE(result) << query << ": " << result.error().message;
    const std::string ours = to_json(result->value);
    EXPECT_TRUE(same_data(json::parse(ours), answer.at("answer")))
        << query << " at " << answer.at("time") << "\nours:   " << ours.substr(0, 1000)
        << "\ntheirs: " << json::serialize(answer.at("answer")).substr(0, 1000);
  }
  EXPECT_GE(asked, 400u);
}

}  // namespace
}  // namespace sluice::promql
