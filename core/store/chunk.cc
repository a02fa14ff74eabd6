#include "core/store/chunk.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace sluice::store {
namespace {

constexpr int kExponents = 16;
constexpr double kPowersOfTen[kExponents] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
// Below 2^53 whole numbers and powers of ten are exact, so n / 10^e rounds once: to the double a decimal is
// read as.
constexpr double kWholeMax = 0x1p53;
// A new exponent pays off later only when the numbers stay clearly shorter than a XOR would.
constexpr unsigned kNewExponentBitsMax = 46;
// After so many values that fit no exponent, only every 16th is tried.
constexpr uint8_t kMissesMax = 8;

uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}
unsigned width_of(uint64_t value) {
  return static_cast<unsigned>(std::bit_width(value));
}
// Differences may overflow between wild values; they wrap on both sides alike.
int64_t difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

class BitWriter {
 public:
  BitWriter(uint8_t* data, uint32_t& bits) : data_(data), bits_(bits) {}
  void put(uint64_t value, unsigned count) {
    const unsigned used = bits_ % 8;
    if (used + count <= 64 && count > 0) {
      // Left-aligned behind the bits the current byte has, then byte by byte.
      uint64_t aligned = value << (64 - count) >> used;
      uint8_t* byte = data_ + bits_ / 8;
      if (used > 0) aligned |= uint64_t{*byte} << 56;
      bits_ += count;
      for (unsigned left = used + count;; left -= 8, aligned <<= 8) {
        *byte++ = static_cast<uint8_t>(aligned >> 56);
        if (left <= 8) return;
      }
    }
    if (count == 0) return;
    put(value >> 32, count - 32);
    put(value & 0xffffffff, 32);
  }

 private:
  uint8_t* data_;
  uint32_t& bits_;
};

// The whole number that a value is over 10^exponent; false when it is none.
bool whole_over(double value, int exponent, int64_t& whole) {
  const double scaled = std::nearbyint(value * kPowersOfTen[exponent]);
  if (!(std::abs(scaled) < kWholeMax)) return false;
  whole = static_cast<int64_t>(scaled);
  // Through the integer, as the decoder does it: it has no negative zero.
  const double decoded = static_cast<double>(whole) / kPowersOfTen[exponent];
  return std::bit_cast<uint64_t>(decoded) == std::bit_cast<uint64_t>(value);
}

// The interval somebody configured, given a distance that was measured: 15001 ms is 15 s.
int64_t nominal_step(int64_t distance) {
  for (const int64_t unit : {1000, 100, 50, 10}) {
    const int64_t rounded = sum(distance, unit / 2) / unit * unit;
    if (rounded > 0 && std::abs(difference(distance, rounded)) <= rounded / 200) return rounded;
  }
  return distance;
}

// A distance of two steps is a missed sample, unless the beat was just set: then the interval has doubled.
void set_beat(CodecState& state, int64_t distance) {
  const int64_t step = state.step_ms;
  const bool missed_one = !state.new_beat && distance > 0 && step > 0 && step < (int64_t{1} << 40) &&
                          std::abs(difference(distance, 2 * step)) <= step / 16;
  if (!missed_one) state.step_ms = nominal_step(distance);
  state.time_ms = sum(state.time_ms, distance);
  state.beat_ms = state.time_ms;
  state.new_beat = true;
}

void follow_beat(CodecState& state, int64_t off) {
  const int64_t expected = sum(state.beat_ms, state.step_ms);
  state.time_ms = sum(expected, off);
  state.beat_ms = sum(expected, off / 4);
  state.step_ms = sum(state.step_ms, off / 32);
  state.new_beat = false;
}

