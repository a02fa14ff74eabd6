#pragma once
// HTTP/1.1 messages to bytes and back: Beast's parser as a codec, without its I/O. Only for the .cc files of
// core/net.

#include <boost/beast/http/basic_parser.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http_message.h"
#include "core/net/fault.h"
#include "core/net/stream.h"

namespace sluice::net {

// What a parser gathers: the head of one message. The body goes to a sink, piece by piece.
struct MessageHead {
  int status = 0;      // responses
  std::string method;  // requests
  std::string target;
  int version = 11;
  HttpHeaders headers;
};

// Takes the next piece of the body; false stops with kBodyTooLarge.
using BodySink = std::function<bool(std::string_view piece)>;

template <bool is_request>
class MessageParser final : public boost::beast::http::basic_parser<is_request> {
 public:
  MessageParser(size_t header_bytes_max, BodySink sink);

  const MessageHead& head() const { return head_; }
  // What may wait in the buffer for the rest of a header, a chunk line or trailers.
  size_t pending_bytes_max() const { return pending_bytes_max_; }
  MessageHead& head() { return head_; }

 private:
  using Code = boost::beast::error_code;
  using View = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb method, View method_text, View target, int version,
                       Code& error) override;
  void on_response_impl(int status, View reason, int version, Code& error) override;
  void on_field_impl(boost::beast::http::field name, View name_text, View value, Code& error) override;
  void on_header_impl(Code& error) override;
  void on_body_init_impl(const boost::optional<uint64_t>& content_length, Code& error) override;
  size_t on_body_impl(View body, Code& error) override;
  void on_chunk_header_impl(uint64_t size, View extensions, Code& error) override;
  size_t on_chunk_body_impl(uint64_t remain, View body, Code& error) override;
  void on_finish_impl(Code& error) override;

  MessageHead head_;
  size_t pending_bytes_max_;
  BodySink sink_;
};

extern template class MessageParser<true>;
extern template class MessageParser<false>;

// Bytes that were read but not yet parsed. Grows as long as the parser takes nothing: its user bounds that.
class ReadBuffer {
 public:
  std::string_view pending() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void consume(size_t n);
  // Room for at least one more byte.
  std::span<char> room();
  void filled(size_t n) { end_ += n; }

 private:
  size_t capacity_ = 8 * 1024;
  std::unique_ptr<char[]> bytes_ = std::make_unique_for_overwrite<char[]>(capacity_);
  size_t begin_ = 0, end_ = 0;
};

// Reads until the header is complete (`to_header`) or the message is. The fault of an early end is kReset.
// `on_first_byte` is called once, when the first byte after the call has arrived or is there already.
template <bool is_request>
boost::asio::awaitable<NetResult<void>> read_message(Stream& stream, ReadBuffer& buffer,
                                                     MessageParser<is_request>& parser, bool to_header,
                                                     const std::function<void()>& on_first_byte);

extern template boost::asio::awaitable<NetResult<void>> read_message<true>(Stream&, ReadBuffer&,
                                                                           MessageParser<true>&, bool,
                                                                           const std::function<void()>&);
extern template boost::asio::awaitable<NetResult<void>> read_message<false>(Stream&, ReadBuffer&,
                                                                            MessageParser<false>&, bool,
                                                                            const std::function<void()>&);

bool is_token(std::string_view text);                    // a method or header name
bool is_header_value(std::string_view text);             // no line ends, no NUL
bool same_name(std::string_view a, std::string_view b);  // header names, in any letter case
// True when a comma-separated header has this member ("keep-alive, Upgrade"), in any letter case.
bool has_member(std::string_view header, std::string_view member);

std::string serialize_request(const std::string& method, const std::string& target,
                              const HttpHeaders& headers, std::string_view body);
// Status line and headers with Content-Length; the body is sent apart.
std::string serialize_response_head(int status, const HttpHeaders& headers, size_t content_length,
                                    bool keep_alive);
std::string_view reason_phrase(int status);

}  // namespace sluice::net
