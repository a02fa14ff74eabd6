#include "alerts/notify/forward_request.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sluice::alerts::notify {
namespace {

Result<std::string> read(const std::string& path) {
  if (path == "/secret") return std::string("s3cret\n");
  return unavailable("no file " + path);
}

TEST(ForwardRequestTest, a_batch_is_what_prometheus_posts) {
  Alert alert;
  alert.labels = Labels{{"alertname", "Down"}, {"job", "api"}};
  alert.annotations = Labels{{"summary", "\"down\""}};
  alert.starts_at = parse_rfc3339("2026-11-23T00:11:04.886Z").value();
  alert.ends_at = parse_rfc3339("2026-11-23T00:15:04.886Z").value();
  alert.generator_url = "http://agent/graph";
  Alert open;
  open.labels = Labels{{"alertname", "Open"}};
  ForwardTarget target;
  target.url = "http://am:9093/api/v2/alerts";
  target.timeout = 3s;
  target.http.basic_auth = BasicAuth{"u", {"", "/secret"}};
  const std::vector<Alert> batch{alert, open};
  const auto request = forward_request(target, batch, read);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->request.method, "POST");
  EXPECT_EQ(request->request.url, target.url);
  EXPECT_EQ(request->timeout, 3s);
  EXPECT_EQ(find_header(request->request.headers, "Content-Type"), "application/json");
  EXPECT_EQ(find_header(request->request.headers, "Authorization"), "Basic dTpzM2NyZXQ=");
  EXPECT_EQ(boost::json::parse(request->request.body), boost::json::parse(R"([
    {"labels": {"alertname": "Down", "job": "api"}, "annotations": {"summary": "\"down\""},
     "startsAt": "2026-11-23T00:11:04.886Z", "endsAt": "2026-11-23T00:15:04.886Z", "generatorURL": "http://agent/graph"},
    {"labels": {"alertname": "Open"}, "annotations": {}, "generatorURL": ""}])"));
}

TEST(ForwardRequestTest, a_secret_that_cannot_be_read_may_be_there_later) {
  ForwardTarget target;
  target.url = "http://am:9093/api/v2/alerts";
  target.http.authorization = Authorization{"Bearer", {"", "/gone"}};
  const auto request = forward_request(target, {}, read);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace sluice::alerts::notify
