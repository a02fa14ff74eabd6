#include "agent/app/notify_loop.h"

#include <algorithm>

#include "agent/config/time_zones.h"
#include "core/file/file.h"
#include "core/net/http_client.h"
#include "core/net/smtp_client.h"
#include "core/random.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

// A journal that is larger than this and than the snapshot is begun afresh behind a new one.
constexpr size_t kJournalBytesMin = 8 << 20;
constexpr Duration kSyncDelay = 100ms;  // of entries that nothing waits for: many share one fsync
// Of a long burst of answers several share a write, as each costs two changes of threads; the first 20 do not
// wait.
constexpr Duration kAppendPause = 5ms, kAppendsAhead = 20 * kAppendPause;
constexpr Duration kWrittenMax = 2s;
constexpr Duration kSnapshotPause = 2s;  // while the disk fails: a snapshot makes good what the journal lacks
constexpr size_t kStateBytesMax = 1 << 30;  // as many alerts as the pipeline takes have a tenth of this
constexpr std::string_view kSnapshot = "notify.snapshot";
constexpr std::string_view kJournal = "notify.journal";

// What the pipeline runs on while nobody is to be told: one receiver without integrations.
std::shared_ptr<const alerts::Config> silent_config() {
  auto config = std::make_shared<alerts::Config>();
  config->receivers.push_back({"nobody", {}});
  config->route.receiver = "nobody";
  return config;
}

net::TlsVersion tls_version(const std::string& version) {
  using enum net::TlsVersion;
  return version == "TLS10"   ? kTls10
         : version == "TLS11" ? kTls11
         : version == "TLS12" ? kTls12
         : version == "TLS13" ? kTls13
                              : kDefault;
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path) {
  return file::read_secret(path);
}

net::TlsConfig to_net(const alerts::TlsConfig& from) {
  net::TlsConfig tls;
  tls.ca_file = from.ca_file;
  tls.cert_file = from.cert_file;
  tls.key_file = from.key_file;
  tls.server_name = from.server_name;
  tls.insecure_skip_verify = from.insecure_skip_verify;
  tls.min_version = tls_version(from.min_version);
  tls.max_version = tls_version(from.max_version);
  return tls;
}

namespace {

asio::awaitable<alerts::DeliveryOutcome> mail(Edge& edge, alerts::notify::OutgoingMail outgoing) {
  const Instant deadline = edge.clock.now() + outgoing.timeout;
  net::SmtpServer server;
  server.host = std::move(outgoing.host);
  server.port = outgoing.port;
  server.implicit_tls = outgoing.implicit_tls;
  server.require_tls = outgoing.require_tls;
  server.tls = to_net(outgoing.tls);
  server.hello = std::move(outgoing.hello);
  server.login = {std::move(outgoing.username), std::move(outgoing.identity), std::move(outgoing.password),
                  std::move(outgoing.secret)};
  net::SmtpMail letter{std::move(outgoing.from), std::move(outgoing.to), std::move(outgoing.message)};
  const net::SmtpOutcome seen =
      co_await net::send_mail(edge.net, std::move(server), std::move(letter), deadline);
  if (seen.fault) {
    Error error = net::to_error(*seen.fault);
    error.message = seen.step + ": " + error.message;
    co_return alerts::notify::outcome_of_no_answer(error, seen.may_be_delivered);
  }
  if (seen.reply)
    co_return alerts::notify::outcome_of_mail_refusal(seen.reply->code,
                                                      seen.step + ": " + seen.reply->text());
  for (const std::string& address : seen.refused) {
    edge.log.warn("a mail went out, but the server refused one of its recipients", {{"recipient", address}});
  }
  co_return alerts::DeliveryOutcome{};
}

}  // namespace

alerts::notify::NotifierOptions notifier_options(const config::Config& config) {
  alerts::notify::NotifierOptions options;
  options.external_url = config.people_url();
  options.find_zone = config::find_time_zone;
  options.agent =
      config.agent.zone.empty() ? config.agent.name : config.agent.name + " (" + config.agent.zone + ")";
  options.look = config.message_look == "alertmanager" ? alerts::notify::Look::kAlertmanager
                                                       : alerts::notify::Look::kSluice;
  return options;
}

NotifyLoop::NotifyLoop(Edge& edge, std::string folder)
    : edge_(edge), folder_(std::move(folder)), wakeup_(edge), append_wakeup_(edge) {}

std::string NotifyLoop::path(std::string_view name) const {
  return folder_ + "/" + std::string(name);
}

