// What the agent answers over HTTP.
//
//   /                     the status page                    /-/healthy   the scheduler makes progress
//   /metrics              for Prometheus                     /-/ready     configuration loaded, listening
//   /probe                blackbox_exporter's contract       /-/reload    POST: read the configuration again
//   /api/v1/*             Prometheus's API, and upstreams    /api/v2/*    Alertmanager's API

#include <boost/json.hpp>

#include "agent/api/alerts_api.h"
#include "agent/api/query_api.h"
#include "agent/app/app.h"
#include "agent/app/probe_page.h"
#include "agent/config/config.h"
#include "dashboards/ui/page.h"

namespace sluice::app {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr Duration kStalled = 30s;    // without housekeeping: the event loop is stuck
constexpr Duration kQueryTime = 10s;  // the longest one query may hold the event loop up
constexpr Duration kOverrideMax = 24h * 30;
constexpr size_t kWordsMax = 1000;  // bytes of an operator's reason

HttpResponse text(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

// Paths with parameters in them would make a series of each value.
std::string_view metric_path(std::string_view path, int status) {
  if (status == 404) return "other";
  if (path.starts_with("/api/v1/label/")) return "/api/v1/label";
  if (path.starts_with("/api/v2/silence/")) return "/api/v2/silence";
  return path;
}

std::string_view field(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

}  // namespace

asio::awaitable<HttpResponse> App::answer(HttpRequest request) {
  const HttpTarget target = parse_target(request.url);
  HttpResponse response = co_await route(request, target);
  instruments_.http_request(metric_path(target.path, response.status), response.status);
  co_return response;
}

asio::awaitable<HttpResponse> App::route(const HttpRequest& request, const HttpTarget& target) {
  const std::string& path = target.path;
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (path == "/-/reload") co_return co_await answer_reload(request);
  if (path == "/api/v1/upstreams" && request.method == "POST")
    co_return co_await answer_upstream_word(request);
  if (path.starts_with("/api/v2/")) co_return co_await answer_alerts_api(request);
  if (path.starts_with("/api/v1/") && path != "/api/v1/upstreams/log") {
    auto response = api::handle_query_api(views(), request);
    co_return response ? std::move(*response) : api::failure(404, "not_found", "there is no such path");
  }
  if (!get) co_return text(405, "use GET\n");
  if (path == "/metrics") co_return answer_metrics(request);
  if (path == "/probe") co_return co_await answer_probe(request, target);
  if (path == "/api/v1/upstreams/log") co_return co_await answer_upstream_log(target);
  if (path == "/-/healthy") {
    const Duration silence = edge_.clock.now() - house_kept_;
    co_return silence < kStalled
        ? text(200, "healthy\n")
        : text(503, "the event loop has made no progress for " + format_human(silence) + "\n");
  }
  if (path == "/-/ready") co_return text(200, "ready\n");
  if (auto asset = ui::asset(path))
    co_return HttpResponse{
        200, {{"Content-Type", std::string(asset->content_type)}}, std::string(asset->text)};
  co_return text(404, "there is no such page\n");
}

api::Views App::views() {
  api::Views views;
  views.now = edge_.clock.unix_now();
  views.store = &store_;
  views.groups = &rule_loop_->groups();
  views.gate = &gate_loop_->gate();
  views.targets = [this] { return probe_loop_->targets(); };
  views.config_yaml = [this] { return config::print_config(*config_); };
  views.interrupted = [this, until = edge_.clock.now() + kQueryTime] { return edge_.clock.now() > until; };
  views.version = SLUICE_VERSION;
  views.started = started_;
  return views;
}

asio::awaitable<HttpResponse> App::answer_reload(const HttpRequest& request) {
  if (request.method != "POST" && request.method != "PUT") co_return text(405, "use POST\n");
  const Mistakes mistakes = co_await reload();
  if (mistakes.empty()) co_return text(200, "");
  std::string body;
  for (const Mistake& mistake : mistakes) body += mistake.to_string() + "\n";
  co_return text(400, std::move(body));
}

asio::awaitable<HttpResponse> App::answer_probe(const HttpRequest& request, const HttpTarget& target) {
  const ProbePageRequest page = probe_page_request(*config_, request, target);
  if (!page.error.empty()) co_return text(400, page.error + "\n");
  auto prober = edge_.probers.make_prober(page.module, page.target);
  if (prober.has_error()) co_return text(400, prober.error().message + "\n");
  exporters::ProbeContext context;
  context.scheduled = edge_.clock.now();
  context.deadline = context.scheduled + page.timeout;
  context.explain = page.debug;
  const exporters::ProbeResult result = co_await (*prober)->probe(context);
  co_return probe_page(page, result, exposition::negotiate(find_header(request.headers, "Accept")));
}

asio::awaitable<HttpResponse> App::answer_alerts_api(const HttpRequest& request) {
  api::AlertsApi api;
  api.now = edge_.clock.unix_now();
  api.pipeline = &notify_loop_->pipeline();
  api.started = started_;
  api.version = SLUICE_VERSION;
  api.take_alerts = [this](std::vector<Alert> alerts) { take_alerts(std::move(alerts)); };
  api.set_silence = [this](alerts::Silence silence) { return notify_loop_->set_silence(std::move(silence)); };
  api.expire_silence = [this](std::string_view id) { return notify_loop_->expire_silence(id); };
  auto response = api::handle_alerts_api(api, request);
  // Who is told that his alert or silence was taken may forget it: it is on disk.
  if (request.method != "GET" && request.method != "HEAD") co_await notify_loop_->written();
  co_return response ? std::move(*response) : api::failure(404, "not_found", "there is no such path");
}

// {"action":"disable|enable|drain|freeze|auto","pool":"auth","target":"https://auth1","duration":"1h","reason":"...","author":"..."}
asio::awaitable<HttpResponse> App::answer_upstream_word(const HttpRequest& request) {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_object()) co_return api::failure(400, "bad_data", "the body must be a JSON object");
  const json::object& in = body.get_object();
  const std::string_view action = field(in, "action");
  gate::Override word;
  word.target = field(in, "target");
  if (action == "auto" && word.target.empty()) word.target = "*";
  word.reason = field(in, "reason");
  word.by = field(in, "author");

  const auto pool = find_upstream(gate_loop_->gate(), field(in, "pool"), word.target);
  if (pool.has_error()) co_return api::failure(404, "not_found", pool.error().message);
  Result<void> done{};
  if (action == "auto") {
    done = co_await gate_loop_->withdraw_override(*pool, word.target, word.by);
  } else {
    const auto kind = gate::override_action(action);
    if (!kind)
      co_return api::failure(400, "bad_data", "action must be disable, enable, drain, freeze or auto");
    const bool about_pool = word.target.empty() || word.target == "*";
    if (about_pool != (*kind == gate::Override::Action::kFreeze)) {
      co_return api::failure(400, "bad_data",
                             "freeze is about a pool (target \"*\"), all others about a target");
    }
    if (word.reason.size() > kWordsMax || word.by.size() > kWordsMax) {
      co_return api::failure(400, "bad_data", "reason and author must be at most 1000 bytes");
    }
    const Result<Duration> duration = parse_duration(field(in, "duration"));
    if (duration.has_error() || *duration <= Duration::zero() || *duration > kOverrideMax) {
      co_return api::failure(400, "bad_data",
                             "duration must be from 1ms to 30d: every word of an operator expires");
    }
    word.action = *kind;
    word.at = edge_.clock.unix_now();
    word.until = word.at + to_ms(*duration);
    done = co_await gate_loop_->set_override(*pool, std::move(word));
  }
  if (done.has_error()) co_return api::failure(503, "unavailable", done.error().message);
  edge_.log.info("operator", {{"action", action},
                              {"pool", *pool},
                              {"target", field(in, "target")},
                              {"by", field(in, "author")},
                              {"reason", field(in, "reason")}});
  co_return api::success("null");
}

asio::awaitable<HttpResponse> App::answer_upstream_log(const HttpTarget& target) {
  std::string data;
  for (const std::string& pool : gate_loop_->gate().pools()) {
    if (const std::string_view wanted = target.param("pool"); !wanted.empty() && wanted != pool) continue;
    const Result<std::vector<std::string>> lines = co_await gate_loop_->audit_log(pool);
    if (lines.has_error()) co_return api::failure(503, "unavailable", lines.error().message);
    for (const std::string& line : *lines) data += (data.empty() ? "" : ",") + line;
  }
  co_return api::success("[" + data + "]");
}

}  // namespace sluice::app