void put_time(CodecState& state, int64_t time_ms, BitWriter& out) {
  const int64_t off = difference(time_ms, sum(state.beat_ms, state.step_ms));
  const unsigned need = width_of(zigzag(off));
  if (off == 0) {
    out.put(0, 1);
  } else if (need > 31 || std::abs(off) > state.step_ms / 8 + 16) {
    const int64_t distance = difference(time_ms, state.time_ms);
    const unsigned width = width_of(zigzag(distance));
    out.put(0b111, 3);
    if (width > 62) {
      out.put(63, 6);  // stands for all 64 bits
      out.put(static_cast<uint64_t>(distance), 64);
    } else {
      out.put(width, 6);
      out.put(zigzag(distance), width);
    }
    return set_beat(state, distance);
  } else if (need <= state.time_width && state.time_width <= need + 6u) {
    out.put(0b10, 2);
    out.put(zigzag(off), state.time_width);
  } else {
    state.time_width = static_cast<uint8_t>(need);
    out.put(0b110, 3);
    out.put(need, 5);
    out.put(zigzag(off), need);
  }
  follow_beat(state, off);
}

struct XorWindow {
  unsigned lead, length;
  bool fits;      // into the current window
  unsigned cost;  // in bits, with the code
};

XorWindow xor_window(const CodecState& state, uint64_t difference) {
  XorWindow window{};
  window.lead = std::min(static_cast<unsigned>(std::countl_zero(difference)), 31u);
  window.length = 64 - window.lead - static_cast<unsigned>(std::countr_zero(difference));
  const unsigned trail = 64 - window.lead - window.length;
  const unsigned state_trail = 64u - state.xor_lead - state.xor_length;
  window.fits = state.xor_length != 0 && window.lead >= state.xor_lead && trail >= state_trail &&
                state.xor_length <= window.length + 11u;
  window.cost = 5 + (window.fits ? state.xor_length : 11 + window.length);
  return window;
}

void put_xor(CodecState& state, uint64_t difference, const XorWindow& window, BitWriter& out) {
  if (window.fits) {
    out.put(0b11110, 5);
  } else {
    out.put(0b11111, 5);
    out.put(window.lead, 5);
    out.put(window.length - 1, 6);
    state.xor_lead = static_cast<uint8_t>(window.lead);
    state.xor_length = static_cast<uint8_t>(window.length);
  }
  out.put(difference >> (64 - state.xor_lead - state.xor_length), state.xor_length);
}

// Codes the value as a decimal when that is the shorter way; false when it is not.
bool put_decimal(CodecState& state, double value, unsigned xor_cost, BitWriter& out) {
  int64_t whole = 0;
  if (whole_over(value, state.exponent, whole)) {
    state.misses = 0;
    const uint64_t change = zigzag(difference(whole, state.whole));
    const unsigned need = width_of(change);
    const bool keep = need <= state.whole_width && state.whole_width <= need + 7u;
    if ((keep ? 2u + state.whole_width : 9u + need) > xor_cost) return false;
    if (keep) {
      out.put(0b10, 2);
      out.put(change, state.whole_width);
    } else {
      out.put(0b110, 3);
      out.put(need, 6);
      out.put(change, need);
      state.whole_width = static_cast<uint8_t>(need);
    }
    state.whole = whole;
    return true;
  }
  if (state.misses >= kMissesMax) {
    state.misses = state.misses >= kMissesMax + 15 ? kMissesMax - 1 : static_cast<uint8_t>(state.misses + 1);
    return false;
  }
  for (int exponent = state.exponent + 1; exponent < kExponents; ++exponent) {
    if (!whole_over(value, exponent, whole)) continue;
    const unsigned need = width_of(zigzag(whole));
    if (need > kNewExponentBitsMax) break;
    out.put(0b1110, 4);
    out.put(static_cast<uint64_t>(exponent), 4);
    out.put(need, 6);
    out.put(zigzag(whole), need);
    state.exponent = static_cast<uint8_t>(exponent);
    state.whole = whole;
    state.misses = 0;
    return true;
  }
  ++state.misses;
  return false;
}

}  // namespace

CodecState first_state(Timestamp first, const CodecState* before) {
  CodecState state;
  state.time_ms = state.beat_ms = to_unix_ms(first);
  if (before != nullptr) state.misses = before->misses;
  return state;
}

ChunkReader::ChunkReader(std::span<const uint8_t> data, uint32_t samples, Timestamp first)
    : begin_(data.data()),
      next_(begin_),
      end_(begin_ + data.size()),
      samples_(samples),
      left_(samples),
      state_(first_state(first)) {}

