#include "agent/api/alerts_api.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "tests/support/suites.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

const Timestamp kNow = parse_rfc3339("2026-11-23T00:11:05Z").value();

std::shared_ptr<const alerts::Config> a_config() {
  auto config = std::make_shared<alerts::Config>();
  config->original = "route: {receiver: webhook}\n";
  config->route.receiver = "webhook";
  config->route.group_by = {"alertname"};
  for (const char* name : {"webhook", "slack", "pagerduty"}) {
    config->receivers.push_back({name, {}});
    alerts::Route child;
    child.receiver = name;
    child.group_by = {"alertname"};
    child.continue_matching = true;
    config->route.routes.push_back(child);
  }
  return config;
}

class AlertsApiTest : public testing::Test {
 protected:
  AlertsApiTest() : pipeline_(a_config(), {}) {
    api_.now = kNow;
    api_.pipeline = &pipeline_;
    api_.started = kNow;
    api_.version = "0.1.0";
    api_.take_alerts = [this](std::vector<Alert> alerts) { pipeline_.step(kNow, alerts); };
    api_.set_silence = [this](alerts::Silence silence) {
      alerts::Effects effects;
      return pipeline_.set_silence(kNow, std::move(silence), effects);
    };
    api_.expire_silence = [this](std::string_view id) {
      alerts::Effects effects;
      return pipeline_.expire_silence(kNow, id, effects);
    };
  }

  HttpResponse ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& type = "application/json") {
    const auto response = handle_alerts_api(api_, {method, "/api/v2" + path, {{"Content-Type", type}}, body});
    EXPECT_TRUE(response.has_value());
    return response.value_or(HttpResponse{});
  }
  json::value get(const std::string& path) {
    const HttpResponse response = ask("GET", path);
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  // "STATUS BODY" without the newline.
  std::string refused(const std::string& method, const std::string& path, const std::string& body = "",
                      const std::string& type = "application/json") {
    const HttpResponse response = ask(method, path, body, type);
    return std::to_string(response.status) + " " + response.body.substr(0, response.body.find('\n'));
  }
  std::string silence(const std::string& matchers) {
    const HttpResponse response =
        ask("POST", "/silences",
            R"({"matchers":)" + matchers +
                R"(,"startsAt":"2026-11-23T00:00:00Z","endsAt":"2030-01-01T00:00:00Z",)"
                R"("createdBy":"me","comment":"c"})");
    EXPECT_EQ(response.status, 200) << response.body;
    return std::string(json::parse(response.body).at("silenceID").as_string());
  }

  alerts::Pipeline pipeline_;
  AlertsApi api_;
};

constexpr const char* kTwoAlerts = R"([
  {"labels":{"alertname":"ProbeFailed","instance":"http://web0.example/health","job":"probe","severity":"page"},
   "annotations":{"description":"probe_success is 0","summary":"web0 is down"},
   "startsAt":"2026-11-23T00:11:04.886Z","endsAt":"2026-11-23T00:21:04.886Z",
   "generatorURL":"http://prom.example/graph?g0.expr=probe_success+%3D%3D+0"},
  {"labels":{"alertname":"ProbeFailed","instance":"http://web1.example/health","job":"probe","severity":"page"},
   "annotations":{"description":"probe_success is 0","summary":"web1 is down"},
   "startsAt":"2026-11-23T00:11:04.886Z","endsAt":"2026-11-23T00:21:04.886Z",
   "generatorURL":"http://prom.example/graph?g0.expr=probe_success+%3D%3D+0"}])";

// Sets what differs by nature between two runs.
void forget_update_times(json::value& value) {
  if (value.is_array()) {
    for (json::value& item : value.as_array()) forget_update_times(item);
  } else if (value.is_object()) {
    if (value.as_object().contains("updatedAt")) value.as_object()["updatedAt"] = "";
    for (auto& member : value.as_object()) forget_update_times(member.value());
  }
}

