#include "exporters/postgres/postgres_probe.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/net/clock.h"
#include "core/net/resolver.h"
#include "exporters/postgres/postgres_judge.h"
#include "exporters/postgres/postgres_session.h"

namespace sluice::exporters::postgres {
namespace asio = boost::asio;
namespace {

// Runs on the connections' thread. Holds the session, which the prober may lose interest in meanwhile.
asio::awaitable<PostgresObservation> run(std::shared_ptr<PostgresSession> session,
                                         std::vector<net::IpAddress> addresses, Instant deadline,
                                         bool statistics) {
  co_return co_await session->probe(std::move(addresses), deadline, statistics);
}

}  // namespace

PostgresProber::PostgresProber(net::Net net, asio::any_io_executor connections, PostgresModule module,
                               PostgresTarget target)
    : net_(net),
      connections_(std::move(connections)),
      module_(std::move(module)),
      target_(std::move(target)),
      session_(std::make_shared<PostgresSession>(net_.clock, module_, target_)) {}

PostgresProber::~PostgresProber() {
  // Its connections must end on their own thread.
  asio::post(connections_, [session = std::move(session_)]() mutable { session.reset(); });
}

asio::awaitable<ProbeResult> PostgresProber::probe(ProbeContext context) {
  const Instant began = net_.clock.now();
  const bool statistics = context.deep && module_.reads_statistics();
  PostgresObservation seen;
  net::ResolveOptions any_family;
  auto addresses = co_await net_.resolver.resolve(target_.host, any_family, context.deadline);
  const Duration resolving = net_.clock.now() - began;
  if (addresses) {
    // The one hop to the other thread; it comes back by itself.
    asio::awaitable<PostgresObservation> there =
        run(session_, std::move(*addresses), context.deadline, statistics);
    seen = co_await asio::co_spawn(connections_, std::move(there), asio::use_awaitable);
    seen.phases[static_cast<size_t>(Phase::kResolve)] = resolving;
  } else {
    seen.failure = Failure{Failure::Kind::kFault, Phase::kResolve, addresses.error().message, "",
                           addresses.error().kind};
  }
  seen.shallow = !statistics;
  if (statistics) ++scrapes_;
  ProbeResult result = judge(module_, seen, scrapes_);
  result.duration = net_.clock.now() - context.scheduled;
  if (context.explain) result.findings = explain(module_, seen);
  co_return result;
}

}  // namespace sluice::exporters::postgres