void append_sample(CodecState& state, Sample sample, uint8_t* data, uint32_t& bits) {
  BitWriter out(data, bits);
  put_time(state, to_unix_ms(sample.at), out);
  const uint64_t value_bits = std::bit_cast<uint64_t>(sample.value);
  if (value_bits == state.value_bits) {
    out.put(0, 1);
    return;
  }
  const uint64_t difference = value_bits ^ state.value_bits;
  const XorWindow window = xor_window(state, difference);
  if (!put_decimal(state, sample.value, window.cost, out)) put_xor(state, difference, window, out);
  state.value_bits = value_bits;
}

void ChunkReader::refill() {
  if (end_ - next_ >= 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, next_, 8);
    if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
    // As many whole bytes as fit; the bits of a part of one are read again next time.
    const unsigned fit = (64 - window_bits_) / 8;
    window_ |= bytes >> window_bits_;
    next_ += fit;
    window_bits_ += fit * 8;
    if (window_bits_ < 64) window_ &= ~uint64_t{0} << (64 - window_bits_);
    return;
  }
  while (window_bits_ <= 56 && next_ != end_) {
    window_ |= uint64_t{*next_++} << (56 - window_bits_);
    window_bits_ += 8;
  }
}

inline uint64_t ChunkReader::take(unsigned count) {
  if (count == 0) return 0;
  if (count > 32) {
    const uint64_t high = take(count - 32);
    return (high << 32) | take(32);
  }
  if (window_bits_ < count) refill();
  const uint64_t value = window_ >> (64 - count);
  window_ <<= count;
  window_bits_ -= count;
  return value;
}

ChunkReader::ChunkReader(std::span<const uint8_t> data, uint32_t samples, const Restart& restart)
    : begin_(data.data()),
      next_(begin_ + restart.bits / 8),
      end_(begin_ + data.size()),
      samples_(samples),
      left_(samples - restart.samples),
      state_(restart.state) {
  take(restart.bits % 8);
}

Restart ChunkReader::place() const {
  return {state_, static_cast<uint16_t>((next_ - begin_) * 8 - window_bits_),
          static_cast<uint16_t>(passed())};
}

inline unsigned ChunkReader::take_ones(unsigned most) {
  if (window_bits_ < most) refill();
  const unsigned ones = std::min(static_cast<unsigned>(std::countl_one(window_)), most);
  const unsigned taken = ones < most ? ones + 1 : most;
  window_ <<= taken;
  window_bits_ -= taken;
  return ones;
}

inline void ChunkReader::read_time() {
  switch (take_ones(3)) {
    case 0:
      return follow_beat(state_, 0);
    case 2:
      state_.time_width = static_cast<uint8_t>(take(5));
      [[fallthrough]];
    case 1:
      return follow_beat(state_, unzigzag(take(state_.time_width)));
    default:
      break;
  }
  const auto width = static_cast<unsigned>(take(6));
  set_beat(state_, width == 63 ? static_cast<int64_t>(take(64)) : unzigzag(take(width)));
}

inline void ChunkReader::read_value() {
  switch (take_ones(5)) {
    case 0:
      return;
    case 2:
      state_.whole_width = static_cast<uint8_t>(take(6));
      [[fallthrough]];
    case 1:
      state_.whole = sum(state_.whole, unzigzag(take(state_.whole_width)));
      break;
    case 3: {
      state_.exponent = static_cast<uint8_t>(take(4));
      const auto width = static_cast<unsigned>(take(6));
      state_.whole = unzigzag(take(width));
      break;
    }
    case 5:
      state_.xor_lead = static_cast<uint8_t>(take(5));
      state_.xor_length = static_cast<uint8_t>(take(6) + 1);
      [[fallthrough]];
    default:
      state_.value_bits ^= take(state_.xor_length) << (64 - state_.xor_lead - state_.xor_length);
      return;
  }
  state_.value_bits =
      std::bit_cast<uint64_t>(static_cast<double>(state_.whole) / kPowersOfTen[state_.exponent]);
}

bool ChunkReader::next(Sample& sample) {
  if (left_ == 0) return false;
  --left_;
  read_time();
  read_value();
  sample = {from_unix_ms(state_.time_ms), std::bit_cast<double>(state_.value_bits)};
  return true;
}

}  // namespace sluice::store
