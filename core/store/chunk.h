#pragma once
// A run of samples of one series, in as few bits as the next sample leaves to say.
//
// Most probe series do not change for hours, and most others are durations or counts. Facebook's Gorilla,
// which Prometheus follows, stores how a time differs from its expectation and the XOR with the value before:
// one bit each when nothing changes, but some seven bytes when 0.001234567 follows 0.001298012, because
// neighbours among decimals are strangers among doubles. So values are taken for what they are written as:
// whole numbers over a power of ten (1298012 / 10^9), and only their difference is stored, two bytes here.
// What is no short decimal (a NaN, 1/3) falls back to XOR.
//
// A time is foretold the way a phase-locked loop follows a beat: from where the schedule should be, plus its
// step. A probe a millisecond late then costs three bits once; taken against its neighbours, as Gorilla does,
// it costs twice, for itself and for the next one. The expectation follows a drift slowly and jumps with a
// new interval.
//
// A sample is a time and a value. The time's code, where `off` is what it is away from the expectation:
//   0                        off = 0
//   10 off:w                 in the current width w
//   110 w:5 off:w            in a new width
//   111 w:6 distance:w       from the sample before: a new beat
// The value's code, where n is the whole number and e the exponent:
//   0                        the same bits as before
//   10 change of n:w         in the current width w
//   110 w:6 change of n:w    in a new width
//   1110 e:4 w:6 n:w         a new exponent, n anew
//   11110 xor bits           in the current window
//   11111 lead:5 len:6 bits  in a new window
// Signed numbers are zigzag coded (0, -1, 1, -2, ... are 0, 1, 2, 3, ...). A chunk starts as if after
// a zero at exponent 0 at the time of its first sample.

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/sample.h"

namespace sluice::store {

// What coder and decoder both know of the samples before.
struct CodecState {
  int64_t time_ms = 0;
  int64_t beat_ms = 0;  // where the schedule was at this sample
  int64_t step_ms = 0;  // from beat to beat; 0 before it is known
  uint64_t value_bits = 0;
  int64_t whole = 0;  // n of the last value that was a decimal
  uint8_t time_width = 0;
  bool new_beat = false;  // the last sample set it
  uint8_t whole_width = 0;
  uint8_t exponent = 0;
  uint8_t xor_lead = 0;
  uint8_t xor_length = 0;  // 0: no window yet
  uint8_t misses = 0;      // coder only: how often in a row no exponent fitted
};

// The most bits one sample takes.
inline constexpr size_t kSampleBitsMax = 3 + 6 + 64 + 5 + 5 + 6 + 64;

// Appends to bits that have room. `bits` counts what is used so far.
void append_sample(CodecState& state, Sample sample, uint8_t* data, uint32_t& bits);
// The state before the first sample of a chunk, whose time is kept beside the chunk. `before` is the coder's
// state at the end of the series' chunk before, or null.
CodecState first_state(Timestamp first, const CodecState* before = nullptr);

// A place within a chunk to read on from, without what comes before it.
struct Restart {
  CodecState state;      // behind the sample before
  uint16_t bits = 0;     // before the place
  uint16_t samples = 0;  // before the place
};

class ChunkReader {
 public:
  ChunkReader(std::span<const uint8_t> data, uint32_t samples, Timestamp first);
  // Reads on from there. `data` and `samples` are the whole chunk's.
  ChunkReader(std::span<const uint8_t> data, uint32_t samples, const Restart& restart);
  // False after the last sample.
  bool next(Sample& sample);
  // How many samples are behind us, of the whole chunk.
  uint32_t passed() const { return samples_ - left_; }
  // Where we are.
  Restart place() const;

 private:
  uint64_t take(unsigned count);
  // How many ones come next, up to `most`; they are taken, and the zero behind them when there are fewer.
  unsigned take_ones(unsigned most);
  void refill();
  void read_time();
  void read_value();

  const uint8_t* begin_;
  const uint8_t* next_;
  const uint8_t* end_;
  uint64_t window_ = 0;  // unread bits, the next one on top; zeros behind them
  unsigned window_bits_ = 0;
  uint32_t samples_;
  uint32_t left_;
  CodecState state_;
};

}  // namespace sluice::store
