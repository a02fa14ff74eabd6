#include "exporters/postgres/postgres_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <span>

#include "core/file/file.h"
#include "exporters/postgres/statistics.h"

namespace sluice::exporters::postgres {
namespace asio = boost::asio;
namespace {

constexpr size_t kConnectionsMax = 2;

// A descriptor that is watched, never owned.
class Watched {
 public:
  Watched(const asio::any_io_executor& executor, int fd) : descriptor_(executor) {
    boost::system::error_code failed;
    descriptor_.assign(fd, failed);
  }
  ~Watched() {
    if (descriptor_.is_open()) descriptor_.release();
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  asio::posix::stream_descriptor& get() { return descriptor_; }

 private:
  asio::posix::stream_descriptor descriptor_;
};

struct Wakening {
  asio::steady_timer timer;
  std::vector<PostgresLink*> ready;
};

// The links that are ready, or none when `until` came first.
asio::awaitable<std::vector<PostgresLink*>> any_ready(std::vector<PostgresLink*> links, Duration limit) {
  const auto executor = co_await asio::this_coro::executor;
  // Shared with handlers that may already be queued when the descriptors are let go.
  const auto wakening = std::make_shared<Wakening>(Wakening{asio::steady_timer(executor), {}});
  {
    std::vector<std::unique_ptr<Watched>> watched;
    watched.reserve(links.size());
    wakening->timer.expires_after(std::max(limit, Duration::zero()));
    for (PostgresLink* link : links) {
      if (link->wants() == PostgresLink::Readiness::kNone) continue;
      watched.push_back(std::make_unique<Watched>(executor, link->socket()));
      const auto type = link->wants() == PostgresLink::Readiness::kRead
                            ? asio::posix::stream_descriptor::wait_read
                            : asio::posix::stream_descriptor::wait_write;
      watched.back()->get().async_wait(type, [wakening, link](boost::system::error_code failed) {
        if (failed) return;
        wakening->ready.push_back(link);
        wakening->timer.cancel();
      });
    }
    boost::system::error_code ignored;
    co_await wakening->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  // A handler that runs after this must not report to anybody.
  co_return std::exchange(wakening->ready, {});
}

}  // namespace

struct PostgresSession::Entry {
  std::unique_ptr<PostgresLink> link;
  net::IpAddress address;
  bool fresh = true;  // opened by the probe that is under way
};

PostgresSession::PostgresSession(net::Clock& clock, PostgresModule module, PostgresTarget target)
    : clock_(clock), module_(std::move(module)), target_(std::move(target)) {}
PostgresSession::~PostgresSession() = default;

Parameters PostgresSession::parameters(const net::IpAddress& address, const std::string& password,
                                       Instant deadline) const {
  const SslMode mode = target_.ssl_mode.value_or(module_.ssl_mode);
  const bool verifies = mode == SslMode::kVerifyCa || mode == SslMode::kVerifyFull;
  // Where libpq would otherwise look into the home folder, it is sent to a file that cannot exist.
  const std::string nowhere = "/dev/null/none";
  const auto or_else = [](const std::string& value, const std::string& otherwise) {
    return value.empty() ? otherwise : value;
  };
  Parameters all = {
      {"host", target_.host},
      {"hostaddr", address.to_string()},
      {"port", fmt::format("{}", target_.port)},
      {"user", target_.user.value_or(or_else(module_.user, "postgres"))},
      {"password", password},
      {"dbname", target_.database.value_or(or_else(module_.database, "postgres"))},
      {"application_name", or_else(module_.application_name, "sluice")},
      {"client_encoding", "UTF8"},
      {"passfile", nowhere},
      {"sslmode", std::string(to_string(mode))},
      {"sslrootcert", or_else(target_.ca_file.value_or(module_.ca_file),
                              verifies ? "/etc/ssl/certs/ca-certificates.crt" : nowhere)},
      {"sslcert", or_else(target_.cert_file.value_or(module_.cert_file), nowhere)},
      {"sslkey", or_else(target_.key_file.value_or(module_.key_file), nowhere)},
      {"sslcrl", nowhere},
      {"gssencmode", "disable"},
      {"keepalives", "1"},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "5"},
      {"keepalives_count", "2"},
      {"tcp_user_timeout", "15000"},
  };
  if (options_ != Options::kNone) {
    // The server ends by itself what we have given up on: libpq could cancel only by waiting for the server.
    const int64_t left_ms = std::max<int64_t>(1, to_ms(deadline - clock_.now()).count());
    std::string options =
        fmt::format("-c statement_timeout={} -c lock_timeout={}", left_ms, (left_ms + 1) / 2);
    if (options_ == Options::kAll) options += " -c client_connection_check_interval=1000";
    all.emplace_back("options", std::move(options));
  }
  return all;
}

// Servers before 14 do not know client_connection_check_interval, and some poolers refuse `options` as a
// whole.
bool PostgresSession::retry_with_fewer_options(const Failure& failure) {
  if (failure.kind != Failure::Kind::kServer) return false;
  const bool names_interval = failure.message.find("client_connection_check_interval") != std::string::npos;
  if (options_ == Options::kAll && names_interval) {
    options_ = Options::kWithoutCheckInterval;
    return true;
  }
  const bool names_options = failure.message.find("options") != std::string::npos ||
                             failure.message.find("_timeout") != std::string::npos;
  if (options_ != Options::kNone && names_options &&
      (failure.sqlstate == "08P01" || failure.sqlstate == "42704")) {
    options_ = Options::kNone;
    return true;
  }
  return false;
}

void PostgresSession::forget(const Entry* entry) {
  std::erase_if(entries_, [&](const auto& e) { return e.get() == entry; });
}

// What is known of a connection, whether it stands or not.
void PostgresSession::describe(const Entry& entry, PostgresObservation& seen) const {
  for (const Phase phase : {Phase::kConnect, Phase::kTls, Phase::kAuthenticate}) {
    const auto index = static_cast<size_t>(phase);
    if (entry.fresh) seen.phases[index] = entry.link->phases()[index];
  }
  seen.reused = !entry.fresh;
  seen.answered = entry.link->answered();
  seen.tls = entry.link->tls();
  seen.address = net::Endpoint{entry.address, target_.port}.to_string();
}

// A connection that is ready for a statement, or null and seen.failure.
asio::awaitable<PostgresSession::Entry*> PostgresSession::connect(
    const std::vector<net::IpAddress>& addresses, Instant deadline, PostgresObservation& seen) {
  std::string password = target_.password.value_or(module_.password);
  if (!target_.password && !module_.password_file.empty()) {
    const auto read = file::read_secret(module_.password_file);
    if (!read) {
      seen.failure =
          Failure{Failure::Kind::kFault, Phase::kConnect, read.error().message, "", net::FaultKind::kInvalid};
      co_return nullptr;
    }
    password = *read;
  }
  size_t next_address = 0;
  Entry* fresh = nullptr;
  Instant attempt_ends = deadline;
  for (;;) {
    if (fresh == nullptr && next_address < addresses.size() && entries_.size() < kConnectionsMax) {
      const Instant now = clock_.now();
      // An address that only hangs gets its share of the time, not all of it.
      attempt_ends = now + (deadline - now) / static_cast<int64_t>(addresses.size() - next_address);
      if (module_.connect_timeout > Duration::zero()) {
        attempt_ends = std::min(attempt_ends, now + module_.connect_timeout);
      }
      entries_.push_back(std::make_unique<Entry>());
      fresh = entries_.back().get();
      fresh->address = addresses[next_address++];
      fresh->link = std::make_unique<PostgresLink>(parameters(fresh->address, password, deadline), now);
    }

    if (fresh != nullptr && fresh->link->state() == PostgresLink::State::kBroken) {
      describe(*fresh, seen);
      const Failure failure = fresh->link->failure();
      forget(fresh);
      fresh = nullptr;
      if (retry_with_fewer_options(failure)) {
        --next_address;
        continue;
      }
      const bool server_spoke = failure.kind == Failure::Kind::kServer;
      if (!server_spoke && next_address < addresses.size() && clock_.now() < deadline) continue;
      seen.failure = failure;
      co_return nullptr;
    }
    std::erase_if(entries_, [](const auto& e) { return e->link->state() == PostgresLink::State::kBroken; });
    for (const auto& entry : entries_) {
      if (entry->link->state() != PostgresLink::State::kIdle) continue;
      entry->link->take_result();  // of a statement that an earlier probe had given up on
      describe(*entry, seen);
      co_return entry.get();
    }
    if (entries_.empty()) continue;

    std::vector<PostgresLink*> watched;
    for (const auto& entry : entries_) watched.push_back(entry->link.get());
    const Instant until = fresh != nullptr ? std::min(attempt_ends, deadline) : deadline;
    const std::vector<PostgresLink*> ready = co_await any_ready(std::move(watched), until - clock_.now());
    const Instant now = clock_.now();
    for (PostgresLink* link : ready) link->on_ready(now);
    if (!ready.empty()) continue;

    const Entry& silent = fresh != nullptr ? *fresh : *entries_.back();
    describe(silent, seen);
    const Failure late{Failure::Kind::kTimeout, silent.link->phase(), "", "", {}};
    if (fresh != nullptr) {
      if (!fresh->link->established()) forget(fresh);
      fresh = nullptr;
    }
    const bool may_try_another = next_address < addresses.size() && entries_.size() < kConnectionsMax;
    if (now < deadline && may_try_another) continue;
    seen.failure = late;
    co_return nullptr;
  }
}

// Empty when the deadline came first: the link then stays kQuerying.
asio::awaitable<std::optional<PostgresLink::Outcome>> PostgresSession::ask(Entry& entry, std::string sql,
                                                                           Instant deadline) {
  PostgresLink& link = *entry.link;
  link.send(sql, clock_.now());
  while (link.state() == PostgresLink::State::kQuerying) {
    std::vector<PostgresLink*> watched(1, &link);
    const std::vector<PostgresLink*> ready = co_await any_ready(std::move(watched), deadline - clock_.now());
    if (ready.empty()) co_return std::nullopt;
    link.on_ready(clock_.now());
  }
  if (link.state() == PostgresLink::State::kBroken) {
    PostgresLink::Outcome broken;
    broken.failure = link.failure();
    co_return broken;
  }
  co_return link.take_result();
}

asio::awaitable<void> PostgresSession::ask_health(Entry& entry, Instant deadline, PostgresObservation& seen) {
  const Instant began = clock_.now();
  std::string sql =
      "SELECT 1 AS one, pg_is_in_recovery() AS in_recovery, current_setting('transaction_read_only') AS "
      "read_only";
  auto outcome = co_await ask(entry, sql, deadline);
  // Servers that speak PostgreSQL's protocol without being PostgreSQL may lack the function.
  if (outcome && outcome->failure && outcome->failure->sqlstate == "42883") {
    sql = "SELECT 1 AS one";
    outcome = co_await ask(entry, sql, deadline);
  }
  if (!outcome) {
    seen.failure = Failure{Failure::Kind::kTimeout, Phase::kQuery, "", "", {}};
    co_return;
  }
  if (outcome->failure) {
    seen.failure = std::move(outcome->failure);
    co_return;
  }
  const Table& table = *outcome->table;
  if (table.get(0, "one") != "1") {
    seen.failure = Failure{Failure::Kind::kProtocol, Phase::kQuery, "SELECT 1 did not return 1", "", {}};
    co_return;
  }
  seen.phases[static_cast<size_t>(Phase::kQuery)] = clock_.now() - began;
  seen.health_complete = table.get(0, "in_recovery").has_value();
  seen.in_recovery = table.get(0, "in_recovery") == "t";
  seen.read_only = table.get(0, "read_only") == "on";
}

asio::awaitable<Statistics> PostgresSession::ask_group(Entry& entry, std::string name, std::string sql,
                                                       Instant deadline) {
  const Instant at = clock_.now();
  Statistics group;
  group.collector = std::move(name);
  if (entry.link->state() != PostgresLink::State::kIdle || at >= deadline) {
    group.error = "no time was left";
    co_return group;
  }
  auto outcome = co_await ask(entry, std::move(sql), deadline);
  group.duration = clock_.now() - at;
  if (!outcome) {
    group.error = "no answer in time";
  } else if (outcome->failure) {
    group.error = fmt::format("{} {}", outcome->failure->sqlstate, outcome->failure->message);
  } else {
    group.table = std::move(outcome->table);
  }
  co_return group;
}

asio::awaitable<void> PostgresSession::ask_statistics(Entry& entry, Instant deadline,
                                                      PostgresObservation& seen) {
  const Instant began = clock_.now();
  if (module_.statistics) {
    for (const Collector& collector : collectors()) {
      Statistics group =
          co_await ask_group(entry, std::string(collector.name), std::string(collector.sql), deadline);
      seen.statistics.push_back(std::move(group));
    }
  }
  for (const CustomQuery& query : module_.queries) {
    Kept& kept = kept_[query.name];
    if (clock_.now() < kept.until) {
      seen.statistics.push_back({query.name, kept.table, "", Duration{}});
      continue;
    }
    Statistics group = co_await ask_group(entry, query.name, query.sql, deadline);
    if (group.table && group.table->rows.size() > kCustomRowsMax) {
      group.error = fmt::format("{} rows, at most {} are shown", group.table->rows.size(), kCustomRowsMax);
      group.table.reset();
    }
    if (group.table && query.cache > Duration::zero()) kept = {*group.table, clock_.now() + query.cache};
    seen.statistics.push_back(std::move(group));
  }
  seen.statistics_duration = clock_.now() - began;
}

asio::awaitable<PostgresObservation> PostgresSession::probe(std::vector<net::IpAddress> addresses,
                                                            Instant deadline, bool statistics) {
  PostgresObservation seen;
  // Where the name does not lead any more nobody needs to be waited for.
  std::erase_if(entries_,
                [&](const auto& e) { return std::ranges::find(addresses, e->address) == addresses.end(); });
  const bool kept = std::ranges::any_of(
      entries_, [](const auto& e) { return e->link->state() == PostgresLink::State::kIdle; });
  for (int attempt = 0; attempt < 2; ++attempt) {
    Entry* entry = co_await connect(addresses, deadline, seen);
    if (entry == nullptr) break;
    co_await ask_health(*entry, deadline, seen);
    // A kept connection may have died since; what counts is whether a new one can be had.
    const bool stale =
        attempt == 0 && kept && seen.reused && entry->link->state() == PostgresLink::State::kBroken;
    if (stale) {
      seen = {};
      forget(entry);
      continue;
    }
    if (!seen.failure && statistics) {
      const Duration left = deadline - clock_.now();
      co_await ask_statistics(*entry, deadline - std::min<Duration>(left / 10, 100ms), seen);
    }
    // The server answers, so it notices what we close.
    const bool answers = !seen.failure || seen.failure->kind == Failure::Kind::kServer;
    if (answers) std::erase_if(entries_, [&](const auto& e) { return e.get() != entry; });
    const bool usable = entry->link->state() == PostgresLink::State::kIdle;
    const bool silent = entry->link->state() == PostgresLink::State::kQuerying;
    if (!silent && !(usable && module_.reuse_connection && !seen.failure)) forget(entry);
    break;
  }
  std::erase_if(entries_, [](const auto& e) {
    return e->link->state() == PostgresLink::State::kBroken || !e->link->established();
  });
  for (const auto& entry : entries_) {
    entry->fresh = false;
    if (entry->link->state() != PostgresLink::State::kIdle) ++seen.connections_waiting;
  }
  co_return seen;
}

}  // namespace sluice::exporters::postgres
