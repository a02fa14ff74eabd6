#pragma once
// Names to addresses without blocking: /etc/hosts, then the servers of resolv.conf, many queries at a time
// (c-ares on the event loop). Nothing is cached: a probe measures what a fresh client would meet.
//
// Asio's own resolver runs one getaddrinfo at a time: behind three slow names even a literal waited 3 s. Here
// a literal never waits, and a fast name among two hundred hung ones is answered in milliseconds.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/net/address.h"
#include "core/net/fault.h"
#include "core/time.h"

namespace sluice::net {

class HostsFile;

struct ResolveOptions {
  // kIp4 and kIp6 answer as soon as that family has addresses; kAny waits for both and lists IPv4 first.
  IpFamily preferred = IpFamily::kAny;
  bool fallback = true;  // without an address of the preferred family, take the other
};

struct ResolverOptions {
  std::vector<std::string> servers;  // "127.0.0.1:5353"; empty: those of resolv.conf
  std::string hosts_file = "/etc/hosts";
  std::string resolv_conf = "/etc/resolv.conf";  // read again when it changes
  Duration try_timeout = 2s;                     // per server and attempt
  int tries = 2;
};

class Resolver {
 public:
  Resolver(const boost::asio::any_io_executor& executor, ResolverOptions options = {});
  ~Resolver();  // queries under way end with kClosed

  // At least one address, or kDnsError (not found), kDnsTimeout, kInvalid. Literals are answered at once,
  // whatever the deadline. `deadline` is on the scale of Clock::now().
  boost::asio::awaitable<NetResult<std::vector<IpAddress>>> resolve(std::string host, ResolveOptions options,
                                                                    Instant deadline);

 private:
  struct Channel;
  struct Query;
  std::shared_ptr<Channel> channel();

  boost::asio::any_io_executor executor_;
  ResolverOptions options_;
  std::unique_ptr<HostsFile> hosts_;
  std::shared_ptr<Channel> channel_;
};

}  // namespace sluice::net
