#include "agent/api/query_api.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sluice::api {
namespace {

namespace json = boost::json;

constexpr int64_t kNow = 1'767'225'600'000;  // 2026-01-01

class QueryApiTest : public testing::Test {
 protected:
  QueryApiTest() : gate_("node-1", "a") {
    for (int i = 0; i <= 10; ++i) {
      const Timestamp at = from_unix_ms(kNow - 60'000 * (10 - i));
      store_.append({{"__name__", "probe_success"}, {"job", "auth"}, {"instance", "https://a"}},
                    {at, i < 10 ? 1.0 : 0.0});
      store_.append({{"__name__", "probe_success"}, {"job", "api"}, {"instance", "https://b"}}, {at, 1.0});
    }
    rules::RuleGroup group;
    group.file = "r.yml";
    group.name = "g";
    rules::Rule alert;
    alert.alert = "Down";
    alert.expr = "probe_success == 0";
    alert.labels = {{"severity", "page"}};
    alert.annotations = {{"summary", "{{ $labels.instance }} is down"}};
    rules::Rule record;
    record.record = "job:up";
    record.expr = "avg by (job) (probe_success)";
    group.rules = {alert, record};
    groups_.push_back(std::make_unique<rules::Group>(group, rules::GroupOptions{}));
    groups_[0]->evaluate_at(from_unix_ms(kNow), store_);
  }

  HttpResponse get(const std::string& url) { return request({"GET", url, {}, ""}); }
  HttpResponse request(const HttpRequest& request) {
    Views views;
    views.now = from_unix_ms(kNow);
    views.store = &store_;
    views.groups = &groups_;
    views.gate = &gate_;
    views.targets = [] { return std::vector<TargetView>(); };
    views.config_yaml = [] { return std::string("probes: []\n"); };
    views.version = "1";
    auto response = handle_query_api(views, request);
    return response ? *response : HttpResponse{404, {}, ""};
  }
  json::value data(const std::string& url) {
    const HttpResponse response = get(url);
    EXPECT_EQ(response.status, 200) << response.body;
    const json::value body = json::parse(response.body);
    EXPECT_EQ(body.at("status").as_string(), "success");
    return body.at("data");
  }
  std::string error(const std::string& url, int status = 400) {
    const HttpResponse response = get(url);
    EXPECT_EQ(response.status, status) << response.body;
    const json::value body = json::parse(response.body);
    EXPECT_EQ(body.at("status").as_string(), "error");
    return std::string(body.at("error").as_string());
  }

  store::SampleStore store_;
  std::vector<std::unique_ptr<rules::Group>> groups_;
  gate::Gate gate_;
};

TEST_F(QueryApiTest, an_instant_query_answers_as_prometheus_does) {
  EXPECT_EQ(
      json::serialize(data("/api/v1/query?query=probe_success%7Bjob%3D%22auth%22%7D&time=1767225600")),
      R"({"resultType":"vector","result":[{"metric":{"__name__":"probe_success","instance":"https://a","job":"auth"},"value":[1767225600,"0"]}]})");
}

TEST_F(QueryApiTest, without_a_time_it_is_now_and_rfc_3339_is_a_time) {
  EXPECT_EQ(data("/api/v1/query?query=time()"), data("/api/v1/query?query=time()&time=2026-01-01T00:00:00Z"));
}

TEST_F(QueryApiTest, a_range_query_answers_a_matrix) {
  const json::value answer =
      data("/api/v1/query_range?query=sum(probe_success)&start=1767225480&end=1767225600&step=1m");
  EXPECT_EQ(answer.at("resultType").as_string(), "matrix");
  EXPECT_EQ(answer.at("result").at(0).at("values").as_array().size(), 3u);
}

TEST_F(QueryApiTest, a_form_in_a_post_counts_as_parameters) {
  const HttpResponse response = request({"POST", "/api/v1/query", {}, "query=1%2B1&time=0"});
  EXPECT_EQ(response.body, R"({"status":"success","data":{"resultType":"scalar","result":[0,"2"]}})");
}

TEST_F(QueryApiTest, bad_parameters_say_which_one_and_why) {
  EXPECT_NE(error("/api/v1/query?query=sum(").find("invalid parameter \"query\": 1:5: parse error"),
            std::string::npos);
  EXPECT_EQ(error("/api/v1/query?query=1&time=soon"),
            "invalid parameter \"time\": cannot parse \"soon\" to a valid timestamp");
  EXPECT_EQ(error("/api/v1/query?query=1&time=1e300"),
            "invalid parameter \"time\": cannot parse \"1e300\" to a valid timestamp");
  EXPECT_EQ(error("/api/v1/query_range?query=1&start=2&end=1&step=1"),
            "invalid parameter \"end\": end timestamp must not be before start time");
  EXPECT_NE(error("/api/v1/query_range?query=1&start=0&end=1&step=0").find("zero or negative"),
            std::string::npos);
  EXPECT_NE(error("/api/v1/query_range?query=1&start=0&end=1000000&step=1").find("11,000"),
            std::string::npos);
  EXPECT_EQ(error("/api/v1/query_range?query=up%5B5m%5D&start=0&end=1&step=1"),
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be "
            "Scalar or instant Vector");
  EXPECT_NE(error("/api/v1/query?query=1&lookback_delta=0").find("lookback_delta"), std::string::npos);
  EXPECT_NE(error("/api/v1/query?query=up&limit=-1").find("invalid parameter \"limit\""), std::string::npos);
  // What the message quotes is JSON whatever it is.
  EXPECT_EQ(error("/api/v1/query?query=%FF"),
            "invalid parameter \"query\": 1:1: parse error: unexpected character: '\uFFFD'");
  EXPECT_EQ(error("/api/v1/series"), "no match[] parameter provided");
}

TEST_F(QueryApiTest, a_limit_cuts_results_and_says_so) {
  for (const char* url :
       {"/api/v1/query?query=probe_success&limit=1", "/api/v1/series?match[]=probe_success&limit=1",
        "/api/v1/labels?limit=1", "/api/v1/label/job/values?limit=1",
        "/api/v1/query_range?query=probe_success&limit=1&start=1767225480&end=1767225600&step=1m"}) {
    const json::value body = json::parse(get(url).body);
    const json::value& data = body.at("data");
    EXPECT_EQ((data.is_array() ? data : data.at("result")).as_array().size(), 1u) << url;
    EXPECT_EQ(json::serialize(body.at("warnings")), R"(["results truncated due to limit"])") << url;
  }
  EXPECT_EQ(json::parse(get("/api/v1/query?query=probe_success&limit=2").body).as_object().count("warnings"),
            0u);
}

TEST_F(QueryApiTest, a_query_that_meets_a_limit_says_which) {
  EXPECT_EQ(
      error("/api/v1/query?query=sum_over_time(sum_over_time(probe_success%5B1d:1ms%5D)%5B1d:1ms%5D)", 422),
      "query processing would load too many samples into memory in query execution");
  std::string deep = "/api/v1/query?query=";
  for (int i = 0; i < 2000; ++i) deep += "(";
  EXPECT_NE(error(deep).find("nests deeper"), std::string::npos);
}

TEST_F(QueryApiTest, a_lookback_of_its_own_is_heeded) {
  EXPECT_EQ(data("/api/v1/query?query=probe_success&time=1767225630&lookback_delta=10s")
                .at("result")
                .as_array()
                .size(),
            0u);
}

TEST_F(QueryApiTest, labels_and_values_are_sorted_and_unique) {
  EXPECT_EQ(json::serialize(data("/api/v1/labels?match[]=probe_success")),
            R"(["__name__","instance","job"])");
  EXPECT_EQ(json::serialize(data("/api/v1/label/job/values?match[]=probe_success")), R"(["api","auth"])");
  EXPECT_EQ(data("/api/v1/series?match[]=probe_success").as_array().size(), 2u);
  EXPECT_EQ(data("/api/v1/series?match[]=probe_success&limit=1").as_array().size(), 1u);
}

TEST_F(QueryApiTest, rules_and_alerts_have_prometheus_s_shape) {
  const json::value rules = data("/api/v1/rules");
  const json::value& group = rules.at("groups").at(0);
  EXPECT_EQ(group.at("file").as_string(), "r.yml");
  const json::value& alert = group.at("rules").at(0);
  EXPECT_EQ(alert.at("type").as_string(), "alerting");
  EXPECT_EQ(alert.at("state").as_string(), "firing");
  EXPECT_EQ(alert.at("alerts").at(0).at("annotations").at("summary").as_string(), "https://a is down");
  EXPECT_EQ(alert.at("alerts").at(0).at("value").as_string(), "0e+00");
  EXPECT_EQ(group.at("rules").at(1).at("type").as_string(), "recording");
  EXPECT_EQ(data("/api/v1/rules?type=record").at("groups").at(0).at("rules").as_array().size(), 1u);
  EXPECT_EQ(data("/api/v1/alerts").at("alerts").as_array().size(), 1u);
  EXPECT_NE(error("/api/v1/rules?type=other").find("not supported value"), std::string::npos);
}

TEST_F(QueryApiTest, other_paths_and_methods_are_not_its_business) {
  EXPECT_EQ(get("/api/v1/nothing").status, 404);
  EXPECT_EQ(request({"DELETE", "/api/v1/query", {}, ""}).status, 405);
}

}  // namespace
}  // namespace sluice::api
