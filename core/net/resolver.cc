#include "core/net/resolver.h"

#include <ares.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <unordered_map>

#include "core/net/hosts_file.h"
#include "core/net/time_point.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using Addresses = std::vector<IpAddress>;

// What one family's query came to.
struct Answer {
  bool done = false;
  int status = ARES_SUCCESS;
  Addresses addresses;
};

Addresses of_family(const Addresses& all, bool v6) {
  Addresses some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [&](const IpAddress& a) { return a.is_v6 == v6; });
  return some;
}

// The addresses a caller who prefers `options` gets; empty when there are none it accepts.
Addresses choose(const Addresses& v4, const Addresses& v6, ResolveOptions options) {
  if (options.preferred == IpFamily::kAny) {
    Addresses both = v4;
    both.insert(both.end(), v6.begin(), v6.end());
    return both;
  }
  const bool want_v6 = options.preferred == IpFamily::kIp6;
  const Addresses& first = want_v6 ? v6 : v4;
  if (!first.empty() || !options.fallback) return first;
  return want_v6 ? v4 : v6;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return text;
}

bool is_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  return std::all_of(host.begin(), host.end(),
                     [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '/'; });
}

Fault no_address(const std::string& host, ResolveOptions options) {
  const char* family = options.fallback || options.preferred == IpFamily::kAny ? ""
                       : options.preferred == IpFamily::kIp6                   ? "IPv6 "
                                                                               : "IPv4 ";
  return {FaultKind::kDnsError, fmt::format("\"{}\" has no {}address", host, family)};
}

}  // namespace

// One look-up: two answers, and the coroutine that waits for them.
struct Resolver::Query {
  Query(const asio::any_io_executor& executor, std::string name, ResolveOptions how)
      : host(std::move(name)), options(how), wake(executor) {}

  std::string host;
  ResolveOptions options;
  Answer v4, v6;
  asio::steady_timer wake;  // expires at the deadline, cancelled when there is enough

  bool enough() const {
    if (options.preferred == IpFamily::kAny) return v4.done && v6.done;
    const bool want_v6 = options.preferred == IpFamily::kIp6;
    const Answer& first = want_v6 ? v6 : v4;
    const Answer& second = want_v6 ? v4 : v6;
    if (!first.addresses.empty()) return true;
    return first.done && (!options.fallback || second.done);
  }
};

// A c-ares channel on the event loop. c-ares says which sockets it watches and when it wants to be called
// again.
struct Resolver::Channel : std::enable_shared_from_this<Channel> {
  struct Socket {
    explicit Socket(const asio::any_io_executor& executor, int fd) : descriptor(executor, fd) {}
    asio::posix::stream_descriptor descriptor;
    bool want_read = false, want_write = false;
    bool reading = false, writing = false;
  };

  // Who waits for an answer of c-ares. Owned by c-ares until it calls back, which it does exactly once.
  struct Request {
    std::shared_ptr<Query> query;
    bool v6 = false;
  };

  explicit Channel(const asio::any_io_executor& io) : executor(io), timer(io) {}

  ~Channel() {
    if (ares != nullptr) ares_destroy(ares);
  }

  bool open(const ResolverOptions& options) {
    static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
    if (initialised != ARES_SUCCESS) return false;
    resolv_conf_stamp = stamp_of(options.resolv_conf);
    ares_options o{};
    o.timeout = static_cast<int>(to_ms(options.try_timeout).count());
    o.tries = options.tries;
    o.sock_state_cb = &Channel::on_socket_state;
    o.sock_state_cb_data = this;
    // Our own reader has looked into the hosts file already.
    std::string dns_only = "b", path = options.resolv_conf;
    o.lookups = dns_only.data();
    o.resolvconf_path = path.data();
    const int mask =
        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF;
    if (ares_init_options(&ares, &o, mask) != ARES_SUCCESS) {
      ares = nullptr;
      return false;
    }
    if (options.servers.empty()) return true;
    return ares_set_servers_ports_csv(ares, fmt::format("{}", fmt::join(options.servers, ",")).c_str()) ==
           ARES_SUCCESS;
  }

  static void on_socket_state(void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Channel*>(self)->watch(fd, readable != 0, writable != 0);
  }

  void watch(int fd, bool readable, bool writable) {
    auto found = sockets.find(fd);
    if (!readable && !writable) {
      if (found == sockets.end()) return;
      found->second->want_read = found->second->want_write = false;
      found->second->descriptor.release();  // c-ares closes it
      sockets.erase(found);
      return;
    }
    if (found == sockets.end()) found = sockets.emplace(fd, std::make_shared<Socket>(executor, fd)).first;
    found->second->want_read = readable;
    found->second->want_write = writable;
    arm(fd, found->second);
  }

  void arm(int fd, const std::shared_ptr<Socket>& socket) {
    const auto wait = [&](bool Socket::* want, bool Socket::* pending, auto direction, bool read) {
      if (!((*socket).*want) || (*socket).*pending) return;
      (*socket).*pending = true;
      socket->descriptor.async_wait(direction, [weak = weak_from_this(), socket, fd, pending,
                                                read](const boost::system::error_code& error) {
        (*socket).*pending = false;
        const std::shared_ptr<Channel> self = weak.lock();
        if (error || self == nullptr || !(socket->want_read || socket->want_write)) return;
        ares_process_fd(self->ares, read ? fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : fd);
        self->arm(fd, socket);
        self->reschedule();
      });
    };
    wait(&Socket::want_read, &Socket::reading, asio::posix::stream_descriptor::wait_read, true);
    wait(&Socket::want_write, &Socket::writing, asio::posix::stream_descriptor::wait_write, false);
  }

