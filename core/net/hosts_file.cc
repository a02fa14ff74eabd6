#include "core/net/hosts_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "core/file/file.h"

namespace sluice::net {
namespace {

constexpr size_t kHostsBytesMax = 8 << 20;
constexpr std::string_view kBlank = " \t\r";

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(kBlank)));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

FileStamp stamp_of(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return {};
  return {static_cast<int64_t>(info.st_ino), static_cast<int64_t>(info.st_size),
          info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

std::vector<IpAddress> HostsFile::find(const std::string& name) {
  if (const FileStamp now = stamp_of(path_); now != stamp_) {
    stamp_ = now;
    load();
  }
  const auto found = names_.find(name);
  return found == names_.end() ? std::vector<IpAddress>() : found->second;
}

void HostsFile::load() {
  names_.clear();
  // A missing hosts file is an empty one: containers often have none.
  const Result<std::string> text = file::read(path_, kHostsBytesMax);
  if (!text) return;
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    line = line.substr(0, line.find('#'));
    const std::optional<IpAddress> address = parse_ip(next_word(line));
    if (!address) continue;
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      std::string name(word);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
      std::vector<IpAddress>& addresses = names_[name];
      if (std::find(addresses.begin(), addresses.end(), *address) == addresses.end())
        addresses.push_back(*address);
    }
  }
}

}  // namespace sluice::net
