#include "agent/app/probe_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/number.h"
#include "exporters/probe_families.h"

namespace sluice::app {
namespace {

constexpr Duration kTimeoutDefault = 120s;  // blackbox_exporter's, when neither side says anything
constexpr Duration kScrapeMargin = 500ms;

Duration scrape_timeout(const HttpRequest& request) {
  const auto seconds = parse_float(find_header(request.headers, "X-Prometheus-Scrape-Timeout-Seconds"));
  if (!seconds || !(*seconds > 0)) return kTimeoutDefault;
  const Duration told = from_seconds(*seconds);
  return told > kScrapeMargin ? told - kScrapeMargin : told;
}

}  // namespace

ProbePageRequest probe_page_request(const config::Config& config, const HttpRequest& request,
                                    const HttpTarget& target) {
  ProbePageRequest page;
  const std::string_view asked = target.param("module");
  const std::string name(asked.empty() ? "http_2xx" : asked);
  const auto module = config.modules.find(name);
  if (module == config.modules.end()) {
    page.error = fmt::format("Unknown module {}", quote(name));
    return page;
  }
  page.target = target.param("target");
  if (page.target.empty()) {
    page.error = "Target parameter is missing";
    return page;
  }
  page.module = module->second;
  page.timeout = scrape_timeout(request);
  if (page.module.timeout > Duration::zero()) page.timeout = std::min(page.timeout, page.module.timeout);
  page.debug = target.param("debug") == "true";
  return page;
}

HttpResponse probe_page(const ProbePageRequest& request, const exporters::ProbeResult& result,
                        exposition::Format format) {
  std::vector<MetricPoint> points = result.points;
  points.push_back({&exporters::kProbeSuccess, {}, result.success() ? 1.0 : 0.0});
  points.push_back({&exporters::kProbeDuration, {}, to_seconds(result.duration)});
  std::string metrics;
  exposition::write(metrics, points, request.debug ? exposition::Format::kText : format);
  if (!request.debug)
    return {200, {{"Content-Type", std::string(exposition::content_type(format))}}, std::move(metrics)};
  std::string body = fmt::format(
      "Logs for the probe:\n{}\n\nMetrics that would have been returned:\n{}\n\nModule: {} ({})\n",
      explain(result), metrics, request.module.name, request.module.prober);
  return {200, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

std::string explain(const exporters::ProbeResult& result) {
  std::string out;
  for (const exporters::Finding& finding : result.findings) {
    const char* mark = finding.kind == exporters::Finding::Kind::kPassed   ? "ok  "
                       : finding.kind == exporters::Finding::Kind::kFailed ? "FAIL"
                                                                           : "    ";
    out += fmt::format("{:>9.3f} ms  {}  {}\n", to_seconds(finding.at) * 1000, mark, finding.text);
  }
  if (result.success()) {
    out += fmt::format("{:>9.3f} ms  probe succeeded\n", to_seconds(result.duration) * 1000);
  } else {
    out += fmt::format("{:>9.3f} ms  probe failed: {} ({}): {}\n", to_seconds(result.duration) * 1000,
                       to_string(result.reason), describe(result.reason), result.detail);
  }
  return out;
}

Result<std::string> find_upstream(const gate::Gate& gate, std::string_view pool, std::string_view target) {
  std::vector<std::string> found;
  for (const std::string& name : gate.pools()) {
    if (!pool.empty() && name != pool) continue;
    const auto view = gate.view(name);
    const bool member =
        view && std::any_of(view->targets.begin(), view->targets.end(),
                            [&](const gate::TargetView& candidate) { return candidate.target == target; });
    if (member || (!pool.empty() && (target.empty() || target == "*"))) found.push_back(name);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return invalid(pool.empty()
                       ? fmt::format("no pool has the target {}", quote(target))
                       : fmt::format("there is no pool {} with the target {}", quote(pool), quote(target)));
  }
  return invalid(
      fmt::format("several pools have the target {}: {}; name one", quote(target), fmt::join(found, ", ")));
}

}  // namespace sluice::app
