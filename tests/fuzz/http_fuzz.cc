// What comes over an HTTP connection, as a server and as a client read it: arriving in pieces of any size it
// is the same message or the same fault, never more than its bounds. And URLs: what parses, prints and parses
// again.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstring>

#include "core/check.h"
#include "core/net/compression.h"
#include "core/net/http_codec.h"
#include "core/net/url.h"

namespace {

using namespace sluice;
using namespace sluice::net;
namespace asio = boost::asio;

constexpr size_t kHeaderBytesMax = 1024;
constexpr size_t kBodyBytesMax = 2048;

// A peer that sends these bytes, some at a time, and then ends.
class Recorded final : public Stream {
 public:
  Recorded(std::string_view bytes, size_t piece) : left_(bytes), piece_(piece) {}
  asio::awaitable<NetResult<size_t>> read_some(std::span<char> buffer) override {
    const size_t n = std::min({left_.size(), piece_, buffer.size()});
    std::memcpy(buffer.data(), left_.data(), n);
    left_.remove_prefix(n);
    co_return n;
  }
  asio::awaitable<NetResult<void>> write_all(std::string_view) override { co_return NetResult<void>{}; }
  void close() override {}
  void cancel() override {}
  asio::awaitable<void> finish() override { co_return; }
  bool quiet() override { return true; }
  Endpoint remote() const override { return {}; }

 private:
  std::string_view left_;
  size_t piece_;
};

struct Read {
  std::optional<FaultKind> fault;
  int status = 0;
  std::string method, target, body;
  size_t headers = 0;
  bool operator==(const Read&) const = default;
};

template <bool is_request>
Read read(std::string_view bytes, size_t piece) {
  Read out;
  asio::io_context io;
  bool ended = false;
  const auto work = [&]() -> asio::awaitable<void> {
    Recorded stream(bytes, piece);
    ReadBuffer buffer;
    MessageParser<is_request> parser(kHeaderBytesMax, [&](std::string_view part) {
      if (out.body.size() + part.size() > kBodyBytesMax) return false;
      out.body += part;
      return true;
    });
    NetResult<void> read = co_await read_message(stream, buffer, parser, true, {});
    if (read) read = co_await read_message(stream, buffer, parser, false, {});
    if (!read) out.fault = read.error().kind;
    size_t header_bytes = 0;
    for (const HttpHeader& header : parser.head().headers) {
      header_bytes += header.name.size() + header.value.size();
      SLUICE_CHECK(is_token(header.name) && is_header_value(header.value), "a header with a line end in it");
    }
    SLUICE_CHECK(header_bytes <= kHeaderBytesMax, "more headers than allowed");
    out.status = parser.head().status;
    out.method = parser.head().method;
    out.target = parser.head().target;
    out.headers = parser.head().headers.size();
    ended = true;
  };
  asio::co_spawn(io, work(), [](std::exception_ptr bug) {
    if (bug) std::rethrow_exception(bug);
  });
  io.run();
  SLUICE_CHECK(ended, "the reader waits for bytes that cannot come");
  // How much was read before a fault, and whether it is one of a broken message or of one that broke off,
  // depends on the pieces.
  if (out.fault == FaultKind::kReset) out.fault = FaultKind::kProtocol;
  if (out.fault)
    out = {.fault = out.fault, .status = 0, .method = "", .target = "", .body = "", .headers = 0};
  return out;
}

void inspect_url(std::string_view text) {
  const Result<Url> url = parse_url(text);
  if (url.has_error()) return;
  SLUICE_CHECK(url->scheme == "http" || url->scheme == "https", "a scheme we do not speak");
  const Result<Url> again = parse_url(url->to_string());
  SLUICE_CHECK(again.has_value() && again->to_string() == url->to_string(),
               "a URL that prints as another: " + url->to_string());
  const Result<Url> moved = resolve_reference(*url, text);
  SLUICE_CHECK(moved.has_value() && moved->host == url->host, "an absolute reference that leads elsewhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t all = std::max<size_t>(size, 1);
  const Read request = read<true>(bytes, all);
  const Read response = read<false>(bytes, all);
  for (const size_t piece : {1, 5}) {
    SLUICE_CHECK(read<true>(bytes, piece) == request, "a request that depends on its pieces");
    SLUICE_CHECK(read<false>(bytes, piece) == response, "a response that depends on its pieces");
  }

  const std::string_view first_line = bytes.substr(0, bytes.find('\n'));
  inspect_url(first_line);
  const Result<Url> base = parse_url("http://user:secret@a.example:8080/b/c?d");
  if (const Result<Url> moved = resolve_reference(*base, first_line); moved.has_value()) {
    SLUICE_CHECK(moved->to_string().find("secret") == std::string::npos ||
                     first_line.find("secret") != first_line.npos,
                 "the password went along with a redirect");
  }

  for (const auto format : {Inflater::Format::kGzip, Inflater::Format::kDeflate}) {
    Inflater inflater(format);
    size_t out = 0;
    const auto sink = [&](std::string_view piece) {
      out += piece.size();
      return out <= kBodyBytesMax;
    };
    if (inflater.add(bytes, sink)) (void)inflater.finish();
  }
  return 0;
}
