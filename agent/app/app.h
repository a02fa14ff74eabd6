#pragma once
// The agent: owns every machine and every loop, and is the only place that knows all of them.

#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "agent/app/edge.h"
#include "agent/app/fleet_loop.h"
#include "agent/app/forward_loop.h"
#include "agent/app/gate_loop.h"
#include "agent/app/journal_writer.h"
#include "agent/app/notify_loop.h"
#include "agent/app/probe_loop.h"
#include "agent/app/reader_watch.h"
#include "agent/app/rule_loop.h"
#include "agent/app/self_metrics.h"
#include "agent/config/config.h"
#include "core/exposition/metrics_page.h"
#include "core/net/http_server.h"
#include "core/net/line_server.h"
#include "core/store/sample_store.h"

namespace sluice::app {

struct AppOptions {
  // Reads the configuration, at start and on reload. Runs on the disk thread; must not touch anything of the
  // App.
  std::function<config::Loaded()> load;
  LogLevel log_level = LogLevel::kInfo;
  bool log_json = false;
};

class App {
 public:
  explicit App(AppOptions options);
  ~App();

  // Runs until SIGTERM or SIGINT. Returns the exit code: 0 after an orderly end, 1 when it could not start
  // (what is wrong with the configuration goes to standard error), 2 when the configuration could not be
  // read.
  int run();

 private:
  void start(std::shared_ptr<const config::Config> config);
  bool listen();
  bool listen_for_agent_checks();
  boost::asio::awaitable<void> handle_signals();
  boost::asio::awaitable<Mistakes> reload();
  boost::asio::awaitable<void> shut_down();
  boost::asio::awaitable<void> keep_house();
  boost::asio::awaitable<void> write_rule_state();
  void restore_rule_state();
  void adopt(std::shared_ptr<const config::Config> config);
  ProbeLoop::Share share_of(const config::Job& job, const config::Target& target) const;
  void take_alerts(std::vector<Alert> alerts, std::vector<Alert> remembered = {});

  boost::asio::awaitable<HttpResponse> answer(HttpRequest request);
  boost::asio::awaitable<HttpResponse> route(const HttpRequest& request, const HttpTarget& target);
  boost::asio::awaitable<HttpResponse> answer_reload(const HttpRequest& request);
  boost::asio::awaitable<HttpResponse> answer_probe(const HttpRequest& request, const HttpTarget& target);
  boost::asio::awaitable<HttpResponse> answer_upstream_word(const HttpRequest& request);
  boost::asio::awaitable<HttpResponse> answer_upstream_log(const HttpTarget& target);
  boost::asio::awaitable<HttpResponse> answer_alerts_api(const HttpRequest& request);
  HttpResponse answer_metrics(const HttpRequest& request);
  api::Views views();

  std::vector<exposition::ExposedFamily> own_metrics();
  void add_config_metrics(FamilyList& out) const;
  void add_probe_metrics(FamilyList& out) const;
  void add_rule_metrics(FamilyList& out) const;
  void add_notify_metrics(FamilyList& out) const;
  void add_forward_metrics(FamilyList& out) const;
  void add_gate_metrics(FamilyList& out) const;
  void add_rule_series(std::vector<exposition::ExposedFamily>& out) const;

  AppOptions options_;
  // Before the event loop, whose coroutines write to them until they are gone.
  store::SampleStore store_;
  exposition::MetricsPage page_;
  Instruments instruments_;
  Edge edge_;
  std::shared_ptr<const config::Config> config_;
  Timestamp started_{};
  bool last_reload_ok_ = true;
  bool reloading_ = false;
  Timestamp last_reload_at_{};
  Duration loop_lag_{};
  Instant house_kept_{};
  uint64_t rule_changes_written_ = 0;
  bool rule_state_failing_ = false;

  std::unique_ptr<FleetLoop> fleet_loop_;
  std::unique_ptr<GateLoop> gate_loop_;
  std::unique_ptr<ReaderWatch> reader_watch_;
  std::unique_ptr<ProbeLoop> probe_loop_;
  std::unique_ptr<JournalWriter> journal_;
  std::unique_ptr<RuleLoop> rule_loop_;
  std::unique_ptr<NotifyLoop> notify_loop_;
  std::unique_ptr<ForwardLoop> forward_loop_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<net::LineServer> agent_checks_;
  std::vector<std::unique_ptr<net::HttpServer>> old_servers_;
};

}  // namespace sluice::app
