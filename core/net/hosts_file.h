#pragma once
// /etc/hosts, read again when it changes.

#include <map>
#include <string>
#include <vector>

#include "core/net/address.h"
#include "core/net/file_stamp.h"

namespace sluice::net {

class HostsFile {
 public:
  explicit HostsFile(std::string path) : path_(std::move(path)) {}
  // The addresses of a lower-case name, in the order of the file; empty when it is not there.
  std::vector<IpAddress> find(const std::string& name);

 private:
  void load();

  std::string path_;
  FileStamp stamp_;
  std::map<std::string, std::vector<IpAddress>, std::less<>> names_;
};

}  // namespace sluice::net
