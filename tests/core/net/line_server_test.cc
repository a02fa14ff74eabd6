#include "core/net/line_server.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

namespace sluice::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class LineServerTest : public testing::Test {
 protected:
  void start(LineServerOptions options = {}) {
    options.listen_address = "127.0.0.1:0";
    auto server = LineServer::listen(io_.get_executor(), options,
                                     [](std::string_view line) { return "<" + std::string(line) + ">"; });
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = std::move(*server);
    asio::co_spawn(io_, server_->run(),
                   [](const std::exception_ptr& escaped) { EXPECT_EQ(escaped, nullptr); });
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { server_->stop(); });
    io_.stop();
    thread_.join();
  }
  // What comes until the server hangs up.
  std::string talk(const std::string& words) {
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), server_->port()});
    boost::system::error_code error;
    asio::write(socket, asio::buffer(words), error);
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), error);
    return answer;
  }

  asio::io_context io_;
  std::unique_ptr<LineServer> server_;
  std::thread thread_;
};

TEST_F(LineServerTest, answers_one_line_and_hangs_up) {
  start();
  EXPECT_EQ(talk("auth a\n"), "<auth a>\n");
  EXPECT_EQ(talk("auth a\r\nmore\n"), "<auth a>\n");
  EXPECT_EQ(talk("\n"), "<>\n");
}

TEST_F(LineServerTest, hangs_up_on_those_who_say_nothing_or_too_much) {
  start({.listen_address = {}, .timeout = 100ms, .line_bytes_max = 100});
  EXPECT_EQ(talk("no end"), "");
  EXPECT_EQ(talk(std::string(1000, 'x')), "");
}

TEST(LineServerAddressTest, an_address_that_cannot_be_listened_on_is_an_error) {
  asio::io_context io;
  for (const char* address : {"", "example.com:80", "203.0.113.7:1"}) {
    EXPECT_TRUE(LineServer::listen(io.get_executor(), {.listen_address = address}, nullptr).has_error())
        << address;
  }
}

}  // namespace
}  // namespace sluice::net
