#pragma once
// Certificates of every kind a probe may meet, made in memory in a millisecond each.

#include <memory>
#include <string>
#include <vector>

namespace sluice::support {

struct CertificateRequest {
  std::string common_name = "localhost";
  std::vector<std::string> dns_names = {"localhost"};
  std::vector<std::string> ip_addresses = {"127.0.0.1"};
  int valid_from_days = -1;   // relative to now
  int valid_until_days = 30;  // negative: has expired
};

struct CertificateFiles {
  std::string cert_file;  // leaf first
  std::string key_file;
};

// A certificate authority of its own. Files go to `folder`, which must exist.
class TestAuthority {
 public:
  explicit TestAuthority(std::string folder, std::string name = "Test CA");
  ~TestAuthority();

  std::string ca_file() const;
  CertificateFiles issue(const CertificateRequest& request = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::support
