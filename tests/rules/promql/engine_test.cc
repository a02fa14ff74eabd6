#include "rules/promql/engine.h"

#include <gtest/gtest.h>

#include "rules/promql/parser.h"

namespace sluice::promql {
namespace {

Labels series(const std::string& text) {
  return parse_labels(text).value();
}

// Ten minutes of two counters, one sample every 15 s.
store::SampleStore small_store() {
  store::SampleStore store;
  for (int64_t i = 0; i <= 40; ++i) {
    store.append(series("c_total{job=\"a\"}"), {from_unix_ms(i * 15'000), static_cast<double>(15 * i)});
    store.append(series("c_total{job=\"b\"}"), {from_unix_ms(i * 15'000), static_cast<double>(30 * i)});
  }
  return store;
}

std::string answer(const std::string& query, const store::SampleStore& store, int64_t at_s,
                   QueryOptions options = {}) {
  const Result<ExprPtr> expr = parse(query);
  if (!expr) return expr.error().message;
  const Result<Evaluation> result = evaluate(**expr, store, from_unix_ms(at_s * 1000), options);
  return result ? to_json(result->value) : result.error().message;
}

TEST(EngineTest, answers_as_the_api_of_prometheus_does) {
  const store::SampleStore store = small_store();
  EXPECT_EQ(answer("max_over_time(c_total[1m]) - min_over_time(c_total[1m])", store, 600),
            "{\"resultType\":\"vector\",\"result\":["
            "{\"metric\":{\"job\":\"a\"},\"value\":[600,\"45\"]},"
            "{\"metric\":{\"job\":\"b\"},\"value\":[600,\"90\"]}]}");
  EXPECT_EQ(answer("1e-7 + 0", store, 1), "{\"resultType\":\"scalar\",\"result\":[1,\"1e-07\"]}");
  EXPECT_EQ(answer("1 / 0", store, 1), "{\"resultType\":\"scalar\",\"result\":[1,\"+Inf\"]}");
  EXPECT_EQ(answer("\"a\\\"b\\n\"", store, 1), "{\"resultType\":\"string\",\"result\":[1,\"a\\\"b\\n\"]}");
  EXPECT_EQ(answer("c_total{job=\"a\"}[31s]", store, 30),
            "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"c_total\",\"job\":\"a\"},"
            "\"values\":"
            "[[0,\"0\"],[15,\"15\"],[30,\"30\"]]}]}");
  EXPECT_EQ(answer("nothing", store, 30), "{\"resultType\":\"vector\",\"result\":[]}");

  const Result<ExprPtr> expr = parse("sum(c_total)");
  const auto range = evaluate_range(**expr, store, from_unix_ms(500), from_unix_ms(31'000), 15s);
  ASSERT_TRUE(range);
  EXPECT_EQ(to_json(range->value),
            "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":"
            "[[0.500,\"0\"],[15.500,\"45\"],[30.500,\"90\"]]}]}");
}

TEST(EngineTest, refuses_ranges_that_make_no_sense) {
  const store::SampleStore store = small_store();
  const auto error = [&](const std::string& query, int64_t from, int64_t to, Duration step) {
    const auto result = evaluate_range(**parse(query), store, from_unix_ms(from), from_unix_ms(to), step);
    return result ? std::string("no error") : result.error().message;
  };
  EXPECT_EQ(error("c_total[5m]", 0, 1000, 1s),
            "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector");
  EXPECT_NE(error("c_total", 0, 1000, 0s), "no error");
  EXPECT_NE(error("c_total", 1000, 0, 1s), "no error");
  EXPECT_EQ(error("1", 0, 1'000'000'000'000, 1ms),
            "query processing would load too many samples into memory in query execution");
}

TEST(EngineTest, ends_at_its_limits_and_names_them) {
  const store::SampleStore store = small_store();
  QueryOptions options;
  options.samples_max = 50;
  EXPECT_EQ(answer("sum_over_time(c_total[10m])", store, 600, options),
            "query processing would load too many samples into memory in query execution");
  options = {};
  options.interrupted = [] { return true; };
  EXPECT_EQ(answer("sum_over_time((c_total * 2)[10d:1s])", store, 600, options),
            "query timed out in expression evaluation");
  EXPECT_EQ(answer("max_over_time(vector(1)[100y:1ms])", store, 600),
            "query processing would load too many samples into memory in query execution");
}

TEST(EngineTest, tells_annotations_with_their_place) {
  store::SampleStore store;
  for (int64_t i = 0; i < 4; ++i) store.append(series("gauge{a=\"b\"}"), {from_unix_ms(i * 15'000), 1.0});
  const std::string query = "quantile(2, gauge) + rate(gauge[1m])";
  const auto result = evaluate(**parse(query), store, from_unix_ms(45'000));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->annotations.size(), 2u);
  EXPECT_EQ(result->annotations[0].to_string(query),
            "PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)");
  EXPECT_EQ(result->annotations[1].to_string(query),
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
            "\"gauge\" "
            "(1:27)");
}

TEST(EngineTest, tells_how_far_buckets_fell_over_all_samples) {
  store::SampleStore store;
  for (int64_t i = 0; i < 3; ++i) {
    int64_t counted = 10 * i;
    for (const char* le : {"0.1", "0.5", "2", "+Inf"}) {
      store.append(series(std::string("b{le=\"") + le + "\"}"),
                   {from_unix_ms(i * 15'000), static_cast<double>(counted)});
      counted -= i;
    }
  }
  const std::string query = "histogram_quantile(0.5, b)";
  const auto result =
      evaluate_range(**parse(query), store, from_unix_ms(0), from_unix_ms(30'000), std::chrono::seconds(15));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->annotations.size(), 1u);
  EXPECT_EQ(
      result->annotations[0].to_string(query),
      "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
      "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), from buckets "
      "0.5 to +Inf, with a max diff of 6, over 2 samples from 1970-01-01T00:00:15Z to 1970-01-01T00:00:30Z "
      "(1:25)");
}

TEST(EngineTest, drops_names_at_once_or_at_the_end) {
  const store::SampleStore store = small_store();
  const std::string query = "sum by (__name__) (rate(c_total{job=\"a\"}[1m]))";
  QueryOptions late;
  late.delayed_name_removal = true;
  EXPECT_EQ(answer(query, store, 600), answer(query, store, 600, late));
  const std::string replace =
      "label_replace(rate(c_total{job=\"a\"}[1m]), \"was\", \"$1\", \"__name__\", \"(.+)\")";
  EXPECT_EQ(answer(replace, store, 600).find("was"), std::string::npos);
  EXPECT_NE(answer(replace, store, 600, late).find("\"was\":\"c_total\""), std::string::npos);
}

// --- shared evaluation ---

class SharedEvaluationTest : public testing::Test {
 protected:
  const Expr& add(const std::string& query) {
    rules_.push_back(parse(query).value());
    shared_.add(*rules_.back());
    return *rules_.back();
  }
  static double only(const Result<Evaluation>& result) {
    const auto& vector = std::get<Vector>(result->value);
    return vector.size() == 1 ? vector[0].sample.value : -1;
  }

  store::SampleStore store_ = small_store();
  std::vector<ExprPtr> rules_;
  SharedExpressions shared_;
};

TEST_F(SharedEvaluationTest, finds_what_rules_have_in_common) {
  const Expr& a = add("sum(rate(c_total[1m])) > 1");
  const Expr& b = add("sum( rate(c_total[60s]) ) > 2");
  const Expr& c = add("sum(rate(c_total[2m])) > 1");
  EXPECT_TRUE(shared_.is_shared(*a.as<Binary>()->left));
  EXPECT_TRUE(shared_.is_shared(*b.as<Binary>()->left));
  EXPECT_FALSE(shared_.is_shared(*c.as<Binary>()->left));
  EXPECT_FALSE(shared_.is_shared(a));
}

TEST_F(SharedEvaluationTest, answers_as_rules_alone_would) {
  for (const char* query :
       {"sum(rate(c_total[1m])) > 1", "sum(rate(c_total[1m])) > 2", "sum(rate(c_total[1m])) > 3",
        "rate(c_total[1m]) * 2", "sum(rate(c_total[1m])) / count(rate(c_total[1m]))"}) {
    add(query);
  }
  SharedEvaluation evaluation(store_, from_unix_ms(600'000), {}, &shared_);
  for (const ExprPtr& rule : rules_) {
    const auto together = evaluation.evaluate(*rule);
    const auto alone = evaluate(*rule, store_, from_unix_ms(600'000));
    ASSERT_TRUE(together && alone);
    EXPECT_EQ(to_json(together->value), to_json(alone->value)) << to_string(*rule);
  }
}

TEST_F(SharedEvaluationTest, tells_each_rule_the_annotations_of_shared_work_at_its_own_place) {
  store_.append(series("gauge"), {from_unix_ms(580'000), 1.0});
  store_.append(series("gauge"), {from_unix_ms(590'000), 1.0});
  const Expr& first = add("rate(gauge[1m]) > 1");
  const Expr& second = add("1 + rate(gauge[1m])");
  SharedEvaluation evaluation(store_, from_unix_ms(600'000), {}, &shared_);
  const auto a = evaluation.evaluate(first), b = evaluation.evaluate(second);
  ASSERT_EQ(a->annotations.size(), 1u);
  ASSERT_EQ(b->annotations.size(), 1u);
  EXPECT_EQ(a->annotations[0].where.begin, 5u);
  EXPECT_EQ(b->annotations[0].where.begin, 9u);
}

TEST_F(SharedEvaluationTest, shows_rules_what_rules_before_them_wrote) {
  const Expr& before = add("recorded + 0");
  const Expr& after = add("recorded + 0");
  const Expr& untouched = add("sum(c_total)");
  SharedEvaluation evaluation(store_, from_unix_ms(600'000));
  EXPECT_EQ(only(evaluation.evaluate(before)), -1);
  EXPECT_EQ(only(evaluation.evaluate(untouched)), 1800);
  const Labels recorded = series("recorded{job=\"a\"}");
  store_.append(recorded, {from_unix_ms(600'000), 7.0});
  EXPECT_EQ(only(evaluation.evaluate(after)), -1) << "nobody said that something was written";
  evaluation.wrote(recorded);
  EXPECT_EQ(only(evaluation.evaluate(after)), 7);
  EXPECT_EQ(only(evaluation.evaluate(untouched)), 1800);
}

TEST_F(SharedEvaluationTest, survives_a_store_that_grows_meanwhile) {
  const Expr& rule = add("sum by (job) (c_total)");
  SharedEvaluation evaluation(store_, from_unix_ms(600'000));
  const std::string before = to_json(evaluation.evaluate(rule)->value);
  for (int i = 0; i < 2000; ++i) {
    store_.append(series("other{n=\"" + std::to_string(i) + "\"}"), {from_unix_ms(600'000), 1.0});
  }
  EXPECT_EQ(to_json(evaluation.evaluate(rule)->value), before);
}

TEST_F(SharedEvaluationTest, evaluates_other_times_on_the_side) {
  const Expr& rule = add("sum(c_total)");
  SharedEvaluation evaluation(store_, from_unix_ms(600'000));
  EXPECT_EQ(only(evaluation.evaluate(rule)), 1800);
  EXPECT_EQ(only(evaluation.evaluate_at(rule, from_unix_ms(300'000))), 900);
  EXPECT_EQ(only(evaluation.evaluate(rule)), 1800);
}

}  // namespace
}  // namespace sluice::promql
