#include "agent/cli/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "agent/cli/commands.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "unknown"
#endif

namespace sluice::cli {
namespace {

// Runs `command` after parsing, when this subcommand was the one given.
template <typename Command>
void runs(CLI::App* app, int& exit_code, Command command) {
  app->callback([&exit_code, command] { exit_code = command(); });
}

void add_config_file(CLI::App* app, std::string& config_file, std::string& env_file) {
  app->add_option("--config.file", config_file, "The configuration; sluice.yml in this folder unless told")
      ->type_name("FILE");
  app->add_option(
         "--env-file", env_file,
         "Build the whole set-up from a service's variables (AUTH_SERVER_URL, DATABASE_URL, REDIS_URL, ...)")
      ->type_name("FILE");
}

void add_run(CLI::App& root, int& exit_code, RunOptions& options) {
  CLI::App* app = root.add_subcommand("run", "Run the agent");
  add_config_file(app, options.config_file, options.env_file);
  app->add_option("--web.listen-address", options.listen_address, "Where to listen, over the configuration's")
      ->type_name("HOST:PORT");
  app->add_option("--web.config.file", options.web_config_file,
                  "TLS and basic auth, in the exporter toolkit's format")
      ->type_name("FILE");
  app->add_option("--store.path", options.store_path, "Folder for the state that survives a restart")
      ->type_name("DIR");
  app->add_option("--log.level", options.log_level, "Least severe level to log")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app->add_option("--log.format", options.log_format, "Format of log lines")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->capture_default_str();
  runs(app, exit_code, [&options] { return run(options); });
}

struct CheckCommands {
  CheckConfigOptions config;
  CheckRulesOptions rules;
  CheckMetricsOptions metrics;
  std::vector<std::string> web_files;
};

void add_check(CLI::App& root, int& exit_code, CheckCommands& options) {
  CLI::App* check = root.add_subcommand("check", "Check files before they are used");
  check->require_subcommand(1);

  CLI::App* config =
      check->add_subcommand("config", "Check sluice.yml and alertmanager.yml files, and all they refer to");
  config->add_option("FILE", options.config.files, "Configuration files");
  config
      ->add_option("--env-file", options.config.env_file,
                   "Variables for ${NAME}, or for the set-up without a file")
      ->type_name("FILE");
  config->add_flag("--print", options.config.print, "Print the effective configuration, secrets masked");
  runs(config, exit_code, [&options] { return check_config(options.config); });

  CLI::App* rules = check->add_subcommand("rules", "Check Prometheus rule files");
  rules->add_option("FILE", options.rules.files, "Rule files")->required();
  rules
      ->add_option("--config.file", options.rules.config_file,
                   "Also report selectors that nothing on this agent can match")
      ->type_name("FILE");
  runs(rules, exit_code, [&options] { return check_rules(options.rules); });

  CLI::App* metrics =
      check->add_subcommand("metrics", "Check metrics in the Prometheus text format on standard input");
  metrics->add_flag("--openmetrics", options.metrics.openmetrics, "The input is OpenMetrics 1.0");
  runs(metrics, exit_code, [&options] { return check_metrics(options.metrics); });

  CLI::App* web = check->add_subcommand("web-config", "Check web configuration files (TLS, basic auth)");
  web->add_option("FILE", options.web_files, "Web configuration files")->required();
  runs(web, exit_code, [&options] { return check_web_config(options.web_files); });
}

struct TestCommands {
  std::vector<std::string> rule_files, route_files;
};

void add_test(CLI::App& root, int& exit_code, TestCommands& options) {
  CLI::App* test = root.add_subcommand("test", "Run unit tests in virtual time");
  test->require_subcommand(1);
  CLI::App* rules = test->add_subcommand("rules", "Run rule unit tests in promtool's format");
  rules->add_option("FILE", options.rule_files, "Test files")->required();
  runs(rules, exit_code, [&options] { return test_rules(options.rule_files); });
  CLI::App* routes =
      test->add_subcommand("routes", "Play alerts against an alertmanager.yml: who is told what, and when");
  routes->add_option("FILE", options.route_files, "Test files; docs/notifications.md has the format")
      ->required();
  runs(routes, exit_code, [&options] { return test_routes(options.route_files); });
}

struct PromqlCommands {
  PromqlTestOptions test;
  PromqlQueryOptions query;
};

void add_promql(CLI::App& root, int& exit_code, PromqlCommands& options) {
  CLI::App* promql = root.add_subcommand("promql", "Query files and run promqltest scripts");
  promql->require_subcommand(1);
  CLI::App* test = promql->add_subcommand("test", "Run Prometheus's promqltest scripts");
  test->add_option("FILE", options.test.files, "Script files")->required();
  test->add_flag("--show-skipped", options.test.show_skipped, "Name each eval that was skipped, and why");
  runs(test, exit_code, [&options] { return promql_test(options.test); });

  CLI::App* query = promql->add_subcommand("query", "Evaluate an expression over the samples of a file");
  query->add_option("--openmetrics", options.query.openmetrics_file, "The samples, in OpenMetrics 1.0")
      ->required()
      ->type_name("FILE");
  CLI::Option* time =
      query->add_option("--time", options.query.time, "Evaluation time, in Unix seconds or RFC 3339")
          ->type_name("T");
  CLI::Option* start = query->add_option("--start", options.query.start, "First evaluation time of a range")
                           ->type_name("T")
                           ->excludes(time);
  query->add_option("--end", options.query.end, "Last evaluation time of a range")
      ->type_name("T")
      ->needs(start);
  query->add_option("--step", options.query.step, "Step of a range, as a duration or in seconds")
      ->type_name("D")
      ->needs(start);
  query->add_option("EXPR", options.query.expression, "The expression")->required();
  runs(query, exit_code, [&options] { return promql_query(options.query); });
}

void add_probe(CLI::App& root, int& exit_code, ProbeOptions& options) {
  CLI::App* app = root.add_subcommand("probe", "Run one probe and explain every phase and assertion");
  app->add_option("TARGET", options.target, "What to probe: a URL, host:port or DSN")->required();
  app->add_option("--module", options.module,
                  "Module of the configuration; a built-in one without a configuration")
      ->type_name("NAME")
      ->required();
  add_config_file(app, options.config_file, options.env_file);
  app->add_option("--timeout", options.timeout, "Give up after this long, over the module's timeout")
      ->type_name("D");
  app->add_flag("--json", options.json, "Print the result as JSON");
  runs(app, exit_code, [&options] { return probe(options); });
}

void add_remote(CLI::App* app, RemoteOptions& options) {
  app->add_option("--url", options.url, "The agent's address")
      ->envname("SLUICE_URL")
      ->capture_default_str()
      ->type_name("URL");
  app->add_option("--user", options.user, "User for basic auth")->type_name("NAME");
  app->add_option("--password-file", options.password_file, "File with the password for basic auth")
      ->type_name("FILE");
  app->add_option("--ca-file", options.ca_file, "Certificates to trust for https")->type_name("FILE");
  app->add_flag("--json", options.json, "Print the agent's answer as JSON");
}

void add_upstreams(CLI::App& root, int& exit_code, UpstreamOptions& options) {
  CLI::App* app =
      root.add_subcommand("upstreams", "Show upstreams; disable, drain or enable one, freeze a pool by hand");
  add_remote(app, options);
  app->require_subcommand(0, 1);
  app->callback([&exit_code, app, &options] {
    if (app->get_subcommands().empty()) exit_code = upstreams_list(options);
  });
  const auto command = [&](const char* name, const char* help, int (*act)(const UpstreamOptions&),
                           bool takes_duration, bool about_pool = false) {
    CLI::App* sub = app->add_subcommand(name, help);
    sub->fallthrough();
    if (about_pool) {
      sub->add_option("POOL", options.target, "The pool")->required();
    } else {
      sub->add_option("TARGET", options.target, "The upstream, as `sluice upstreams` prints it")->required();
      sub->add_option("--pool", options.pool, "Its pool, when several pools have such a target")
          ->type_name("NAME");
    }
    if (takes_duration) {
      sub->add_option("--for", options.duration, "How long this word holds")
          ->capture_default_str()
          ->type_name("D");
      sub->add_option("--reason", options.reason, "Why; others will read it")->required()->type_name("TEXT");
    }
    sub->add_option("--author", options.author, "Who; the login name unless told")->type_name("NAME");
    runs(sub, exit_code, [act, &options] { return act(options); });
  };
  command("disable", "Disable an upstream, whatever its probes say", upstreams_disable, true);
  command("drain", "Disable an upstream, and tell readers that understand it to let what runs end",
          upstreams_drain, true);
  command("enable", "Keep an upstream enabled, whatever its probes say", upstreams_enable, true);
  command("auto", "Take the operator's word back: the probes decide again", upstreams_auto, false);
  command("freeze", "Disable nothing new in a pool, whatever its probes say", upstreams_freeze, true, true);
  command("unfreeze", "Take that back", upstreams_unfreeze, false, true);
  CLI::App* log = app->add_subcommand("log", "Show what was decided lately, by whom and why");
  log->add_option("--pool", options.pool, "Only this pool")->type_name("NAME");
  log->fallthrough();
  runs(log, exit_code, [&options] { return upstreams_log(options); });
}

void add_replay(CLI::App& root, int& exit_code, ReplayOptions& options) {
  CLI::App* app = root.add_subcommand(
      "replay",
      "Play a configuration over recorded probes: what it would have disabled, whom it would have told");
  app->add_option("--config,--config.file", options.config_file, "The configuration to judge")
      ->type_name("FILE")
      ->required();
  app->add_option("--env-file", options.env_file, "Variables for ${NAME}")->type_name("FILE");
  CLI::Option* journal =
      app->add_option("--journal", options.journals,
                      "An agent's store.path, or a journal in it; several for several agents. The "
                      "configuration's store.path unless told")
          ->type_name("PATH");
  app->add_option("--openmetrics", options.openmetrics_file, "Samples instead, probe_success among them")
      ->type_name("FILE")
      ->excludes(journal);
  app->add_option("--from", options.from,
                  "Begin: Unix seconds, RFC 3339, or -6h before the end of the record")
      ->type_name("T");
  app->add_option("--to", options.to, "End, likewise")->type_name("T");
  app->add_flag("--json", options.json, "Print the report as JSON");
  runs(app, exit_code, [&options] { return replay(options); });
}

void add_alerts(CLI::App& root, int& exit_code, AlertsOptions& options) {
  CLI::App* app = root.add_subcommand("alerts", "Show active alerts");
  add_remote(app, options);
  app->add_option("MATCHER", options.matchers,
                  "Only alerts with these labels: severity=critical instance=~\"db.*\"");
  runs(app, exit_code, [&options] { return alerts_list(options); });
}

void add_silence(CLI::App& root, int& exit_code, SilenceOptions& options) {
  CLI::App* app = root.add_subcommand("silence", "Add, list and expire silences");
  app->require_subcommand(1);
  add_remote(app, options);
  CLI::App* add = app->add_subcommand("add", "Silence the alerts that match");
  add->fallthrough();
  add->add_option("MATCHER", options.matchers, "Labels: alertname=ProbeDown instance=~\"auth.*\"")
      ->required();
  add->add_option("--duration,--for", options.duration, "How long")->capture_default_str()->type_name("D");
  add->add_option("--comment", options.comment, "Why; others will read it")->required()->type_name("TEXT");
  add->add_option("--author", options.author, "Who; the login name unless told")->type_name("NAME");
  runs(add, exit_code, [&options] { return silence_add(options); });
  CLI::App* list = app->add_subcommand("list", "List active and pending silences");
  list->fallthrough();
  list->add_option("MATCHER", options.matchers, "Only silences for these labels");
  runs(list, exit_code, [&options] { return silence_list(options); });
  CLI::App* expire = app->add_subcommand("expire", "End silences now");
  expire->fallthrough();
  expire->add_option("ID", options.matchers, "Silence ids")->required();
  runs(expire, exit_code, [&options] { return silence_expire(options); });
}

void add_drill(CLI::App& root, int& exit_code, DrillOptions& options) {
  CLI::App* app =
      root.add_subcommand("drill", "Send a marked test message to a receiver and report its answer");
  app->add_option("RECEIVER", options.receiver, "A receiver of alertmanager.yml")->required();
  app->add_option("--config.file", options.config_file,
                  "sluice.yml or alertmanager.yml; sluice.yml in this folder unless told")
      ->type_name("FILE");
  app->add_option("--env-file", options.env_file, "Variables for ${NAME}, or for the set-up without a file")
      ->type_name("FILE");
  runs(app, exit_code, [&options] { return drill(options); });
}

template <typename Options>
Options remote() {
  Options options;
  options.url = "http://127.0.0.1:9808";
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Sluice watches auth servers, PostgreSQL, Redis and API endpoints, evaluates Prometheus rules, "
      "notifies people,\n"
      "and disables an unhealthy upstream through a flag in Redis until it is well again.");
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.set_help_all_flag("--help-all", "Print the help of every subcommand");
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);

  int exit_code = kFine;
  RunOptions run_options;
  CheckCommands check_options;
  TestCommands test_options;
  PromqlCommands promql_options;
  ProbeOptions probe_options;
  auto upstream_options = remote<UpstreamOptions>();
  auto alerts_options = remote<AlertsOptions>();
  auto silence_options = remote<SilenceOptions>();
  DrillOptions drill_options;
  ReplayOptions replay_options;
  add_run(app, exit_code, run_options);
  add_check(app, exit_code, check_options);
  add_test(app, exit_code, test_options);
  add_promql(app, exit_code, promql_options);
  add_probe(app, exit_code, probe_options);
  add_upstreams(app, exit_code, upstream_options);
  add_alerts(app, exit_code, alerts_options);
  add_silence(app, exit_code, silence_options);
  add_drill(app, exit_code, drill_options);
  add_replay(app, exit_code, replay_options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked_for_help) {
    return app.exit(asked_for_help);
  } catch (const CLI::ParseError& error) {
    app.failure_message(CLI::FailureMessage::simple);
    app.exit(error);
    return kUsage;
  }
  return exit_code;
}

}  // namespace sluice::cli
