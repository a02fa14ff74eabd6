#pragma once
// A real nginx on loopback, for one test.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/process.h"

namespace sluice::support {

class Nginx {
 public:
  static bool available();

  // `locations` goes into the server blocks; files are served from folder()/www. With a certificate there is
  // also a TLS port; `tls_extra` goes into its server block. Returns when it answers.
  explicit Nginx(const std::string& locations, const std::string& cert_file = "",
                 const std::string& key_file = "", const std::string& tls_extra = "");

  uint16_t port() const { return port_; }
  uint16_t tls_port() const { return tls_port_; }
  void write(const std::string& name, const std::string& content) const;  // into www

 private:
  TemporaryFolder folder_;
  uint16_t port_ = 0;
  uint16_t tls_port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace sluice::support

#define SLUICE_REQUIRE_NGINX() \
  if (!::sluice::support::Nginx::available()) GTEST_SKIP() << "skipped: nginx is not installed"
