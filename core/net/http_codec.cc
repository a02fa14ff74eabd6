#include "core/net/http_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

namespace http = boost::beast::http;

namespace sluice::net {
namespace {

constexpr size_t kHeadersMax = 256;  // fields of one message

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

Fault parse_fault(const boost::system::error_code& error) {
  if (error == http::error::header_limit)
    return {FaultKind::kHeadersTooLarge, "the headers exceed their limit"};
  if (error == http::error::body_limit) return {FaultKind::kBodyTooLarge, "the body exceeds its limit"};
  if (error == http::error::partial_message) {
    return {FaultKind::kReset, "the connection was closed before the message was complete"};
  }
  return {FaultKind::kProtocol, "not HTTP/1.1: " + error.message()};
}

}  // namespace

template <bool is_request>
MessageParser<is_request>::MessageParser(size_t header_bytes_max, BodySink sink)
    : pending_bytes_max_(header_bytes_max), sink_(std::move(sink)) {
  this->eager(true);
  this->header_limit(static_cast<uint32_t>(std::min<size_t>(header_bytes_max, UINT32_MAX)));
  this->body_limit(boost::none);  // the sink counts
}

template <bool is_request>
void MessageParser<is_request>::on_request_impl(http::verb, View method, View target, int version, Code&) {
  head_.method = std::string(method);
  head_.target = std::string(target);
  head_.version = version;
}

template <bool is_request>
void MessageParser<is_request>::on_response_impl(int status, View, int version, Code&) {
  head_.status = status;
  head_.version = version;
}

template <bool is_request>
void MessageParser<is_request>::on_field_impl(http::field, View name, View value, Code& error) {
  if (head_.headers.size() >= kHeadersMax) {
    error = http::error::header_limit;
    return;
  }
  head_.headers.push_back({std::string(name), std::string(value)});
}

template <bool is_request>
void MessageParser<is_request>::on_header_impl(Code&) {}

template <bool is_request>
void MessageParser<is_request>::on_body_init_impl(const boost::optional<uint64_t>&, Code&) {}

template <bool is_request>
size_t MessageParser<is_request>::on_body_impl(View body, Code& error) {
  if (!sink_({body.data(), body.size()})) error = http::error::body_limit;
  return body.size();
}

template <bool is_request>
void MessageParser<is_request>::on_chunk_header_impl(uint64_t, View, Code&) {}

template <bool is_request>
size_t MessageParser<is_request>::on_chunk_body_impl(uint64_t, View body, Code& error) {
  return on_body_impl(body, error);
}

template <bool is_request>
void MessageParser<is_request>::on_finish_impl(Code&) {}

template class MessageParser<true>;
template class MessageParser<false>;

void ReadBuffer::consume(size_t n) {
  begin_ += n;
  if (begin_ == end_) begin_ = end_ = 0;
}

std::span<char> ReadBuffer::room() {
  if (end_ == capacity_ && begin_ > 0) {
    std::copy(bytes_.get() + begin_, bytes_.get() + end_, bytes_.get());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_) {
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_ * 2);
    std::copy(bytes_.get(), bytes_.get() + end_, larger.get());
    bytes_ = std::move(larger);
    capacity_ *= 2;
  }
  return {bytes_.get() + end_, capacity_ - end_};
}

namespace {

// Beast looks at a start line when its first bytes arrive and then again when the whole header has: what came
// in pieces and was never HTTP would pass for a message that broke off.
template <bool is_request>
bool starts_like_http(std::string_view bytes) {
  MessageParser<is_request> fresh(bytes.size() + 1, [](std::string_view) { return true; });
  boost::system::error_code error;
  fresh.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  return !error || error == http::error::need_more;
}

}  // namespace

