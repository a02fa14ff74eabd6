#pragma once
// The cookies of one probe: what a response sets is sent back after a redirect, so that logins which set a
// cookie and redirect are followed to their end. Per host, in memory, gone with the probe; paths and domains
// are not looked at.

#include <map>
#include <string>
#include <string_view>

#include "core/http_message.h"
#include "core/net/url.h"

namespace sluice::exporters::http {

class Cookies {
 public:
  // Takes the Set-Cookie headers of a response from `url`; at most 50 cookies, 4 KiB each.
  void store(const net::Url& url, const HttpHeaders& headers);
  // "a=1; b=2" for a request to `url`; empty when there are none. Secure cookies go over https only.
  std::string header_for(const net::Url& url) const;

 private:
  struct Cookie {
    std::string value;
    bool secure = false;
  };
  std::map<std::string, std::map<std::string, Cookie>> hosts_;
  size_t count_ = 0;
};

}  // namespace sluice::exporters::http