TEST_F(AlertsApiTest, shows_alerts_and_groups_as_a_real_alertmanager) {
  SLUICE_REQUIRE_SUITE(folder, "golden");
  EXPECT_EQ(ask("POST", "/alerts", kTwoAlerts).status, 200);
  const std::pair<const char*, const char*> cases[] = {
      {"/alerts", "alertmanager.api_v2_alerts.json"},
      {"/alerts/groups", "alertmanager.api_v2_alerts_groups.json"}};
  for (const auto& [path, file] : cases) {
    json::value got = get(path), expected = json::parse(support::read_file(folder + file));
    forget_update_times(got);
    forget_update_times(expected);
    EXPECT_EQ(got, expected) << path;
  }
}

TEST_F(AlertsApiTest, filters_alerts) {
  ask("POST", "/alerts", kTwoAlerts);
  ask("POST", "/alerts", R"([{"labels":{"alertname":"Other"}}])");
  silence(R"([{"name":"instance","value":".*web0.*","isRegex":true}])");
  const std::pair<const char*, size_t> cases[] = {
      {"/alerts", 3},
      {"/alerts?filter=alertname%3D%22Other%22", 1},
      {"/alerts?filter=%7Balertname%3DProbeFailed%2Cinstance%3D~%22.*web1.*%22%7D", 1},
      {"/alerts?filter=alertname%3DProbeFailed&filter=job%3Dnone", 0},
      {"/alerts?silenced=false", 2},
      {"/alerts?active=false", 1},
      {"/alerts?receiver=web.*", 3},
      {"/alerts?receiver=web", 0},
      {"/alerts?silenced=perhaps", 3}};
  for (const auto& [path, count] : cases) EXPECT_EQ(get(path).as_array().size(), count) << path;
  EXPECT_EQ(get("/alerts?active=false").at(0).at("status").at("state").as_string(), "suppressed");
}

TEST_F(AlertsApiTest, an_ended_alert_is_gone) {
  ask("POST", "/alerts", R"([{"labels":{"alertname":"A"},"endsAt":"2026-11-24T00:00:00Z"}])");
  EXPECT_EQ(get("/alerts").as_array().size(), 1u);
  ask("POST", "/alerts", R"([{"labels":{"alertname":"A"},"endsAt":"2026-11-23T00:11:05Z"}])");
  EXPECT_EQ(get("/alerts").as_array().size(), 0u);
}

TEST_F(AlertsApiTest, takes_the_valid_alerts_of_a_list_and_says_what_is_wrong_with_the_others) {
  EXPECT_EQ(
      refused("POST", "/alerts", R"([{"labels":{}},{"labels":{"":"x"}},{"labels":{"service.name":"1"}}])"),
      R"(400 "at least one label pair required; invalid label set: invalid name \"\"")");
  EXPECT_EQ(get("/alerts?filter=%22service.name%22%3D%221%22").as_array().size(), 1u);
  EXPECT_EQ(get("/alerts").as_array().size(), 1u);
}

TEST_F(AlertsApiTest, a_silence_lives) {
  const std::string id = silence(R"([{"name":"alertname","value":"A","isRegex":false,"isEqual":true}])");
  const json::value shown = get("/silence/" + id);
  EXPECT_EQ(shown.at("status").at("state").as_string(), "active");
  EXPECT_EQ(shown.at("startsAt").as_string(), "2026-11-23T00:11:05.000Z");
  EXPECT_EQ(get("/silences").as_array().size(), 1u);
  EXPECT_EQ(get("/silences?filter=alertname%3DA").as_array().size(), 1u);
  EXPECT_EQ(get("/silences?filter=alertname%3DB").as_array().size(), 0u);
  EXPECT_EQ(ask("DELETE", "/silence/" + id).status, 200);
  EXPECT_EQ(get("/silence/" + id).at("status").at("state").as_string(), "expired");
  EXPECT_EQ(refused("DELETE", "/silence/" + id), "500 \"silence " + id + " already expired\"");
}