void NotifyLoop::restore() {
  if (folder_.empty()) return;
  for (const std::string_view name : {kSnapshot, kJournal}) {
    if (!file::exists(path(name))) continue;
    const Result<std::string> text = file::read(path(name), kStateBytesMax);
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
  Mistakes mistakes;
  if (auto notifier = alerts::notify::Notifier::make(config_, notifier_options(config), mistakes))
    notifier_ = std::move(notifier);
  connections_ = net::HttpPool::make(edge_.io.get_executor());
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
  (void)pipeline_->set_telling(now, telling_);
  restore_pipeline(now);
  if (sharing_) accept(pipeline_->set_sharing(now, true));
}

void NotifyLoop::restore_pipeline(Timestamp now) {
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
  look_at_role();
  if (pipeline_ != nullptr) accept(pipeline_->step(edge_.clock.unix_now(), alerts));
}

Result<std::string> NotifyLoop::set_silence(alerts::Silence silence) {
  look_at_role();
  alerts::Effects effects;
  Result<std::string> id = pipeline_->set_silence(edge_.clock.unix_now(), std::move(silence), effects);
  accept(std::move(effects));
  return id;
}

Result<std::string> NotifyLoop::expire_silence(std::string_view id) {
  look_at_role();
  alerts::Effects effects;
  Result<std::string> ended = pipeline_->expire_silence(edge_.clock.unix_now(), id, effects);
  accept(std::move(effects));
  return ended;
}

void NotifyLoop::look_at_role() {
  const bool telling = may_tell_();
  if (std::exchange(telling_, telling) == telling || pipeline_ == nullptr) return;
  accept(pipeline_->set_telling(edge_.clock.unix_now(), telling));
}

void NotifyLoop::set_sharing(bool sharing) {
  sharing_ = sharing;
  if (pipeline_ != nullptr) accept(pipeline_->set_sharing(edge_.clock.unix_now(), sharing));
}

void NotifyLoop::learn(const alerts::SharedNews& news) {
  if (!news.empty()) accept(pipeline_->learn(edge_.clock.unix_now(), news));
}

void NotifyLoop::accept(alerts::Effects effects) {
  if (!effects.shared.empty()) on_shared_(std::move(effects.shared));
  log_events(effects.events);
  if (!effects.journal.empty() && !folder_.empty()) {
    if (accepted_++ == synced_) unsynced_since_ = edge_.clock.now();
    if (effects.journal_before_send) before_send_ = accepted_;
    pending_ += effects.journal;
    append();
  }
  if (!effects.send.empty()) queue_.push_back({before_send_, std::move(effects.send)});
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
    if (!queue_.empty() && queue_.front().after > synced_) co_await sync();
    // What is about to be said is on disk now, or the disk has failed and people are told all the same.
    while (!queue_.empty() && queue_.front().after <= synced_) {
      for (alerts::Delivery& delivery : queue_.front().send) {
        ++in_flight_;
        spawn(edge_, deliver(std::move(delivery)), "notify");
      }
      queue_.pop_front();
    }
    const Instant instant = edge_.clock.now();
    if (journal_bytes_ > journal_bytes_max_ || (state_failing_ && instant >= snapshot_again_at_)) {
      co_await write_snapshot();
      continue;
    }
    const bool unsynced = synced_ < accepted_;
    if (unsynced && (!waiters_.empty() || instant >= unsynced_since_ + kSyncDelay)) {
      co_await sync();
      continue;
    }
    look_at_role();
    const Timestamp now = edge_.clock.unix_now();
    const std::optional<Timestamp> wake = pipeline_->next_wake();
    if (wake && *wake <= now) {
      accept(pipeline_->step(now));
      continue;
    }
    // Timers are in Unix time, which may step: look again at least every second.
    Instant until =
        instant + (wake ? std::clamp<Duration>(*wake - now, Duration(1ms), Duration(1s)) : Duration(1s));
    if (unsynced) until = std::min(until, unsynced_since_ + kSyncDelay);
    co_await wakeup_.wait_until(until);
  }
  // Everything goes to disk, also answers that come yet, and nothing new leaves.
  queue_.clear();
  co_await sync();
  while (in_flight_ > 0 && edge_.clock.now() < stop_deadline_) {
    co_await wakeup_.wait_until(stop_deadline_);
    queue_.clear();
    co_await sync();
  }
  connections_.reset();
}

void NotifyLoop::stop(Instant deadline) {
  stopping_ = true;
  stop_deadline_ = deadline;
  wakeup_.notify();
}

asio::awaitable<void> NotifyLoop::written() {
  if (folder_.empty()) co_return;
  const uint64_t wanted = accepted_;
  const Instant deadline = edge_.clock.now() + kWrittenMax;
  const auto self = waiters_.emplace(waiters_.end(), edge_);
  wakeup_.notify();
  while (synced_ < wanted && !stopping_ && edge_.clock.now() < deadline) co_await self->wait_until(deadline);
  waiters_.erase(self);
}

void NotifyLoop::append() {
  if (appending_ || snapshotting_ || pending_.empty()) return;
  appending_ = true;
  spawn(edge_, append_pending(), "notification journal");
}

asio::awaitable<void> NotifyLoop::append_pending() {
  while (!pending_.empty()) {
    while (!append_at_once_ && edge_.clock.now() < append_again_at_)
      co_await append_wakeup_.wait_until(append_again_at_);
    append_again_at_ = std::max(append_again_at_, edge_.clock.now() - kAppendsAhead) + kAppendPause;
    const std::string journal = std::exchange(pending_, {});
    const uint64_t upto = accepted_;
    const std::string file = path(kJournal);
    Result<void> written{};
    std::function<void()> work = [&] { written = file::append(file, journal); };
    co_await on_pages(edge_, std::move(work));
    journal_bytes_ += journal.size();
    appended_ = upto;
    append_failed_ = written.has_error();
    if (append_failed_) judge_write(written);
  }
  appending_ = append_at_once_ = false;
  wakeup_.notify();
}

