#include "exporters/http/cookies.h"

#include <algorithm>

namespace sluice::exporters::http {
namespace {

constexpr size_t kCookiesMax = 50;
constexpr size_t kCookieBytesMax = 4096;

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

void Cookies::store(const net::Url& url, const HttpHeaders& headers) {
  for (const HttpHeader& header : headers) {
    if (!same_name(header.name, "Set-Cookie") || header.value.size() > kCookieBytesMax) continue;
    std::string_view rest = header.value;
    const std::string_view pair = rest.substr(0, rest.find(';'));
    rest.remove_prefix(pair.size());
    const size_t equals = pair.find('=');
    if (equals == pair.npos) continue;
    const std::string name(trimmed(pair.substr(0, equals)));
    if (name.empty()) continue;
    Cookie cookie{std::string(trimmed(pair.substr(equals + 1))), false};
    bool expires = false;
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const std::string_view attribute = trimmed(rest.substr(0, rest.find(';')));
      rest.remove_prefix(std::min(rest.find(';'), rest.size()));
      if (same_name(attribute, "Secure")) cookie.secure = true;
      if (same_name(attribute, "Max-Age=0")) expires = true;
    }
    auto& cookies = hosts_[url.host];
    if (expires) {
      count_ -= cookies.erase(name);
    } else if (cookies.contains(name) || count_ < kCookiesMax) {
      count_ += cookies.insert_or_assign(name, std::move(cookie)).second ? 1 : 0;
    }
  }
}

std::string Cookies::header_for(const net::Url& url) const {
  std::string header;
  const auto host = hosts_.find(url.host);
  if (host == hosts_.end()) return header;
  for (const auto& [name, cookie] : host->second) {
    if (cookie.secure && !url.https()) continue;
    if (!header.empty()) header += "; ";
    header += name + "=" + cookie.value;
  }
  return header;
}

}  // namespace sluice::exporters::http
