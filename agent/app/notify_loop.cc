#include "agent/app/notify_loop.h"

#include <algorithm>

#include "core/file/file.h"
#include "core/net/http_client.h"
#include "core/random.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

constexpr size_t kJournalBytesMax = 4 << 20;  // then a snapshot begins a fresh one
constexpr std::string_view kSnapshot = "notify.snapshot";
constexpr std::string_view kJournal = "notify.journal";

// What the pipeline runs on while nobody is to be told: one receiver without integrations.
std::shared_ptr<const alerts::Config> silent_config() {
  auto config = std::make_shared<alerts::Config>();
  config->receivers.push_back({"nobody", {}});
  config->route.receiver = "nobody";
  return config;
}

net::TlsConfig to_net(const alerts::TlsConfig& from) {
  net::TlsConfig tls;
  tls.ca_file = from.ca_file;
  tls.cert_file = from.cert_file;
  tls.key_file = from.key_file;
  tls.server_name = from.server_name;
  tls.insecure_skip_verify = from.insecure_skip_verify;
  return tls;
}

}  // namespace

NotifyLoop::NotifyLoop(Edge& edge, std::string folder)
    : edge_(edge), folder_(std::move(folder)), wakeup_(edge) {}

std::string NotifyLoop::path(std::string_view name) const {
  return folder_ + "/" + std::string(name);
}

void NotifyLoop::restore() {
  if (folder_.empty()) return;
  for (const std::string_view name : {kSnapshot, kJournal}) {
    if (!file::exists(path(name))) continue;
    const Result<std::string> text = file::read(path(name));
    if (text.has_value()) {
      restored_ += *text;
    } else {
      edge_.log.error("cannot read the notification state", {{"error", text.error().message}});
    }
  }
}

void NotifyLoop::configure(const config::Config& config) {
  const Timestamp now = edge_.clock.unix_now();
  config_ = config.alerting ? config.alerting : silent_config();
  alerts::notify::NotifierOptions options;
  options.external_url = config.people_url();
  options.look = config.message_look == "alertmanager" ? alerts::notify::Look::kAlertmanager
                                                       : alerts::notify::Look::kSluice;
  Mistakes mistakes;
  if (auto notifier = alerts::notify::Notifier::make(config_, options, mistakes))
    notifier_ = std::move(notifier);
  for (const Mistake& mistake : mistakes)
    edge_.log.error("notification template", {{"mistake", mistake.to_string()}});

  if (pipeline_ != nullptr) {
    accept(pipeline_->reload(now, config_));
    return;
  }
  alerts::PipelineOptions pipeline_options;
  pipeline_options.seed =
      static_cast<uint64_t>(now.time_since_epoch().count()) ^ stable_hash(config.agent.name);
  pipeline_ = std::make_unique<alerts::Pipeline>(config_, pipeline_options);
  if (restored_.empty()) return;
  const Result<size_t> restored = pipeline_->restore(now, restored_);
  restored_.clear();
  if (restored.has_value()) {
    edge_.log.info("notification state restored", {{"entries", *restored}});
    return;
  }
  edge_.log.error("the notification state is damaged; it is set aside",
                  {{"error", restored.error().message}});
  for (const std::string_view name : {kSnapshot, kJournal}) {
    if (file::exists(path(name))) (void)file::set_aside(path(name));
  }
}

void NotifyLoop::take_alerts(std::vector<Alert> alerts) {
  if (pipeline_ != nullptr) accept(pipeline_->step(edge_.clock.unix_now(), alerts));
}

Result<std::string> NotifyLoop::set_silence(alerts::Silence silence) {
  alerts::Effects effects;
  Result<std::string> id = pipeline_->set_silence(edge_.clock.unix_now(), std::move(silence), effects);
  accept(std::move(effects));
  return id;
}

Result<std::string> NotifyLoop::expire_silence(std::string_view id) {
  alerts::Effects effects;
  Result<std::string> ended = pipeline_->expire_silence(edge_.clock.unix_now(), id, effects);
  accept(std::move(effects));
  return ended;
}

void NotifyLoop::accept(alerts::Effects effects) {
  log_events(effects.events);
  if (!effects.journal.empty() || !effects.send.empty()) queue_.push_back(std::move(effects));
  wakeup_.notify();
}

void NotifyLoop::log_events(const std::vector<alerts::PipelineEvent>& events) {
  for (const alerts::PipelineEvent& event : events) {
    switch (event.level) {
      case LogLevel::kDebug:
        edge_.log.debug(event.message, event.fields);
        break;
      case LogLevel::kInfo:
        edge_.log.info(event.message, event.fields);
        break;
      case LogLevel::kWarn:
        edge_.log.warn(event.message, event.fields);
        break;
      case LogLevel::kError:
        edge_.log.error(event.message, event.fields);
        break;
    }
  }
}

