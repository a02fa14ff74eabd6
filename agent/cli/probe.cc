// sluice probe TARGET --module NAME: one probe, every phase and assertion explained.

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json.hpp>

#include "agent/app/edge.h"
#include "agent/app/probe_page.h"
#include "agent/cli/commands.h"
#include "agent/cli/load.h"
#include "agent/cli/print.h"
#include "core/file/file.h"

namespace sluice::cli {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr Duration kTimeoutDefault = 5s;

asio::awaitable<void> probe_into(exporters::Prober& prober, exporters::ProbeContext context,
                                 exporters::ProbeResult& out) {
  out = co_await prober.probe(context);
}

void print_json(const exporters::ProbeResult& result) {
  json::array metrics, findings;
  for (const MetricPoint& point : result.points) {
    json::object labels;
    for (const auto& label : point.labels)
      labels.emplace(json::string_view(label.name.data(), label.name.size()), std::string(label.value));
    metrics.push_back(json::object{
        {"name", std::string(point.family->name)}, {"labels", std::move(labels)}, {"value", point.value}});
  }
  for (const exporters::Finding& finding : result.findings) {
    const char* kinds[] = {"note", "passed", "failed"};
    findings.push_back(json::object{{"seconds", to_seconds(finding.at)},
                                    {"kind", kinds[static_cast<int>(finding.kind)]},
                                    {"text", finding.text}});
  }
  print_line(json::serialize(json::object{{"success", result.success()},
                                          {"reason", std::string(to_string(result.reason))},
                                          {"detail", result.detail},
                                          {"duration_seconds", to_seconds(result.duration)},
                                          {"findings", std::move(findings)},
                                          {"metrics", std::move(metrics)}}));
}

// The module of the configuration, or a built-in one when there is no configuration.
Result<exporters::Module> module_of(const ProbeOptions& options, int& exit_code) {
  exit_code = kUsage;
  auto modules = config::built_in_modules();
  const bool configured =
      !options.config_file.empty() || !options.env_file.empty() || file::exists(kDefaultConfig);
  if (configured) {
    const config::Loaded loaded = load(options.config_file, options.env_file);
    print_mistakes(loaded.mistakes);
    if (loaded.config == nullptr) return invalid("the configuration has mistakes");
    modules = loaded.config->modules;
  }
  const auto found = modules.find(options.module);
  if (found != modules.end()) return found->second;
  std::vector<std::string_view> names;
  for (const auto& [name, module] : modules) names.push_back(name);
  return invalid(
      fmt::format("there is no module {}; there are {}", quote(options.module), fmt::join(names, ", ")));
}

}  // namespace

int probe(const ProbeOptions& options) {
  int exit_code = kFine;
  const Result<exporters::Module> module = module_of(options, exit_code);
  if (module.has_error()) {
    print_error(module.error().message);
    return exit_code;
  }
  Duration timeout = module->timeout > Duration::zero() ? module->timeout : kTimeoutDefault;
  if (!options.timeout.empty()) {
    const Result<Duration> told = parse_duration(options.timeout);
    if (told.has_error() || *told <= Duration::zero()) {
      print_error("--timeout: " +
                  (told.has_error() ? told.error().message : std::string("must be more than zero")));
      return kUsage;
    }
    timeout = *told;
  }
  app::Edge edge(app::make_log(LogLevel::kError, false));
  auto prober = edge.probers.make_prober(*module, options.target);
  if (prober.has_error()) {
    print_error(prober.error().message);
    return kUsage;
  }
  exporters::ProbeContext context;
  context.scheduled = edge.clock.now();
  context.deadline = context.scheduled + timeout;
  context.explain = true;
  exporters::ProbeResult result;
  asio::co_spawn(edge.io, probe_into(**prober, context, result), [&edge](std::exception_ptr escaped) {
    edge.io.stop();
    if (escaped) std::rethrow_exception(escaped);
  });
  edge.io.run();
  if (options.json) {
    print_json(result);
  } else {
    fmt::print("{}", app::explain(result));
  }
  return result.success() ? kFine : kFailed;
}

}  // namespace sluice::cli
