// Any samples come back from a chunk bit for bit, read from its beginning and from its middle. Each sample is
// one byte that says how, and up to sixteen that say what.
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "core/check.h"
#include "core/store/chunk.h"

using namespace sluice;
using namespace sluice::store;

namespace {

uint64_t take(const uint8_t*& data, size_t& size, size_t bytes) {
  uint64_t value = 0;
  bytes = std::min(bytes, size);
  std::memcpy(&value, data, bytes);
  data += bytes;
  size -= bytes;
  return value;
}

void expect(ChunkReader reader, std::span<const Sample> samples) {
  Sample sample;
  for (const Sample& expected : samples) {
    SLUICE_CHECK(reader.next(sample), "a sample is missing");
    SLUICE_CHECK(sample.at == expected.at, "a time changed");
    SLUICE_CHECK(std::bit_cast<uint64_t>(sample.value) == std::bit_cast<uint64_t>(expected.value),
                 "a value changed");
  }
  SLUICE_CHECK(!reader.next(sample), "there is a sample too many");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<Sample> samples;
  uint64_t time = 0, bits = 0;
  while (size > 0 && samples.size() < 500) {
    const uint64_t how = take(data, size, 1);
    time += take(data, size, how % 9);
    switch (how / 9 % 4) {
      case 0:
        break;
      case 1:
        bits = take(data, size, 8);
        break;
      case 2:
        bits = std::bit_cast<uint64_t>(static_cast<double>(take(data, size, 4)) / 1e6);
        break;
      default:
        bits = std::bit_cast<uint64_t>(static_cast<double>(static_cast<int64_t>(take(data, size, 8))));
    }
    samples.push_back({from_unix_ms(static_cast<int64_t>(time)), std::bit_cast<double>(bits)});
  }
  if (samples.empty()) return 0;
  std::vector<uint8_t> coded(samples.size() * (kSampleBitsMax / 8 + 1) + 1);
  CodecState state = first_state(samples[0].at);
  uint32_t used = 0;
  for (const Sample& sample : samples) append_sample(state, sample, coded.data(), used);
  coded.resize((used + 7) / 8);
  const auto count = static_cast<uint32_t>(samples.size());
  const ChunkReader whole(coded, count, samples[0].at);
  expect(whole, samples);
  if (used > UINT16_MAX) return 0;  // longer than chunks of a store are
  ChunkReader reader = whole;
  Sample sample;
  while (reader.passed() < count / 2) reader.next(sample);
  expect(ChunkReader(coded, count, reader.place()), std::span(samples).subspan(count / 2));
  return 0;
}
