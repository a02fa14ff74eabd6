#include "exporters/postgres/postgres_link.h"

#include <libpq-fe.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <pqxx/connection_base>
#include <pqxx/connectionpolicy.hxx>
#include <pqxx/except>
#include <pqxx/nontransaction>
#include <pqxx/pipeline>
#include <pqxx/result>

#include "core/check.h"

namespace sluice::exporters::postgres {
namespace {

// More than any honest server says before it is ready, and more than the widest statistics of ten thousand
// databases.
constexpr uint64_t kHandshakeBytesMax = uint64_t{1} << 20;
constexpr uint64_t kAnswerBytesMax = uint64_t{32} << 20;

using Handle = pqxx::connectionpolicy::handle;

// Hands a connection that libpq has finished to libpqxx, and never makes another one.
class AdoptPolicy : public pqxx::connectionpolicy {
 public:
  explicit AdoptPolicy(Handle handle) : pqxx::connectionpolicy(std::string()), handle_(handle) {}
  Handle do_startconnect(Handle current) override {
    return current != nullptr ? current : std::exchange(handle_, nullptr);
  }

 private:
  Handle handle_;
};
struct AdoptPolicyHolder {
  AdoptPolicy policy;
};

// Sends nothing: adopting costs no round trip. libpqxx 7 has seize_raw_connection for this.
class AdoptedConnection : private AdoptPolicyHolder, public pqxx::connection_base {
 public:
  explicit AdoptedConnection(Handle handle)
      : AdoptPolicyHolder{AdoptPolicy(handle)}, pqxx::connection_base(AdoptPolicyHolder::policy) {
    init();
  }
  ~AdoptedConnection() { close(); }
};

uint64_t bytes_received(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_bytes_received;
}

Table to_table(const pqxx::result& result) {
  Table table;
  for (pqxx::row::size_type c = 0; c < result.columns(); ++c)
    table.columns.emplace_back(result.column_name(c));
  table.rows.reserve(result.size());
  for (const auto& row : result) {
    auto& cells = table.rows.emplace_back();
    cells.reserve(table.columns.size());
    for (const auto& field : row) {
      if (field.is_null()) {
        cells.emplace_back();
      } else {
        cells.emplace_back(std::string(field.c_str(), field.size()));
      }
    }
  }
  return table;
}

void ignore_notice(void*, const char*) {}

}  // namespace

ServerMessage parse_server_message(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  // The severity may be in any language, so what is looked for is ":  XXXXX: ", the form of verbose errors.
  for (size_t at = line.find(":  "); at != std::string_view::npos; at = line.find(":  ", at + 1)) {
    const std::string_view rest = line.substr(at + 3);
    if (rest.size() < 7 || rest[5] != ':' || rest[6] != ' ') continue;
    const std::string_view state = rest.substr(0, 5);
    const bool is_state =
        std::ranges::all_of(state, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
    if (is_state) return {std::string(state), std::string(rest.substr(7))};
  }
  return {"", std::string(line)};
}

struct PostgresLink::Connection {
  State state = State::kConnecting;
  Readiness wants = Readiness::kNone;
  Phase phase = Phase::kConnect;
  Instant phase_began;
  std::array<std::optional<Duration>, kPhaseCount> phases;
  Failure failure;
  bool answered = false;
  bool tls = false;

  PGconn* handle = nullptr;  // ours until adopted, then libpqxx's; it stays valid until `adopted` goes
  std::unique_ptr<AdoptedConnection> adopted;
  std::unique_ptr<pqxx::nontransaction> transaction;
  std::unique_ptr<pqxx::pipeline> pipeline;
  pqxx::pipeline::query_id query = 0;
  uint64_t bytes_before_query = 0;
  Outcome outcome;

  ~Connection() {
    if (state == State::kQuerying) abandon();
    drop();
  }

  void drop() {
    pipeline.reset();
    transaction.reset();
    if (adopted != nullptr) {
      adopted.reset();
    } else if (handle != nullptr) {
      PQfinish(handle);
    }
    handle = nullptr;
  }

  // With a query under way, the pipeline's destructor would cancel it: over a new connection, which blocks
  // for as long as the server is frozen. A pipeline that has seen the connection break has nothing to cancel.
  // So break it.
  void abandon() {
    if (const int fd = PQsocket(handle); fd >= 0) shutdown(fd, SHUT_RDWR);
    try {
      // What had already arrived is read first; it is bounded by the socket's buffer.
      while (PQstatus(handle) == CONNECTION_OK && !pipeline->is_finished(query)) pipeline->resume();
    } catch (const std::exception&) {
    }
  }

  void fail(Failure::Kind kind, std::string message) {
    ServerMessage parsed = parse_server_message(message);
    failure = {};
    failure.kind =
        kind == Failure::Kind::kConnection && !parsed.sqlstate.empty() ? Failure::Kind::kServer : kind;
    failure.at = phase;
    failure.message = parsed.sqlstate.empty() ? std::move(message) : std::move(parsed.message);
    failure.sqlstate = std::move(parsed.sqlstate);
    if (state == State::kQuerying) abandon();
    state = State::kBroken;
    wants = Readiness::kNone;
    drop();
  }

  void enter(Phase next, Instant now) {
    if (next == phase) return;
    auto& spent = phases[static_cast<size_t>(phase)];
    spent = spent.value_or(Duration::zero()) + (now - phase_began);  // libpq may come back to a phase
    phase = next;
    phase_began = now;
  }

  void note_answer() {
    if (!answered) answered = bytes_received(PQsocket(handle)) > 0;
  }

  void poll(Instant now) {
    if (bytes_received(PQsocket(handle)) > kHandshakeBytesMax) {
      return fail(Failure::Kind::kProtocol, "the server says too much before it is ready");
    }
    note_answer();
    const PostgresPollingStatusType status = PQconnectPoll(handle);
    if (status == PGRES_POLLING_FAILED) return fail(Failure::Kind::kConnection, PQerrorMessage(handle));
    if (status == PGRES_POLLING_OK) return adopt(now);
    note_answer();
    wants = status == PGRES_POLLING_READING ? Readiness::kRead : Readiness::kWrite;
    switch (PQstatus(handle)) {
      case CONNECTION_NEEDED:
      case CONNECTION_STARTED:
        enter(Phase::kConnect, now);
        break;
      case CONNECTION_SSL_STARTUP:
        enter(Phase::kTls, now);
        break;
      // The first packet has just been queued: whether it is an SSLRequest shows after it has been sent.
      case CONNECTION_MADE:
        break;
      default:
        enter(Phase::kAuthenticate, now);
        break;
    }
  }

  void adopt(Instant now) {
    answered = true;
    tls = PQsslInUse(handle) != 0;
    enter(Phase::kQuery, now);
    try {
      adopted = std::make_unique<AdoptedConnection>(handle);
    } catch (const std::exception& e) {
      handle = nullptr;  // the constructor had taken it and has closed it
      return fail(Failure::Kind::kProtocol, e.what());
    }
    state = State::kIdle;
    wants = Readiness::kNone;
  }

  // True when the server is ready for the next statement. The result of the last one may be here without
  // that, and libpqxx would then wait for it inside the next insert.
  bool settled() {
    while (PQtransactionStatus(handle) == PQTRANS_ACTIVE) {
      if (PQisBusy(handle) != 0) return false;
      PGresult* result = PQgetResult(handle);
      if (result == nullptr) break;
      PQclear(result);
      throw pqxx::internal_error("more results than statements");
    }
    return true;
  }

  // A TLS record may hold more than libpq took from it: then OpenSSL has bytes that the socket never
  // announces again.
  bool bytes_in_tls() {
    if (!tls) return false;
    auto* ssl = static_cast<SSL*>(PQsslStruct(handle, "OpenSSL"));
    return ssl != nullptr && SSL_pending(ssl) > 0;
  }

  void advance() {
    if (bytes_received(PQsocket(handle)) > bytes_before_query + kAnswerBytesMax) {
      return fail(Failure::Kind::kProtocol, "the server's answer is too long");
    }
    try {
      do {
        pipeline->resume();
        if (pipeline->is_finished(query)) {
          // From here on resume() reads nothing any more.
          if (PQtransactionStatus(handle) == PQTRANS_ACTIVE && PQconsumeInput(handle) == 0) {
            throw pqxx::broken_connection(PQerrorMessage(handle));
          }
          if (settled()) return finish_query();
        } else if (PQtransactionStatus(handle) != PQTRANS_ACTIVE) {
          return fail(Failure::Kind::kProtocol, "the server ended the statement without a result");
        }
      } while (bytes_in_tls());
      wants = Readiness::kRead;
    } catch (const pqxx::broken_connection& e) {
      broke_while_querying(e.what());
    } catch (const std::exception& e) {
      fail(Failure::Kind::kProtocol, e.what());
    }
  }

  void broke_while_querying(std::string message) {
    if (const std::string said = PQerrorMessage(handle); !said.empty()) message = said;
    // A server that throws us out says why in an error that looks like the statement's own.
    std::optional<Failure> farewell;
    if (pipeline->is_finished(query)) {
      finish_query();
      farewell = std::move(outcome.failure);
    }
    fail(Failure::Kind::kConnection, std::move(message));
    if (farewell) failure = std::move(*farewell);
  }

  void finish_query() {
    outcome = {};
    try {
      outcome.table = to_table(pipeline->retrieve(query));
    } catch (const std::exception& e) {
      ServerMessage parsed = parse_server_message(e.what());
      Failure& refused = outcome.failure.emplace();
      refused.at = Phase::kQuery;
      refused.kind = parsed.sqlstate.empty() ? Failure::Kind::kProtocol : Failure::Kind::kServer;
      refused.sqlstate = std::move(parsed.sqlstate);
      refused.message = std::move(parsed.message);
    }
    pipeline.reset();
    transaction.reset();
    state = State::kIdle;
    wants = Readiness::kNone;
  }
};

PostgresLink::PostgresLink(const Parameters& parameters, Instant now)
    : connection_(std::make_unique<Connection>()) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : parameters) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  Connection& c = *connection_;
  c.phase_began = now;
  c.handle = PQconnectStartParams(keys.data(), values.data(), 0);
  SLUICE_CHECK(c.handle != nullptr, "out of memory in PQconnectStart");
  if (PQstatus(c.handle) == CONNECTION_BAD) {
    c.fail(Failure::Kind::kConnection, PQerrorMessage(c.handle));
    return;
  }
  PQsetErrorVerbosity(c.handle,
                      PQERRORS_VERBOSE);  // puts the SQLSTATE, the same in every language, into the text
  PQsetNoticeProcessor(c.handle, ignore_notice, nullptr);
  c.wants = Readiness::kWrite;
}

