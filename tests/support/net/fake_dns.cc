#include "tests/support/net/fake_dns.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string_view>

#include "core/check.h"

namespace asio = boost::asio;
using asio::ip::udp;

namespace sluice::support {
namespace {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);
constexpr uint16_t kTypeA = 1, kTypeAaaa = 28;
constexpr int kServFail = 2, kNxDomain = 3;

struct Question {
  std::string name;
  uint16_t type = 0;
  size_t end = 0;  // of the question section
};

Question parse(std::string_view packet) {
  Question question;
  size_t at = 12;
  while (at < packet.size() && packet[at] != 0) {
    const auto size = static_cast<size_t>(packet[at]);
    if (!question.name.empty()) question.name += '.';
    question.name += packet.substr(at + 1, size);
    at += 1 + size;
  }
  question.type = static_cast<uint16_t>(static_cast<unsigned char>(packet[at + 1]) << 8 |
                                        static_cast<unsigned char>(packet[at + 2]));
  question.end = at + 5;
  return question;
}

std::string reply(std::string_view packet, const Question& question, int code,
                  const std::vector<std::string>& addresses) {
  std::string out(packet.substr(0, question.end));
  out[2] = static_cast<char>(0x81);
  out[3] = static_cast<char>(0x80 | code);
  out[6] = 0;
  out[7] = static_cast<char>(addresses.size());
  for (size_t i = 8; i < 12; ++i) out[i] = 0;
  for (const std::string& text : addresses) {
    const auto address = asio::ip::make_address(text);
    const bool v6 = address.is_v6();
    out += std::string("\xc0\x0c\x00", 3) + static_cast<char>(v6 ? kTypeAaaa : kTypeA);
    out += std::string("\x00\x01\x00\x00\x00\x3c\x00", 7) + static_cast<char>(v6 ? 16 : 4);
    if (v6) {
      for (const unsigned char byte : address.to_v6().to_bytes()) out += static_cast<char>(byte);
    } else {
      for (const unsigned char byte : address.to_v4().to_bytes()) out += static_cast<char>(byte);
    }
  }
  return out;
}

}  // namespace

struct FakeDns::State {
  State(asio::io_context& io, std::map<std::string, DnsRecord> names)
      : socket(io, udp::endpoint(asio::ip::make_address("127.0.0.1"), 0)), records(std::move(names)) {}
  udp::socket socket;
  std::map<std::string, DnsRecord> records;
  int questions = 0;

  static asio::awaitable<void> serve(std::shared_ptr<State> self) {
    std::array<char, 1500> bytes{};
    while (true) {
      udp::endpoint from;
      const auto [error, n] = co_await self->socket.async_receive_from(asio::buffer(bytes), from, kUse);
      if (error) co_return;
      ++self->questions;
      const std::string_view packet(bytes.data(), n);
      const Question question = parse(packet);
      const auto record = self->records.find(question.name);
      if (record == self->records.end()) {
        co_await self->socket.async_send_to(asio::buffer(reply(packet, question, kNxDomain, {})), from, kUse);
        continue;
      }
      const bool v6 = question.type == kTypeAaaa;
      if (record->second.hangs || (v6 && record->second.hangs_v6)) continue;
      const std::vector<std::string>& addresses = v6 ? record->second.v6 : record->second.v4;
      const std::string answer = reply(packet, question, record->second.fails ? kServFail : 0, addresses);
      co_await self->socket.async_send_to(asio::buffer(answer), from, kUse);
    }
  }
};

FakeDns::FakeDns(asio::io_context& io, std::map<std::string, DnsRecord> records)
    : state_(std::make_shared<State>(io, std::move(records))) {
  asio::co_spawn(io, State::serve(state_), [](const std::exception_ptr& error) {
    SLUICE_CHECK(error == nullptr, "the fake name server threw");
  });
}

FakeDns::~FakeDns() {
  boost::system::error_code ignored;
  state_->socket.close(ignored);
}

std::string FakeDns::address() const {
  return "127.0.0.1:" + std::to_string(state_->socket.local_endpoint().port());
}

int FakeDns::questions() const {
  return state_->questions;
}

}  // namespace sluice::support