asio::awaitable<void> NotifyLoop::append_all() {
  append_at_once_ = appending_;
  append_wakeup_.notify();
  while (appending_) co_await wakeup_.wait_until(Instant::max());
}

// Until all that is accepted is on disk.
asio::awaitable<void> NotifyLoop::sync() {
  co_await append_all();
  const uint64_t upto = appended_;
  if (upto == synced_) co_return;
  if (!append_failed_) {
    const std::string file = path(kJournal);
    Result<void> written{};
    std::function<void()> work = [&] { written = file::sync(file); };
    co_await on_disk(edge_, std::move(work));
    ++stats_.state_writes;
    judge_write(written);
  }
  synced_ = upto;
  unsynced_since_ = edge_.clock.now();
  for (Wakeup& waiter : waiters_) waiter.notify();
}

void NotifyLoop::judge_write(const Result<void>& written) {
  if (written.has_value()) return;
  ++stats_.state_write_failures;
  if (std::exchange(state_failing_, true)) return;
  snapshot_again_at_ = edge_.clock.now() + kSnapshotPause;
  edge_.log.error("cannot write the notification state; notifications go out all the same",
                  {{"error", written.error().message}});
}

asio::awaitable<void> NotifyLoop::write_snapshot() {
  // The journal is brought up to the moment of the snapshot first: should we die between the two files, it
  // says nothing older than the snapshot does.
  co_await append_all();
  snapshotting_ = true;
  const uint64_t upto = accepted_;
  const std::string text = pipeline_->snapshot(edge_.clock.unix_now());
  const std::string snapshot = path(kSnapshot), journal = path(kJournal);
  Result<void> written{};
  std::function<void()> work = [&] {
    if (file::exists(journal)) (void)file::sync(journal);
    written = file::write_durably(snapshot, text);
    if (written.has_value()) written = file::write_durably(journal, "");
  };
  co_await on_disk(edge_, std::move(work));
  snapshotting_ = false;
  judge_write(written);
  if (written.has_value()) {
    if (std::exchange(state_failing_, false)) edge_.log.info("the notification state can be written again");
    journal_bytes_ = 0;
    journal_bytes_max_ = std::max(kJournalBytesMin, text.size());
    append_failed_ = false;
    appended_ = synced_ = upto;
    for (Wakeup& waiter : waiters_) waiter.notify();
  } else {
    journal_bytes_max_ = journal_bytes_ + kJournalBytesMin;
    snapshot_again_at_ = edge_.clock.now() + kSnapshotPause;
  }
  append();
}

asio::awaitable<void> NotifyLoop::deliver(alerts::Delivery delivery) {
  const std::shared_ptr<const alerts::notify::Notifier> notifier =
      notifier_;  // a reload may replace it meanwhile
  const alerts::DeliveryOutcome outcome = co_await send_delivery(edge_, *notifier, delivery, connections_);
  --in_flight_;
  look_at_role();
  accept(pipeline_->on_delivery(edge_.clock.unix_now(), delivery.id, outcome));
}

asio::awaitable<Result<HttpResponse>> fetch(Edge& edge, alerts::notify::OutgoingRequest outgoing,
                                            std::shared_ptr<net::HttpPool> connections) {
  net::FetchOptions options;
  options.deadline = edge.clock.now() + outgoing.timeout;
  options.tls = to_net(outgoing.tls);
  options.redirects_max = outgoing.follow_redirects ? 10 : 0;
  options.body_bytes_max = 64 * 1024;
  options.pool = std::move(connections);
  Result<HttpResponse> response =
      co_await net::fetch(edge.net, std::move(outgoing.request), std::move(options));
  co_return response;
}

asio::awaitable<alerts::DeliveryOutcome> send_delivery(Edge& edge, const alerts::notify::Notifier& notifier,
                                                       const alerts::Delivery& delivery,
                                                       std::shared_ptr<net::HttpPool> connections) {
  if (delivery.to->kind() == "email") {
    auto letter = notifier.to_mail(delivery, read_secret_file);
    if (letter.has_error()) co_return alerts::notify::outcome_of(letter.error());
    const alerts::DeliveryOutcome outcome = co_await mail(edge, std::move(*letter));
    co_return outcome;
  }
  auto outgoing = notifier.to_request(delivery, read_secret_file);
  if (outgoing.has_error()) co_return alerts::notify::outcome_of(outgoing.error());
  const Result<HttpResponse> response = co_await fetch(edge, std::move(*outgoing), std::move(connections));
  if (response.has_error()) {
    const bool sent = response.error().kind == ErrorKind::kTimeout;
    co_return alerts::notify::outcome_of_no_answer(response.error(), sent);
  }
  co_return alerts::notify::classify(*delivery.to, *response, edge.clock.unix_now());
}

}  // namespace sluice::app