TEST_F(AlertsApiTest, what_is_wrong_is_refused_as_alertmanager_refuses_it) {
  constexpr const char* kNobody = "7c5d6cbe-1d3e-4b5f-9d5a-000000000000";
  const auto a_silence = [](const char* matchers, const char* starts, const char* ends) {
    return fmt::format(R"({{"matchers":{},"startsAt":"{}","endsAt":"{}","createdBy":"me","comment":"c"}})",
                       matchers, starts, ends);
  };
  const char* a = R"([{"name":"a","value":"b","isRegex":false}])";
  const std::vector<std::array<std::string, 4>> cases = {
      {"GET", "/alerts?filter=bad", "", R"(400 "bad matcher format: bad")"},
      {"POST", "/alerts", R"([{"annotations":{}}])",
       R"(422 {"code":602,"message":"0.labels in body is required"})"},
      {"POST", "/alerts",
       R"([{"labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}])",
       R"(400 "start time must be before end time")"},
      {"POST", "/silences", a_silence("[]", "2026-11-23T00:00:00Z", "2030-01-01T00:00:00Z"),
       R"(422 {"code":612,"message":"matchers in body should have at least 1 items"})"},
      {"POST", "/silences", a_silence(a, "2026-11-23T00:00:00Z", "2020-01-01T00:00:00Z"),
       R"(400 "Failed to create silence: start time must be before end time")"},
      {"POST", "/silences", a_silence(a, "2019-11-23T00:00:00Z", "2020-01-01T00:00:00Z"),
       R"(400 "Failed to create silence: end time can't be in the past")"},
      {"POST", "/silences",
       a_silence(R"([{"name":"a","value":"","isRegex":false}])", "2026-11-23T00:00:00Z",
                 "2030-01-01T00:00:00Z"),
       R"(400 "silence invalid: at least one matcher must not match the empty string")"},
      {"POST", "/silences", R"({"matchers":[]})",
       R"(422 {"code":602,"message":"comment in body is required"})"},
      {"POST", "/silences",
       fmt::format(
           R"({{"id":"{}","matchers":{},"startsAt":"2026-11-23T00:00:00Z","endsAt":"2030-01-01T00:00:00Z",)"
           R"("createdBy":"me","comment":"c"}})",
           kNobody, a),
       R"(404 "silence not found")"},
      {"GET", "/silence/x", "",
       R"(422 {"code":601,"message":"silenceID in path must be of type uuid: \"x\""})"},
      {"GET", std::string("/silence/") + kNobody, "", "404 "},
      {"DELETE", std::string("/silence/") + kNobody, "", R"(404 "silence not found")"},
      {"GET", "/nothing", "", R"(404 {"code":404,"message":"path /api/v2/nothing was not found"})"},
      {"PUT", "/alerts", "", R"(405 {"code":405,"message":"method PUT is not allowed, but [GET,POST] are"})"},
  };
  for (const auto& [method, path, body, expected] : cases) {
    EXPECT_EQ(refused(method, path, body), expected) << method << " " << path << " " << body;
  }
  EXPECT_EQ(
      refused("POST", "/alerts", "[]", "text/plain"),
      R"(415 {"code":415,"message":"unsupported media type \"text/plain\", only [application/json] are allowed"})");
  for (const char* body : {"", "nojson", "{}", "[1]", R"([{"labels":1}])", R"([{"labels":{"a":1}}])"}) {
    EXPECT_GE(ask("POST", "/alerts", body).status, 400) << body;
  }
}

TEST_F(AlertsApiTest, tells_status_and_receivers) {
  EXPECT_EQ(get("/receivers").as_array().size(), 3u);
  const json::value status = get("/status");
  EXPECT_EQ(status.at("cluster").at("status").as_string(), "disabled");
  EXPECT_EQ(status.at("config").at("original").as_string(), "route: {receiver: webhook}\n");
  EXPECT_EQ(status.at("versionInfo").at("version").as_string(), "0.1.0");
}

TEST_F(AlertsApiTest, other_paths_are_somebody_elses) {
  EXPECT_FALSE(handle_alerts_api(api_, {"GET", "/api/v1/query", {}, ""}));
}

}  // namespace
}  // namespace sluice::api