asio::awaitable<void> NotifyLoop::run() {
  if (!folder_.empty()) co_await write_snapshot();
  while (!stopping_) {
    while (!queue_.empty()) {
      alerts::Effects effects = std::move(queue_.front());
      queue_.pop_front();
      co_await carry_out(std::move(effects));
    }
    const Timestamp now = edge_.clock.unix_now();
    const std::optional<Timestamp> wake = pipeline_->next_wake();
    if (wake && *wake <= now) {
      accept(pipeline_->step(now));
      continue;
    }
    // Timers are in Unix time, which may step: look again at least every second.
    const Duration wait =
        wake ? std::clamp<Duration>(*wake - now, Duration(1ms), Duration(1s)) : Duration(1s);
    co_await wakeup_.wait_until(edge_.clock.now() + wait);
  }
  while (!queue_.empty()) {
    alerts::Effects effects = std::move(queue_.front());
    queue_.pop_front();
    co_await persist(std::move(effects.journal));
  }
  while (in_flight_ > 0 && edge_.clock.now() < stop_deadline_) {
    co_await wakeup_.wait_until(stop_deadline_);
    while (!queue_.empty()) {  // answers that came meanwhile: write them down, send nothing new
      alerts::Effects effects = std::move(queue_.front());
      queue_.pop_front();
      co_await persist(std::move(effects.journal));
    }
  }
}

void NotifyLoop::stop(Instant deadline) {
  stopping_ = true;
  stop_deadline_ = deadline;
  wakeup_.notify();
}

asio::awaitable<void> NotifyLoop::carry_out(alerts::Effects effects) {
  co_await persist(std::move(effects.journal));
  // Beyond this point what is about to be said is on disk, or the disk has failed and people are told all the
  // same.
  for (alerts::Delivery& delivery : effects.send) {
    ++in_flight_;
    spawn(edge_, deliver(std::move(delivery)), "notify");
  }
  if (journal_bytes_ > kJournalBytesMax) co_await write_snapshot();
}

asio::awaitable<void> NotifyLoop::persist(std::string journal) {
  if (journal.empty() || folder_.empty()) co_return;
  journal_bytes_ += journal.size();
  Result<void> written{};
  const std::string file = path(kJournal);
  std::function<void()> work = [&written, &journal, &file] { written = file::append_durably(file, journal); };
  co_await on_disk(edge_, std::move(work));
  if (written.has_error()) {
    ++stats_.state_write_failures;
    if (!state_failing_) {
      edge_.log.error("cannot write the notification state; notifications go out all the same",
                      {{"error", written.error().message}});
    }
  } else if (state_failing_) {
    edge_.log.info("the notification state can be written again");
  }
  const bool recovered = state_failing_ && written.has_value();
  state_failing_ = written.has_error();
  // What could not be journaled is made good by a snapshot as soon as the disk takes one.
  if (recovered) co_await write_snapshot();
}

asio::awaitable<void> NotifyLoop::write_snapshot() {
  const std::string text = pipeline_->snapshot(edge_.clock.unix_now());
  Result<void> written{};
  const std::string snapshot = path(kSnapshot), journal = path(kJournal);
  std::function<void()> work = [&] {
    written = file::write_durably(snapshot, text);
    if (written.has_value()) written = file::write_durably(journal, "");
  };
  co_await on_disk(edge_, std::move(work));
  if (written.has_value()) {
    journal_bytes_ = 0;
  } else {
    ++stats_.state_write_failures;
    state_failing_ = true;
    edge_.log.error("cannot write the notification state", {{"error", written.error().message}});
  }
}

asio::awaitable<void> NotifyLoop::deliver(alerts::Delivery delivery) {
  const std::shared_ptr<const alerts::notify::Notifier> notifier =
      notifier_;  // a reload may replace it meanwhile
  const alerts::DeliveryOutcome outcome = co_await send_delivery(edge_, *notifier, delivery);
  --in_flight_;
  accept(pipeline_->on_delivery(edge_.clock.unix_now(), delivery.id, outcome));
}

asio::awaitable<alerts::DeliveryOutcome> send_delivery(Edge& edge, const alerts::notify::Notifier& notifier,
                                                       const alerts::Delivery& delivery) {
  auto outgoing =
      notifier.to_request(delivery, [](const std::string& file) { return file::read_secret(file); });
  if (outgoing.has_error()) co_return alerts::notify::outcome_of(outgoing.error());
  net::FetchOptions options;
  options.deadline = edge.clock.now() + outgoing->timeout;
  options.tls = to_net(outgoing->tls);
  options.redirects_max = outgoing->follow_redirects ? 10 : 0;
  options.body_bytes_max = 64 * 1024;
  HttpRequest request = std::move(outgoing->request);
  const Result<HttpResponse> response = co_await net::fetch(edge.net, std::move(request), std::move(options));
  if (response.has_error()) {
    const bool sent = response.error().kind == ErrorKind::kTimeout;
    co_return alerts::notify::outcome_of_no_answer(response.error(), sent);
  }
  co_return alerts::notify::classify(*delivery.to, *response, edge.clock.unix_now());
}

}  // namespace sluice::app
