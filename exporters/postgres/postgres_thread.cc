#include "exporters/postgres/postgres_thread.h"

#include <libpq-fe.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <thread>

namespace sluice::exporters::postgres {
namespace {

void forget_environment() {
  // First those that would make libpq read files while it lists its options.
  for (const char* name : {"PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGREQUIRESSL"}) unsetenv(name);
  PQconninfoOption* options = PQconndefaults();
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    if (option->envvar != nullptr) unsetenv(option->envvar);
  }
  PQconninfoFree(options);
}

}  // namespace

struct PostgresThread::State {
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::thread thread;
};

PostgresThread::PostgresThread() : state_(std::make_unique<State>()) {
  forget_environment();
  state_->thread = std::thread([io = &state_->io] { io->run(); });
}

PostgresThread::~PostgresThread() {
  state_->io.stop();
  state_->thread.join();
}

boost::asio::any_io_executor PostgresThread::executor() {
  return state_->io.get_executor();
}

}  // namespace sluice::exporters::postgres
