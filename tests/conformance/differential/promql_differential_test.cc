// Random queries on random data, answered by Debian's Prometheus and by us.
//
// SLUICE_SEED and SLUICE_QUERIES choose others than the default ones. A disagreement prints the seed.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "core/exposition/parse.h"
#include "core/number.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"
#include "tests/conformance/differential/random_promql.h"
#include "tests/support/process.h"

namespace sluice::promql {
namespace {

namespace json = boost::json;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string percent_encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += c;
    } else {
      out += {'%', kHex[static_cast<unsigned char>(c) >> 4], kHex[static_cast<unsigned char>(c) & 15]};
    }
  }
  return out;
}

// One request on a connection of its own; the body, or "" when nobody answered.
std::string http_post(uint16_t port, const std::string& path, const std::string& form) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "POST " + path +
                                " HTTP/1.0\r\nHost: localhost\r\nContent-Type: "
                                "application/x-www-form-urlencoded\r\nContent-Length: " +
                                std::to_string(form.size()) + "\r\n\r\n" + form;
    for (size_t sent = 0; sent < request.size();) {
      const ssize_t n = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<size_t>(n);
    }
    char buffer[65536];
    for (ssize_t n = 0; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  const size_t head = answer.find("\r\n\r\n");
  return head == std::string::npos ? "" : answer.substr(head + 4);
}

std::string seconds(int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(ms / 1000),
                static_cast<long long>(ms % 1000));
  return text;
}

// Sums of inexact numbers differ in their last digits by the order of addition.
bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= 1e-7 * std::max(std::abs(a), std::abs(b)) + 1e-9;
}

bool same_point(const json::value& a, const json::value& b) {
  return a.at(0).to_number<double>() == b.at(0).to_number<double>() &&
         same(*parse_float(a.at(1).as_string().c_str()), *parse_float(b.at(1).as_string().c_str()));
}

std::map<std::string, json::array> by_metric(const json::value& data) {
  std::map<std::string, json::array> series;
  const bool vector = data.at("resultType").as_string() == "vector";
  for (const json::value& item : data.at("result").as_array()) {
    std::map<std::string, std::string> labels;
    for (const auto& [name, value] : item.at("metric").as_object()) labels[name] = value.as_string();
    std::string key;
    for (const auto& [name, value] : labels) key += name + "=" + value + ";";
    series[key] = vector ? json::array{item.at("value")} : item.at("values").as_array();
  }
  return series;
}

bool same_data(const json::value& a, const json::value& b) {
  if (a.at("resultType") != b.at("resultType")) return false;
  if (a.at("resultType").as_string() == "scalar") return same_point(a.at("result"), b.at("result"));
  const auto left = by_metric(a), right = by_metric(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const auto& x, const auto& y) {
    return x.first == y.first &&
           std::equal(x.second.begin(), x.second.end(), y.second.begin(), y.second.end(), same_point);
  });
}

class PromqlDifferentialTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/usr/bin/prometheus") || !std::filesystem::exists("/usr/bin/promtool")) {
      GTEST_SKIP() << "skipped: Debian's package prometheus is not installed";
    }
    std::cout << "SLUICE_SEED=" << seed_ << "\n";
    const std::string text = random_openmetrics(seed_);
    support::write_file(folder_.file("data.om"), text);
    support::write_file(folder_.file("prometheus.yml"), "global: {}\n");
    const Result<size_t> loaded = exposition::load_openmetrics(text, store_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto blocks = support::run({"/usr/bin/promtool", "tsdb", "create-blocks-from", "openmetrics",
                                      folder_.file("data.om"), folder_.file("tsdb")});
    ASSERT_EQ(blocks.status, 0) << blocks.output;
    port_ = support::free_port();
    support::ProcessOptions options;
    options.output_file = folder_.file("prometheus.log");
    prometheus_ = std::make_unique<support::Process>(
        std::vector<std::string>{
            "/usr/bin/prometheus", "--config.file=" + folder_.file("prometheus.yml"),
            "--storage.tsdb.path=" + folder_.file("tsdb"), "--storage.tsdb.retention.time=100y",
            "--web.listen-address=127.0.0.1:" + std::to_string(port_), "--log.level=warn"},
        options);
    ASSERT_TRUE(support::eventually([&] {
      return http_post(port_, "/api/v1/query", "query=1&time=1").find("success") != std::string::npos;
    }));
  }

  json::value ask_prometheus(const RandomQuery& query) const {
    std::string form = "query=" + percent_encoded(query.expr);
    if (query.range) {
      form += "&start=" + seconds(query.start_ms) + "&end=" + seconds(query.end_ms) +
              "&step=" + seconds(query.step_ms);
    } else {
      form += "&time=" + seconds(query.start_ms);
    }
    return json::parse(http_post(port_, query.range ? "/api/v1/query_range" : "/api/v1/query", form));
  }

  Result<Evaluation> ask_us(const RandomQuery& query) const {
    const Result<ExprPtr> expr = parse(query.expr);
    if (!expr) return expr.error();
    if (!query.range) return evaluate(**expr, store_, from_unix_ms(query.start_ms));
    return evaluate_range(**expr, store_, from_unix_ms(query.start_ms), from_unix_ms(query.end_ms),
                          std::chrono::milliseconds(query.step_ms));
  }

  uint64_t seed_ = setting("SLUICE_SEED", 1);
  support::TemporaryFolder folder_;
  store::SampleStore store_{{.retention = std::chrono::hours(24 * 365)}};
  uint16_t port_ = 0;
  std::unique_ptr<support::Process> prometheus_;
};

TEST_F(PromqlDifferentialTest, random_queries_on_random_data_get_the_answers_of_prometheus) {
  QueryGenerator generator(seed_);
  const uint64_t queries = setting("SLUICE_QUERIES", 2000);
  size_t with_results = 0, errors = 0, disagreements = 0;
  for (uint64_t i = 0; i < queries && disagreements < 20; ++i) {
    const RandomQuery query = generator.next();
    const json::value theirs = ask_prometheus(query);
    const Result<Evaluation> ours = ask_us(query);
    const bool ok = theirs.at("status").as_string() == "success";
    const std::string where = query.range ? seconds(query.start_ms) + " to " + seconds(query.end_ms) +
                                                " step " + seconds(query.step_ms)
                                          : seconds(query.start_ms);
    if (!ok || !ours) {
      ++errors;
      if (!ok && !ours) continue;
      ++disagreements;
      ADD_FAILURE() << "seed " << seed_ << " query " << i << ": " << query.expr << " at " << where
                    << "\nours:   " << (ours ? to_json(ours->value).substr(0, 600) : ours.error().message)
                    << "\ntheirs: " << json::serialize(theirs).substr(0, 600);
      continue;
    }
    const std::string data = to_json(ours->value);
    with_results += data.find("metric") != std::string::npos ? 1 : 0;
    if (same_data(json::parse(data), theirs.at("data"))) continue;
    ++disagreements;
    ADD_FAILURE() << "seed " << seed_ << " query " << i << ": " << query.expr << " at " << where
                  << "\nours:   " << data.substr(0, 1500)
                  << "\ntheirs: " << json::serialize(theirs.at("data")).substr(0, 1500);
  }
  std::cout << queries << " queries, " << with_results << " with series, " << errors
            << " errors on both sides\n";
  // Queries that select nothing would agree about nothing.
  EXPECT_GT(with_results, queries / 2);
}

}  // namespace
}  // namespace sluice::promql
