#pragma once
// Where Redis Cluster keeps a key.

#include <cstdint>
#include <string_view>

namespace sluice {

// 0 to 16383: the CRC16 of the key's hash tag (what stands between the first "{" and the next "}", if it is
// anything), or of the whole key.
uint16_t redis_slot(std::string_view key);

}  // namespace sluice
