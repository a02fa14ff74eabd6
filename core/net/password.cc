#include "core/net/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "core/net/http_codec.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

constexpr int kWaitingMax = 16;
constexpr size_t kRememberedMax = 128;
constexpr size_t kAuthorizationBytesMax = 1024;
// Some hash to compare with when the user does not exist; nobody knows its password.
constexpr const char* kNobody = "$2y$10$QOauhQNbBCuQDKes6eFzPe37oKQ3VwEOIwMUVnbwJ.mpAg.tSD0w6";

bool matches(const std::string& password, const std::string& hash) {
  const auto work = std::make_unique<crypt_data>();  // 32 KiB
  const char* made = crypt_r(password.c_str(), hash.c_str(), work.get());
  return made != nullptr && hash.size() >= 13 && std::string_view(made).size() == hash.size() &&
         CRYPTO_memcmp(made, hash.data(), hash.size()) == 0;
}

asio::awaitable<bool> matches_elsewhere(std::string password, std::string hash) {
  co_return matches(password, hash);
}

}  // namespace

struct PasswordCheck::State {
  State() { RAND_bytes(key.data(), static_cast<int>(key.size())); }

  // What stands for "this hash accepts this password" in memory.
  std::string digest(const std::string& password, const std::string& hash) const {
    const std::string text = hash + '\n' + password;
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
    return {reinterpret_cast<const char*>(out.data()), size};
  }

  asio::thread_pool pool{1};
  std::array<unsigned char, 32> key{};
  std::set<std::string> right;
  int waiting = 0;
};

PasswordCheck::PasswordCheck() = default;
PasswordCheck::~PasswordCheck() = default;

asio::awaitable<PasswordCheck::Verdict> PasswordCheck::check(std::string authorization,
                                                             std::map<std::string, std::string> users) {
  const std::string pair = decode_basic(authorization);
  const size_t colon = pair.find(':');
  if (colon == std::string::npos) co_return Verdict::kWrong;
  // No thread until somebody needs it.
  if (state_ == nullptr) state_ = std::make_shared<State>();
  const std::shared_ptr<State> state = state_;
  const std::string password = pair.substr(colon + 1);
  const auto user = users.find(pair.substr(0, colon));
  const std::string hash = user != users.end() ? user->second : kNobody;
  const std::string digest = state->digest(password, hash);
  if (state->right.contains(digest)) co_return Verdict::kRight;
  if (state->waiting >= kWaitingMax) co_return Verdict::kBusy;
  ++state->waiting;
  const bool right =
      co_await asio::co_spawn(state->pool, matches_elsewhere(password, hash), asio::use_awaitable);
  --state->waiting;
  if (!right || user == users.end()) co_return Verdict::kWrong;
  if (state->right.size() >= kRememberedMax) state->right.clear();
  state->right.insert(digest);
  co_return Verdict::kRight;
}

std::string decode_basic(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (authorization.size() <= kScheme.size() || authorization.size() > kAuthorizationBytesMax) return "";
  if (!same_name(authorization.substr(0, kScheme.size()), kScheme)) return "";
  const std::string_view encoded = authorization.substr(kScheme.size());
  if (encoded.size() % 4 != 0) return "";
  std::string text(encoded.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(encoded.data()),
                                   static_cast<int>(encoded.size()));
  if (size < 0) return "";
  text.resize(static_cast<size_t>(size) - (encoded.ends_with("==") ? 2 : encoded.ends_with('=') ? 1 : 0));
  return text;
}

}  // namespace sluice::net
