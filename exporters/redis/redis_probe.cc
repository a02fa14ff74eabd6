#include "exporters/redis/redis_probe.h"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>

#include "core/file/file.h"
#include "core/net/clock.h"
#include "core/net/deadline.h"
#include "core/net/resolver.h"
#include "core/net/stream.h"
#include "core/net/tls.h"
#include "exporters/redis/redis_judge.h"

namespace sluice::exporters::redis {
namespace asio = boost::asio;
namespace {

using net::RedisCommand;

// One probe under way.
struct Run {
  net::Net net;
  const RedisModule& module;
  const net::RedisUrl& target;
  Instant deadline;
  RedisObservation seen;
  std::unique_ptr<net::RedisConnection> connection;

  void passed(Phase phase, Instant began) {
    seen.phases[static_cast<size_t>(phase)] = net.clock.now() - began;
  }
  void failed(Phase phase, net::Fault fault) { seen.failure = Failure{phase, std::move(fault), ""}; }
  void refused(Phase phase, std::string error) {
    seen.failure = Failure{phase, std::nullopt, std::move(error)};
  }
};

asio::awaitable<bool> connect(Run& run) {
  const auto executor = co_await asio::this_coro::executor;
  net::Deadline deadline(executor, run.deadline);

  Instant began = run.net.clock.now();
  net::ResolveOptions any_family;
  auto addresses = co_await run.net.resolver.resolve(run.target.host, any_family, run.deadline);
  if (!addresses) {
    run.failed(Phase::kResolve, addresses.error());
    co_return false;
  }
  run.passed(Phase::kResolve, began);

  began = run.net.clock.now();
  auto stream = co_await net::connect_any(std::move(*addresses), run.target.port, deadline);
  if (!stream) {
    run.failed(Phase::kConnect, stream.error());
    co_return false;
  }
  run.passed(Phase::kConnect, began);

  if (run.target.tls || run.module.tls) {
    began = run.net.clock.now();
    auto context = run.net.tls.client(run.module.tls_config);
    if (!context) {
      run.failed(Phase::kTls, context.error());
      co_return false;
    }
    net::TlsClientOptions options;
    const std::string& name = run.module.tls_config.server_name;
    options.server_name = name.empty() ? run.target.host : name;
    net::TlsFacts facts;
    stream = co_await net::tls_connect(std::move(*stream), *context, options, facts, deadline);
    if (!stream) {
      run.failed(Phase::kTls, stream.error());
      co_return false;
    }
    run.passed(Phase::kTls, began);
    run.seen.tls = true;
  }
  deadline.release();
  run.connection = std::make_unique<net::RedisConnection>(std::move(*stream));
  co_return true;
}

// One command of the health part: its reply, or run.seen.failure.
asio::awaitable<std::optional<net::RedisReply>> ask(Run& run, Phase phase, RedisCommand command) {
  const Instant began = run.net.clock.now();
  auto reply = co_await run.connection->command(std::move(command), run.deadline);
  if (!reply) {
    run.failed(phase, reply.error());
    co_return std::nullopt;
  }
  run.passed(phase, began);
  co_return std::move(*reply);
}

asio::awaitable<bool> authenticate(Run& run) {
  const std::string& user = run.target.user.empty() ? run.module.username : run.target.user;
  std::string password = run.target.password;
  if (password.empty() && !run.module.password_file.empty()) {
    auto read = file::read_secret(run.module.password_file);
    if (!read) {
      run.failed(Phase::kAuth, net::Fault{net::FaultKind::kInvalid, read.error().message});
      co_return false;
    }
    password = std::move(*read);
  }
  if (password.empty()) password = run.module.password;
  if (user.empty() && password.empty()) co_return true;
  RedisCommand command{"AUTH"};
  if (!user.empty()) command.push_back(user);
  command.push_back(std::move(password));
  const auto reply = co_await ask(run, Phase::kAuth, std::move(command));
  if (!reply) co_return false;
  if (reply->is_error()) {
    run.refused(Phase::kAuth, reply->text);
    co_return false;
  }
  co_return true;
}

asio::awaitable<bool> ping(Run& run) {
  RedisCommand command{"PING"};
  const auto reply = co_await ask(run, Phase::kPing, std::move(command));
  if (!reply) co_return false;
  if (reply->is_error()) {
    run.refused(Phase::kPing, reply->text);
    co_return false;
  }
  if (reply->text != "PONG") {
    run.failed(Phase::kPing, net::Fault{net::FaultKind::kProtocol, "PING was not answered with PONG"});
    co_return false;
  }
  co_return true;
}

// Optional: an ACL may forbid it, and Redis before 2.8.12 does not know it.
asio::awaitable<bool> learn_role(Run& run) {
  RedisCommand command{"ROLE"};
  const auto reply = co_await ask(run, Phase::kRole, std::move(command));
  if (!reply) co_return false;
  if (!reply->elements.empty()) run.seen.role = reply->elements[0].text;
  co_return true;
}

// Writes, reads back and removes a key of our own, in the target's database. The key is new each time: agents
// that write at the same moment do not disturb each other, and what is read must be what was written.
asio::awaitable<bool> try_to_write(Run& run) {
  const WriteCanary& canary = run.module.write_canary;
  const Instant began = run.net.clock.now();
  const std::string value =
      fmt::format("{}-{}", to_unix_ms(run.net.clock.unix_now()), began.time_since_epoch().count());
  const std::string key = fmt::format("{}:{}", canary.key, value);
  const std::string ttl_ms = fmt::format("{}", std::max<int64_t>(1, to_ms(canary.ttl).count()));
  std::vector<RedisCommand> commands;
  if (run.target.database != 0) commands.push_back({"SELECT", fmt::format("{}", run.target.database)});
  const size_t reading = commands.size() + 1;
  commands.push_back({"SET", key, value, "PX", ttl_ms});
  commands.push_back({"GET", key});
  commands.push_back({"DEL", key});
  const auto replies = co_await run.connection->pipeline(std::move(commands), run.deadline);
  if (!replies) {
    run.failed(Phase::kCanary, replies.error());
    co_return false;
  }
  for (const net::RedisReply& reply : *replies) {
    if (!reply.is_error()) continue;
    run.refused(Phase::kCanary, reply.text);
    co_return false;
  }
  if ((*replies)[reading].text != value) {
    run.refused(Phase::kCanary, "ERR the canary was accepted and could not be read back");
    co_return false;
  }
  run.passed(Phase::kCanary, began);
  co_return true;
}

asio::awaitable<void> read_statistics(Run& run) {
  const Instant began = run.net.clock.now();
  RedisObservation& seen = run.seen;
  seen.statistics_asked = true;
  // INFO first and by itself: should a proxy stumble over one of the others, it is already here.
  const Duration left = run.deadline - began;
  const Instant until = run.deadline - std::min<Duration>(left / 10, 100ms);
  RedisCommand info{"INFO", "ALL"};
  auto told = co_await run.connection->command(std::move(info), until);
  if (told) {
    seen.info = std::move(*told);
    std::vector<RedisCommand> commands;
    for (const char* name : {"databases", "maxclients", "maxmemory", "io-threads"}) {
      commands.push_back({"CONFIG", "GET", name});
    }
    commands.push_back({"SLOWLOG", "LEN"});
    commands.push_back({"SLOWLOG", "GET", "1"});
    commands.push_back({"LATENCY", "LATEST"});
    auto replies = co_await run.connection->pipeline(std::move(commands), until);
    if (replies) {
      net::RedisReply& config = seen.config.emplace();
      config.kind = net::RedisReply::Kind::kArray;
      for (size_t i = 0; i < 4; ++i) {
        for (net::RedisReply& part : (*replies)[i].elements) config.elements.push_back(std::move(part));
      }
      seen.slowlog_length = std::move((*replies)[4]);
      seen.slowlog_last = std::move((*replies)[5]);
      seen.latency = std::move((*replies)[6]);
    } else {
      seen.statistics_fault = replies.error();
    }
  } else {
    seen.statistics_fault = told.error();
  }
  seen.statistics_duration = run.net.clock.now() - began;
}

asio::awaitable<void> examine(Run& run) {
  if (!co_await connect(run)) co_return;
  if (!co_await authenticate(run)) co_return;
  if (!co_await ping(run)) co_return;
  if (!co_await learn_role(run)) co_return;
  if (run.module.write_canary.enabled && !co_await try_to_write(run)) co_return;
  if (run.module.statistics) co_await read_statistics(run);
}

}  // namespace

RedisProber::RedisProber(net::Net net, RedisModule module, net::RedisUrl target)
    : net_(net), module_(std::move(module)), target_(std::move(target)) {}

asio::awaitable<ProbeResult> RedisProber::probe(ProbeContext context) {
  RedisModule module = module_;
  module.statistics = module.statistics && context.deep;
  Run run{net_, module, target_, context.deadline, {}, nullptr};
  co_await examine(run);
  if (run.connection != nullptr) run.connection->close();
  if (module.statistics) ++scrapes_;
  ProbeResult result = judge(module, run.seen, scrapes_);
  result.duration = net_.clock.now() - context.scheduled;
  if (context.explain) result.findings = explain(module, run.seen);
  co_return result;
}

}  // namespace sluice::exporters::redis
