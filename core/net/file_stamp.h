#pragma once
// Whether a file is still the one that was read.

#include <cstdint>
#include <string>

namespace sluice::net {

struct FileStamp {
  int64_t inode = -1;  // -1: no such file
  int64_t size = 0;
  int64_t modified_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& path);

}  // namespace sluice::net
