#include "core/net/smtp_codec.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "core/base64.h"

namespace sluice::net {
namespace {

constexpr size_t kReplyBytesMax = 16 * 1024;
constexpr size_t kTextBytesMax = 200;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
  return out;
}

Fault no_reply(std::string_view line) {
  std::string shown;
  for (const char c : line.substr(0, 40)) shown += c >= 0x20 && c < 0x7f ? c : '?';
  return {FaultKind::kProtocol, fmt::format("not an answer of an SMTP server: \"{}\"", shown)};
}

std::string cram_md5(const SmtpLogin& login, std::string_view challenge) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_md5(), login.secret.data(), static_cast<int>(login.secret.size()),
       reinterpret_cast<const unsigned char*>(challenge.data()), challenge.size(), digest, &size);
  std::string out = login.username + ' ';
  for (unsigned int i = 0; i < size; ++i) fmt::format_to(std::back_inserter(out), "{:02x}", digest[i]);
  return out;
}

}  // namespace

std::string SmtpReply::text() const {
  std::string out = std::to_string(code);
  for (const std::string& line : lines) {
    out += ' ';
    for (const char c : line) out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  if (out.size() > kTextBytesMax) out.resize(kTextBytesMax);
  return out;
}

NetResult<std::optional<SmtpReply>> take_smtp_reply(std::string& received) {
  SmtpReply reply;
  size_t at = 0;
  while (true) {
    const size_t end = received.find('\n', at);
    if (end == std::string::npos || end >= kReplyBytesMax) {
      if (received.size() >= kReplyBytesMax) return Fault{FaultKind::kProtocol, "the answer is too long"};
      return std::optional<SmtpReply>();
    }
    std::string_view line = std::string_view(received).substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2])) {
      return no_reply(line);
    }
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    const bool more = line.size() > 3 && line[3] == '-';
    if (line.size() > 3 && line[3] != ' ' && !more) return no_reply(line);
    if (!reply.lines.empty() && code != reply.code) return no_reply(line);
    reply.code = code;
    reply.lines.emplace_back(line.size() > 4 ? line.substr(4) : "");
    at = end + 1;
    if (!more) break;
  }
  received.erase(0, at);
  return std::optional<SmtpReply>(std::move(reply));
}

SmtpExtensions smtp_extensions(const SmtpReply& ehlo) {
  SmtpExtensions out;
  // The first line is the server's name.
  for (size_t i = 1; i < ehlo.lines.size(); ++i) {
    const std::string_view line = ehlo.lines[i];
    const size_t blank = std::min(line.find(' '), line.size());
    out.emplace(upper(line.substr(0, blank)), line.substr(std::min(blank + 1, line.size())));
  }
  return out;
}

std::string smtp_data(std::string_view message) {
  std::string out;
  out.reserve(message.size() + 8);
  for (size_t at = 0; at < message.size();) {
    const size_t end = std::min(message.find('\n', at), message.size() - 1) + 1;
    if (message[at] == '.') out += '.';
    out += message.substr(at, end - at);
    at = end;
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out + ".\r\n";
}

std::string choose_smtp_mechanism(std::string_view offered, const SmtpLogin& login) {
  while (!offered.empty()) {
    const size_t blank = std::min(offered.find(' '), offered.size());
    const std::string mechanism = upper(offered.substr(0, blank));
    offered.remove_prefix(std::min(blank + 1, offered.size()));
    if (mechanism == "CRAM-MD5" && !login.secret.empty()) return mechanism;
    if ((mechanism == "PLAIN" || mechanism == "LOGIN") && !login.password.empty()) return mechanism;
  }
  return "";
}

std::optional<std::string> answer_smtp_challenge(std::string_view mechanism, const SmtpLogin& login,
                                                 std::string_view challenge, int step) {
  if (mechanism == "PLAIN") {
    if (step > 0) return std::nullopt;
    return base64_encode(login.identity + '\0' + login.username + '\0' + login.password);
  }
  if (mechanism == "LOGIN") {
    // Servers ask "Username:" and "Password:", some of them in other words: the order is what counts.
    if (step > 1) return std::nullopt;
    return base64_encode(step == 0 ? login.username : login.password);
  }
  const auto decoded = base64_decode(challenge);
  if (mechanism != "CRAM-MD5" || step > 0 || !decoded) return std::nullopt;
  return base64_encode(cram_md5(login, *decoded));
}

}  // namespace sluice::net
