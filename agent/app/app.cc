#include "agent/app/app.h"

#include <sys/resource.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>

#include "agent/app/agent_check.h"
#include "agent/gate/assign.h"
#include "core/file/file.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

constexpr Duration kDrain = 4s;  // of the 5 s that SIGTERM allows
constexpr Duration kHousekeeping = 1s;
constexpr std::string_view kRuleState = "rules.state";

void print(const Mistakes& mistakes) {
  for (const Mistake& mistake : mistakes) std::fprintf(stderr, "%s\n", mistake.to_string().c_str());
}

}  // namespace

App::App(AppOptions options)
    : options_(std::move(options)), edge_(make_log(options_.log_level, options_.log_json)) {}

App::~App() = default;

namespace {

// Each probe in flight needs a descriptor: take all that the system allows.
void raise_descriptor_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

// The stages in the order in which data flows through them.
int App::run() {
  raise_descriptor_limit();
  // What the files say. Nothing is started on a configuration with mistakes.
  config::Loaded loaded = options_.load();
  if (loaded.config == nullptr) {
    print(loaded.mistakes);
    const bool unreadable = loaded.mistakes.size() == 1 && loaded.mistakes.front().line == 0;
    return unreadable ? 2 : 1;
  }
  for (const std::string& warning : loaded.warnings) edge_.log.warn(warning);
  // What survived the last run, then every machine on its configuration.
  start(loaded.config);
  // Our own HTTP server: beyond this point people and Prometheus can look in.
  if (!listen()) return 1;
  // The loops: probes -> store -> rules -> alerts -> people, and verdicts -> gate -> flags.
  spawn(edge_, probe_loop_->run(), "probe loop");
  spawn(edge_, rule_loop_->run(), "rule loop");
  spawn(edge_, notify_loop_->run(), "notify loop");
  spawn(edge_, gate_loop_->run(), "gate loop");
  spawn(edge_, gate_loop_->listen(), "gate events");
  spawn(edge_, fleet_loop_->run(), "fleet loop");
  spawn(edge_, fleet_loop_->keep_role(), "notifier role");
  spawn(edge_, reader_watch_->run(), "reader watch");
  spawn(edge_, keep_house(), "housekeeping");
  spawn(edge_, handle_signals(), "signals");
  // Until a signal ends it.
  edge_.io.run();
  // Everything is on disk by now. A probe or a message that is still under way has its coroutine, with
  // sockets and timers in it, half-way through machines that would be taken down around it: then the kernel
  // cleans up, and faster.
  if (probe_loop_->stats().in_flight > 0 || !notify_loop_->idle() || !forward_loop_->idle()) {
    std::fflush(stderr);
    std::_Exit(0);
  }
  return 0;
}

void App::start(std::shared_ptr<const config::Config> config) {
  started_ = last_reload_at_ = edge_.clock.unix_now();
  house_kept_ = edge_.clock.now();
  store::StoreOptions store_options;
  store_options.retention = config->store.retention;
  store_options.series_max = config->store.series_max;
  store_ = store::SampleStore(store_options);

  const std::string& folder = config->store.path;
  if (!folder.empty()) {
    if (const auto made = file::make_folder(folder); made.has_error()) {
      edge_.log.error("no state will survive a restart", {{"error", made.error().message}});
    }
  }
  gate_loop_ = std::make_unique<GateLoop>(edge_, instruments_, config->agent.name, config->agent.zone);
  reader_watch_ = std::make_unique<ReaderWatch>(edge_, *gate_loop_);
  notify_loop_ = std::make_unique<NotifyLoop>(edge_, folder);
  forward_loop_ = std::make_unique<ForwardLoop>(edge_);
  rule_loop_ = std::make_unique<RuleLoop>(edge_, store_,
                                          [this](std::vector<Alert> alerts, std::vector<Alert> remembered) {
                                            take_alerts(std::move(alerts), std::move(remembered));
                                          });
  fleet_loop_ = std::make_unique<FleetLoop>(edge_, *notify_loop_, config->agent.name);
  probe_loop_ = std::make_unique<ProbeLoop>(
      edge_, store_, page_,
      [this](const std::string& pool, const std::string& target, bool good, std::string_view reason) {
        return gate_loop_->observe(pool, target, good, reason);
      },
      [this](const ProbeLoop::Ended& probe) {
        gate_loop_->observe_api(probe.job, probe.instance, probe.good);
        journal_->add(edge_.clock.unix_now(), probe.job, probe.instance,
                      probe.good ? std::string_view() : probe.reason, probe.took);
      });
  journal_ = std::make_unique<JournalWriter>(edge_, config->agent.name);
  probe_loop_->set_assign(
      [this](const config::Job& job, const config::Target& target) { return share_of(job, target); });
  gate_loop_->set_on_assigned([this] { probe_loop_->configure(*config_); });
  fleet_loop_->set_on_members([this] { probe_loop_->configure(*config_); });
  notify_loop_->restore();
  adopt(std::move(config));
  restore_rule_state();
  edge_.log.info("sluice starts", {{"version", SLUICE_VERSION},
                                   {"agent", config_->agent.name},
                                   {"targets", probe_loop_->stats().targets},
                                   {"rule_groups", config_->rule_groups.size()}});
}

// Hands a configuration to every machine. Each keeps the state of what did not change.
void App::adopt(std::shared_ptr<const config::Config> config) {
  config_ = std::move(config);
  gate_loop_->configure(*config_);
  notify_loop_->configure(*config_);
  fleet_loop_->configure(*config_);
  forward_loop_->configure(*config_);
  rule_loop_->configure(*config_);
  probe_loop_->configure(*config_);
  journal_->configure(config_->store.path, config_->store.journal_bytes);
}

// Members of a pool are shared out among those that vote on it, all else among those that are here.
ProbeLoop::Share App::share_of(const config::Job& job, const config::Target& target) const {
  const std::string& self = config_->agent.name;
  const std::vector<std::string>& members = fleet_loop_->members();
  const size_t vantages =
      gate::vantages_within(job.vantages, members.size(), job.interval, job.max_probes_per_second);
  ProbeLoop::Share share;
  share.deep = gate::is_chosen(self, target.address, members, 1);
  if (job.upstream) {
    const std::string& pool = job.upstream->pool;
    const gate::Gate& gate = gate_loop_->gate();
    share.probe = gate.probes(pool, target.address);
    share.phase_shift = gate_loop_->phase_shift(pool, target.address) / Duration(100ms) * Duration(100ms);
    share.fast_interval = gate.interval(pool, job.health.fast_interval);
  } else {
    share.probe = gate::is_chosen(self, target.address, members, vantages);
    share.phase_shift = gate::fleet_phase(self, target.address, members, vantages, job.interval);
    share.fast_interval =
        gate::interval_within(job.health.fast_interval, vantages, job.max_probes_per_second);
  }
  return share;
}

void App::take_alerts(std::vector<Alert> alerts, std::vector<Alert> remembered) {
  forward_loop_->take_alerts(alerts);
  forward_loop_->take_alerts(remembered);
  fleet_loop_->take_alerts(std::move(alerts), std::move(remembered));
}

bool App::listen() {
  net::HttpServerOptions options;
  options.listen_address = config_->web.listen_address;
  options.web = config_->web.access;
  auto server = net::HttpServer::listen(
      edge_.io.get_executor(), options,
      [this](HttpRequest request, net::Endpoint) { return answer(std::move(request)); }, edge_.log);
  if (server.has_error()) {
    edge_.log.error("cannot listen",
                    {{"address", options.listen_address}, {"error", server.error().message}});
    return false;
  }
  server_ = std::move(*server);
  edge_.log.info("listening", {{"address", options.listen_address}, {"port", server_->port()}});
  spawn(edge_, server_->run(), "http server");
  return config_->web.agent_check_address.empty() || listen_for_agent_checks();
}

bool App::listen_for_agent_checks() {
  net::LineServerOptions options;
  options.listen_address = config_->web.agent_check_address;
  auto server = net::LineServer::listen(edge_.io.get_executor(), options, [this](std::string_view line) {
    return agent_check_answer(gate_loop_->gate(), line,
                              [this](std::string_view pool) { return gate_loop_->shared_now(pool); });
  });
  if (server.has_error()) {
    edge_.log.error("cannot listen for agent checks",
                    {{"address", options.listen_address}, {"error", server.error().message}});
    return false;
  }
  agent_checks_ = std::move(*server);
  edge_.log.info("listening for agent checks",
                 {{"address", options.listen_address}, {"port", agent_checks_->port()}});
  spawn(edge_, agent_checks_->run(), "agent checks");
  return true;
}

asio::awaitable<void> App::handle_signals() {
  asio::signal_set signals(edge_.io, SIGTERM, SIGINT, SIGHUP);
  for (;;) {
    const auto [error, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    if (number != SIGHUP) break;
    (void)co_await reload();
  }
  co_await shut_down();
  edge_.io.stop();
}

asio::awaitable<Mistakes> App::reload() {
  if (reloading_) co_return Mistakes{{"", 0, 0, "a reload is under way"}};
  reloading_ = true;
  config::Loaded loaded;
  std::function<void()> load = [&loaded, this] { loaded = options_.load(); };
  co_await on_disk(edge_, std::move(load));
  reloading_ = false;
  Mistakes mistakes = std::move(loaded.mistakes);
  if (loaded.config != nullptr) {
    if (loaded.config->web.listen_address != config_->web.listen_address) {
      edge_.log.warn("web.listen_address changes with a restart only");
    }
    if (const auto applied = server_->reconfigure(loaded.config->web.access); applied.has_error()) {
      mistakes.push_back({loaded.config->web.config_file, 0, 0, applied.error().message});
    }
  }
  last_reload_ok_ = mistakes.empty() && loaded.config != nullptr;
  if (last_reload_ok_) {
    last_reload_at_ = edge_.clock.unix_now();
    adopt(loaded.config);
    edge_.log.info("configuration loaded",
                   {{"targets", probe_loop_->stats().targets}, {"rule_groups", config_->rule_groups.size()}});
  } else {
    edge_.log.error("the configuration has mistakes; the old one stays",
                    {{"mistakes", mistakes.size()}, {"first", mistakes.front().to_string()}});
  }
  co_return mistakes;
}

// No new probes, no new messages; what is under way may end. Flags stay: they are leases.
asio::awaitable<void> App::shut_down() {
  const Instant deadline = edge_.clock.now() + kDrain;
  edge_.log.info("sluice stops");
  probe_loop_->stop();
  rule_loop_->stop();
  gate_loop_->stop(deadline);
  reader_watch_->stop();
  notify_loop_->stop(deadline);
  fleet_loop_->stop(deadline);
  forward_loop_->stop();
  server_->stop(edge_.clock.now() + 1s);
  if (agent_checks_ != nullptr) agent_checks_->stop();
  co_await write_rule_state();
  co_await journal_->write(true);
  Wakeup pause(edge_);
  const Instant probes_until = edge_.clock.now() + 1s;
  const auto busy = [&] {
    const Instant now = edge_.clock.now();
    return (!notify_loop_->idle() && now < deadline) ||
           (probe_loop_->stats().in_flight > 0 && now < probes_until);
  };
  while (busy()) co_await pause.wait_until(edge_.clock.now() + 20ms);
  co_await pause.wait_until(std::min(deadline, edge_.clock.now() + 100ms));
}

void App::restore_rule_state() {
  if (config_->store.path.empty()) return;
  const std::string path = config_->store.path + "/" + std::string(kRuleState);
  if (!file::exists(path)) return;
  const Result<std::string> text = file::read(path);
  const Result<void> restored = text.has_value() ? rule_loop_->restore(*text) : Result<void>(text.error());
  if (restored.has_value()) return;
  edge_.log.error("the state of alert rules is damaged; it is set aside",
                  {{"error", restored.error().message}});
  (void)file::set_aside(path);
}

asio::awaitable<void> App::write_rule_state() {
  if (config_->store.path.empty() || rule_loop_->changes() == rule_changes_written_) co_return;
  rule_changes_written_ = rule_loop_->changes();
  const std::string text = rule_loop_->snapshot();
  const std::string path = config_->store.path + "/" + std::string(kRuleState);
  Result<void> written{};
  std::function<void()> work = [&] { written = file::write_durably(path, text); };
  co_await on_disk(edge_, std::move(work));
  if (written.has_error() && !rule_state_failing_) {
    edge_.log.error("cannot write the state of alert rules", {{"error", written.error().message}});
  }
  rule_state_failing_ = written.has_error();
}

// Once a second: how late are we, write what changed; less often: our own samples, and forget old ones.
asio::awaitable<void> App::keep_house() {
  Wakeup alarm(edge_);
  Instant next_self = edge_.clock.now(), next_expire = next_self + 1min;
  for (Instant due = edge_.clock.now() + kHousekeeping;; due += kHousekeeping) {
    co_await alarm.wait_until(due);
    const Instant now = edge_.clock.now();
    loop_lag_ = now - due;
    if (loop_lag_ > kHousekeeping) due = now;
    house_kept_ = now;
    co_await write_rule_state();
    co_await journal_->write(false);
    if (now >= next_self) {
      const Labels labels{{"job", "sluice"}, {"instance", config_->agent.name}};
      write_to_store(own_metrics(), labels, edge_.clock.unix_now(), store_);
      next_self = now + std::min<Duration>(config_->global.interval, Duration(15s));
    }
    if (now >= next_expire) {
      store_.expire(edge_.clock.unix_now());
      next_expire = now + 1min;
    }
  }
}

}  // namespace sluice::app