  // Wakes c-ares for its retries and timeouts.
  void reschedule() {
    timeval soonest{};
    if (ares_timeout(ares, nullptr, &soonest) == nullptr) {
      timer.cancel();
      return;
    }
    timer.expires_after(std::chrono::seconds(soonest.tv_sec) +
                        std::chrono::microseconds(soonest.tv_usec + 1000));
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const std::shared_ptr<Channel> self = weak.lock();
      if (error || self == nullptr) return;
      ares_process_fd(self->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      self->reschedule();
    });
  }

  void ask(const std::shared_ptr<Query>& query, bool v6) {
    ares_addrinfo_hints hints{};
    hints.ai_family = v6 ? AF_INET6 : AF_INET;
    hints.ai_flags = ARES_AI_NOSORT;
    auto request = std::make_unique<Request>(Request{query, v6});
    ares_getaddrinfo(ares, query->host.c_str(), nullptr, &hints, &Channel::on_answer, request.release());
  }

  static void on_answer(void* context, int status, int, ares_addrinfo* result) {
    const std::unique_ptr<Request> request(static_cast<Request*>(context));
    Answer& answer = request->v6 ? request->query->v6 : request->query->v4;
    answer.done = true;
    answer.status = status;
    for (const ares_addrinfo_node* node = result != nullptr ? result->nodes : nullptr; node != nullptr;
         node = node->ai_next) {
      IpAddress address;
      if (node->ai_family == AF_INET) {
        std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr, 4);
      } else if (node->ai_family == AF_INET6) {
        address.is_v6 = true;
        std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr,
                    16);
      } else {
        continue;
      }
      answer.addresses.push_back(address);
    }
    if (result != nullptr) ares_freeaddrinfo(result);
    if (request->query->enough()) request->query->wake.cancel();
  }

  asio::any_io_executor executor;
  asio::steady_timer timer;
  ares_channel ares = nullptr;
  std::unordered_map<int, std::shared_ptr<Socket>> sockets;
  FileStamp resolv_conf_stamp;
};

Resolver::Resolver(const asio::any_io_executor& executor, ResolverOptions options)
    : executor_(executor),
      options_(std::move(options)),
      hosts_(std::make_unique<HostsFile>(options_.hosts_file)) {}

Resolver::~Resolver() = default;

std::shared_ptr<Resolver::Channel> Resolver::channel() {
  if (channel_ != nullptr && channel_->resolv_conf_stamp == stamp_of(options_.resolv_conf)) return channel_;
  auto fresh = std::make_shared<Channel>(executor_);
  // Queries under way keep the old channel alive until they end.
  if (fresh->open(options_)) channel_ = fresh;
  return channel_;
}

asio::awaitable<NetResult<Addresses>> Resolver::resolve(std::string host, ResolveOptions options,
                                                        Instant deadline) {
  if (const std::optional<IpAddress> literal = parse_ip(host)) {
    const Addresses one{*literal};
    Addresses chosen = choose(of_family(one, false), of_family(one, true), options);
    if (chosen.empty()) co_return no_address(host, options);
    co_return chosen;
  }
  host = lower(std::move(host));
  if (host.ends_with('.') && host.size() > 1) host.pop_back();
  if (!is_name(host)) {
    const std::string shown = host.substr(0, 64);
    co_return Fault{FaultKind::kInvalid, fmt::format("\"{}\" is not a host name", shown)};
  }

  Addresses known = hosts_->find(host);
  if (known.empty() && (host == "localhost" || host.ends_with(".localhost"))) {
    known = {*parse_ip("127.0.0.1"), *parse_ip("::1")};  // RFC 6761
  }
  if (!known.empty()) {
    Addresses chosen = choose(of_family(known, false), of_family(known, true), options);
    if (chosen.empty()) co_return no_address(host, options);
    co_return chosen;
  }

  const std::shared_ptr<Channel> dns = channel();
  if (dns == nullptr) co_return Fault{FaultKind::kInvalid, "cannot read the resolver's configuration"};
  const auto query = std::make_shared<Query>(executor_, host, options);
  query->wake.expires_at(to_steady(deadline));
  const bool both = options.preferred == IpFamily::kAny || options.fallback;
  if (both || options.preferred == IpFamily::kIp6) dns->ask(query, true);
  if (both || options.preferred == IpFamily::kIp4) dns->ask(query, false);
  dns->reschedule();
  // c-ares may have answered on the spot.
  if (!query->enough()) co_await query->wake.async_wait(asio::as_tuple(asio::use_awaitable));

  Addresses chosen =
      query->enough() ? choose(query->v4.addresses, query->v6.addresses, options) : Addresses();
  if (!chosen.empty()) co_return chosen;
  const auto came_to = [&](int status) {
    return (query->v4.done && query->v4.status == status) || (query->v6.done && query->v6.status == status);
  };
  if (came_to(ARES_EDESTRUCTION) || came_to(ARES_ECANCELLED)) {
    co_return Fault{FaultKind::kClosed, "the resolver was closed"};
  }
  if (!query->enough() || came_to(ARES_ETIMEOUT)) {
    co_return Fault{FaultKind::kDnsTimeout, fmt::format("no name server answered for \"{}\" in time", host)};
  }
  for (const Answer* answer : {&query->v4, &query->v6}) {
    const bool absent = !answer->done || answer->status == ARES_SUCCESS || answer->status == ARES_ENODATA ||
                        answer->status == ARES_ENOTFOUND;
    if (absent) continue;
    co_return Fault{FaultKind::kDnsError, fmt::format("\"{}\": {}", host, ares_strerror(answer->status))};
  }
  co_return no_address(host, options);
}

}  // namespace sluice::net
