#pragma once
// From a module and a target to a prober: one table of the kinds there are.

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/net/net.h"
#include "core/result.h"
#include "exporters/probe.h"
#include "exporters/registry/module.h"

namespace sluice::exporters {

namespace postgres {
class PostgresThread;
}

// Makes probers and keeps what they share: compiled modules, and the thread of the PostgreSQL connections
// once somebody needs it. Must outlive its probers.
class Registry {
 public:
  // What `net` refers to must outlive the registry.
  explicit Registry(net::Net net);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // kInvalid when the module's prober is unknown, the module has a mistake or the target cannot be its
  // target.
  Result<std::unique_ptr<Prober>> make_prober(const Module& module, const std::string& target);

  struct Compiled;

 private:
  net::Net net_;
  std::map<std::string, std::shared_ptr<const Compiled>> compiled_;  // by module name
  std::unique_ptr<postgres::PostgresThread> postgres_;
};

// "http", "tcp", ...: what `prober:` may say.
std::span<const std::string_view> prober_kinds();

}  // namespace sluice::exporters