PostgresLink::~PostgresLink() = default;

PostgresLink::State PostgresLink::state() const {
  return connection_->state;
}
PostgresLink::Readiness PostgresLink::wants() const {
  return connection_->wants;
}
int PostgresLink::socket() const {
  return connection_->handle == nullptr ? -1 : PQsocket(connection_->handle);
}
const Failure& PostgresLink::failure() const {
  return connection_->failure;
}
Phase PostgresLink::phase() const {
  return connection_->phase;
}
const std::array<std::optional<Duration>, kPhaseCount>& PostgresLink::phases() const {
  return connection_->phases;
}
bool PostgresLink::established() const {
  return connection_->state != State::kBroken && connection_->phase > Phase::kConnect;
}
bool PostgresLink::answered() const {
  return connection_->answered;
}
bool PostgresLink::tls() const {
  return connection_->tls;
}

void PostgresLink::on_ready(Instant now) {
  switch (connection_->state) {
    case State::kConnecting:
      return connection_->poll(now);
    case State::kQuerying:
      return connection_->advance();
    case State::kIdle:
    case State::kBroken:
      return;
  }
}

void PostgresLink::send(const std::string& sql, Instant) {
  Connection& c = *connection_;
  SLUICE_CHECK(c.state == State::kIdle, "one statement at a time");
  c.bytes_before_query = bytes_received(PQsocket(c.handle));
  try {
    c.transaction = std::make_unique<pqxx::nontransaction>(*c.adopted);
    c.pipeline = std::make_unique<pqxx::pipeline>(*c.transaction);
    c.pipeline->retain(0);
    c.query = c.pipeline->insert(sql);
    c.state = State::kQuerying;
    c.wants = Readiness::kRead;
  } catch (const std::exception& e) {
    const std::string said = PQerrorMessage(c.handle);
    c.fail(Failure::Kind::kConnection, said.empty() ? e.what() : said);
  }
}

PostgresLink::Outcome PostgresLink::take_result() {
  return std::exchange(connection_->outcome, {});
}

}  // namespace sluice::exporters::postgres