template <bool is_request>
boost::asio::awaitable<NetResult<void>> read_message(Stream& stream, ReadBuffer& buffer,
                                                     MessageParser<is_request>& parser, bool to_header,
                                                     const std::function<void()>& on_first_byte) {
  bool any = !buffer.pending().empty(), begun = parser.is_header_done(), ended = false;
  if (any && on_first_byte) on_first_byte();
  parser.eager(!to_header);
  while (to_header ? !parser.is_header_done() : !parser.is_done()) {
    // A chunked body never ends with less than this to come ("0" and two line ends), and Beast asserts that
    // it is there when it looks at a last chunk for the second time: a server that drips must not end us.
    const size_t least = !to_header && parser.chunked() && !ended ? 5 : 1;
    if (const std::string_view pending = buffer.pending(); pending.size() >= least) {
      boost::system::error_code error;
      const size_t used = parser.put(boost::asio::buffer(pending.data(), pending.size()), error);
      buffer.consume(used);
      begun = begun || used > 0;
      if (error && error != http::error::need_more) co_return parse_fault(error);
      if (!error && used > 0) continue;
      // Beast limits headers, but not the extensions of a chunk.
      if (buffer.pending().size() > parser.pending_bytes_max()) {
        co_return Fault{FaultKind::kHeadersTooLarge, "a line of the message exceeds its limit"};
      }
    }
    const NetResult<size_t> got = co_await stream.read_some(buffer.room());
    if (!got) co_return got.error();
    if (*got == 0) {
      if (!parser.got_some())
        co_return Fault{FaultKind::kReset, "the connection was closed without an answer"};
      if (!begun && !starts_like_http<is_request>(buffer.pending()))
        co_return Fault{FaultKind::kProtocol, "what arrived is not HTTP"};
      if (!buffer.pending().empty() && !ended) {
        ended = true;  // what was held back is all there is: let Beast say what it is
        continue;
      }
      boost::system::error_code error;
      parser.put_eof(error);
      if (error) co_return parse_fault(error);
      break;
    }
    buffer.filled(*got);
    if (!any && on_first_byte) on_first_byte();
    any = true;
  }
  co_return NetResult<void>();
}

template boost::asio::awaitable<NetResult<void>> read_message<true>(Stream&, ReadBuffer&,
                                                                    MessageParser<true>&, bool,
                                                                    const std::function<void()>&);
template boost::asio::awaitable<NetResult<void>> read_message<false>(Stream&, ReadBuffer&,
                                                                     MessageParser<false>&, bool,
                                                                     const std::function<void()>&);

bool is_token(std::string_view text) {
  constexpr std::string_view kSpecial = "!#$%&'*+-.^_`|~";
  const auto allowed = [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           kSpecial.find(c) != kSpecial.npos;
  };
  return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), allowed);
}

bool is_header_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool has_member(std::string_view header, std::string_view member) {
  while (!header.empty()) {
    std::string_view part = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), part.size() + 1));
    part.remove_prefix(std::min(part.size(), part.find_first_not_of(" \t")));
    part = part.substr(0, part.find_last_not_of(" \t") + 1);
    if (same_name(part, member)) return true;
  }
  return false;
}

namespace {

void append_headers(std::string& out, const HttpHeaders& headers) {
  for (const HttpHeader& header : headers)
    out.append(header.name).append(": ").append(header.value).append("\r\n");
}

}  // namespace

std::string serialize_request(const std::string& method, const std::string& target,
                              const HttpHeaders& headers, std::string_view body) {
  std::string out;
  out.reserve(256 + target.size() + body.size());
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_headers(out, headers);
  out += "\r\n";
  out += body;
  return out;
}

std::string serialize_response_head(int status, const HttpHeaders& headers, size_t content_length,
                                    bool keep_alive) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  append_headers(out, headers);
  const bool bodiless = status == 204 || status == 304 || status / 100 == 1;
  if (!bodiless) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", content_length);
  out += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return out;
}

std::string_view reason_phrase(int status) {
  const auto phrase = http::obsolete_reason(static_cast<http::status>(status));
  return {phrase.data(), phrase.size()};
}

}  // namespace sluice::net
