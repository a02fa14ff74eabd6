#include "exporters/tcp/tcp_probe.h"

#include <boost/asio/this_coro.hpp>

#include "core/net/clock.h"
#include "core/net/deadline.h"
#include "core/net/resolver.h"
#include "core/net/stream.h"
#include "core/net/tls.h"
#include "exporters/tcp/tcp_judge.h"

namespace asio = boost::asio;

namespace sluice::exporters::tcp {
namespace {

constexpr size_t kLineBytesMax = 64 * 1024;
constexpr size_t kShownBytesMax = 200;

using net::Fault;
using net::FaultKind;
using net::NetResult;

// Lines of a stream, one at a time, without their ends ("\n" or "\r\n").
class LineReader {
 public:
  // A line, or empty at the end of the stream. What comes last counts as a line, even without an end.
  asio::awaitable<NetResult<std::optional<std::string>>> next(net::Stream& stream) {
    while (true) {
      if (const size_t end = pending_.find('\n', searched_); end != std::string::npos) {
        std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        searched_ = 0;
        if (line.ends_with('\r')) line.pop_back();
        co_return std::optional<std::string>(std::move(line));
      }
      searched_ = pending_.size();
      if (pending_.size() > kLineBytesMax) {
        co_return Fault{FaultKind::kBodyTooLarge, "a line of more than 64 KiB"};
      }
      char bytes[4096];
      const NetResult<size_t> got = co_await stream.read_some(bytes);
      if (!got) co_return got.error();
      if (*got == 0) break;
      pending_.append(bytes, *got);
    }
    searched_ = 0;
    if (pending_.empty()) co_return std::optional<std::string>();
    co_return std::optional<std::string>(std::exchange(pending_, std::string()));
  }

  void clear() {
    pending_.clear();
    searched_ = 0;
  }

 private:
  std::string pending_;
  size_t searched_ = 0;  // no line end before this
};

// One probe's connection and what it has shown.
class Conversation {
 public:
  Conversation(net::Net& net, const TcpScript& script, std::string host, net::Deadline& deadline,
               TcpObservation& seen)
      : net_(net), script_(script), host_(std::move(host)), deadline_(deadline), seen_(seen) {}

  asio::awaitable<NetResult<void>> run(uint16_t port) {
    const Instant start = net_.clock.now();
    std::optional<net::IpAddress> source;
    if (!script_.module.source_ip_address.empty()) source = net::parse_ip(script_.module.source_ip_address);
    auto connected = co_await net::connect_tcp({*seen_.address, port}, deadline_, source);
    seen_.connect = net_.clock.now() - start;
    if (!connected) co_return connected.error();
    seen_.connected = true;
    stream_ = std::move(*connected);
    if (script_.module.tls) {
      const NetResult<void> secured = co_await start_tls();
      if (!secured) co_return secured.error();
    }
    for (const TcpScript::Step& step : script_.steps) {
      const NetResult<void> played = co_await play(step);
      if (!played || seen_.ended_without_match) co_return played;
      ++seen_.steps_done;
    }
    co_return NetResult<void>();
  }

 private:
  asio::awaitable<NetResult<void>> start_tls() {
    const Instant start = net_.clock.now();
    const auto context = net_.tls.client(script_.module.tls_config);
    if (!context) co_return context.error();
    net::TlsClientOptions options{host_, false};
    auto secured = co_await net::tls_connect(std::move(stream_), *context, std::move(options),
                                             seen_.tls_facts, deadline_);
    seen_.tls += net_.clock.now() - start;
    if (!secured) co_return secured.error();
    stream_ = std::move(*secured);
    // Bytes that came in the clear before the handshake are not part of what was secured.
    lines_.clear();
    co_return NetResult<void>();
  }

  asio::awaitable<NetResult<void>> play(const TcpScript::Step& step) {
    std::optional<Match> match;
    if (step.expect != nullptr) {
      const NetResult<void> read = co_await read_until_match(*step.expect, match);
      if (!read || seen_.ended_without_match) co_return read;
      add_labels(step, *match);
    }
    if (!step.source->send.empty()) {
      const std::string text = expand(step.source->send, match ? &*match : nullptr) + "\n";
      const NetResult<void> sent = co_await stream_->write_all(text);
      if (!sent) co_return sent.error();
    }
    if (step.source->starttls) co_return co_await start_tls();
    co_return NetResult<void>();
  }

  asio::awaitable<NetResult<void>> read_until_match(const re2::RE2& regex, std::optional<Match>& match) {
    while (true) {
      const auto line = co_await lines_.next(*stream_);
      if (!line) co_return line.error();
      if (!*line) {
        seen_.ended_without_match = true;
        co_return NetResult<void>();
      }
      match = match_line(regex, **line);
      if (match) co_return NetResult<void>();
      seen_.last_line = (*line)->substr(0, kShownBytesMax);
    }
  }

  void add_labels(const TcpScript::Step& step, const Match& match) {
    if (step.source->labels.empty()) return;
    std::vector<Label> labels;
    for (const auto& label : step.source->labels) {
      std::string value = expand(label.value, &match);
      labels.push_back({label.name, is_valid_utf8(value) ? std::move(value) : "(not UTF-8)"});
    }
    seen_.expect_labels.push_back(Labels::from(std::move(labels)));
  }

  net::Net& net_;
  const TcpScript& script_;
  std::string host_;
  net::Deadline& deadline_;
  TcpObservation& seen_;
  std::unique_ptr<net::Stream> stream_;
  LineReader lines_;
};

asio::awaitable<TcpObservation> observe(net::Net& net, const TcpScript& script, std::string target,
                                        Instant at) {
  TcpObservation seen;
  const Result<net::HostPort> place = net::parse_host_port(target);
  if (!place || place->host.empty()) {
    seen.fault = Fault{FaultKind::kInvalid, place ? "the target has no host" : place.error().message};
    co_return seen;
  }
  const Instant start = net.clock.now();
  const net::ResolveOptions family{script.module.preferred_ip_protocol, script.module.ip_protocol_fallback};
  const auto addresses = co_await net.resolver.resolve(place->host, family, at);
  seen.resolve = net.clock.now() - start;
  if (!addresses) {
    seen.fault = addresses.error();
    co_return seen;
  }
  seen.address = addresses->front();
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  net::Deadline deadline(executor, at);
  Conversation conversation(net, script, place->host, deadline, seen);
  const NetResult<void> done = co_await conversation.run(place->port);
  if (!done) seen.fault = deadline.judge(done.error(), FaultKind::kTimeout);
  co_return seen;
}

}  // namespace

TcpProber::TcpProber(net::Net net, std::shared_ptr<const TcpScript> script, std::string target)
    : net_(net), script_(std::move(script)), target_(std::move(target)) {}

asio::awaitable<ProbeResult> TcpProber::probe(ProbeContext context) {
  const Instant start = net_.clock.now();
  const TcpObservation seen = co_await observe(net_, *script_, target_, context.deadline);
  ProbeResult result = judge(*script_, seen, context.explain);
  result.duration = net_.clock.now() - start;
  co_return result;
}

}  // namespace sluice::exporters::tcp
