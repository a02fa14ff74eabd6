#pragma once
// Basic authentication against bcrypt hashes, as exporter-toolkit's web configuration has it.
//
// One check takes tens of milliseconds on purpose, so it runs on a thread of its own, at most a few wait for
// it, and a password that was right is remembered (as a keyed digest) instead of being checked for each
// scrape.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::net {

class PasswordCheck {
 public:
  PasswordCheck();
  ~PasswordCheck();

  enum class Verdict { kRight, kWrong, kBusy };
  // `authorization` is the header's value; `users` maps names to bcrypt hashes ($2a$, $2b$, $2y$). An unknown
  // user costs as much time as a wrong password.
  boost::asio::awaitable<Verdict> check(std::string authorization, std::map<std::string, std::string> users);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// "Basic dXNlcjpwYXNz" -> "user:pass"; empty when it is something else.
std::string decode_basic(std::string_view authorization);

}  // namespace sluice::net
