#pragma once
// A name server on loopback that answers some names and leaves others waiting.

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::support {

struct DnsRecord {
  std::vector<std::string> v4;
  std::vector<std::string> v6;
  bool hangs = false;     // never answered
  bool hangs_v6 = false;  // only the AAAA question is never answered
  bool fails = false;     // SERVFAIL
};

// Names that are not in `records` do not exist (NXDOMAIN). Listens on a free UDP port of 127.0.0.1.
class FakeDns {
 public:
  FakeDns(boost::asio::io_context& io, std::map<std::string, DnsRecord> records);
  ~FakeDns();
  std::string address() const;  // "127.0.0.1:40000"
  int questions() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::support
