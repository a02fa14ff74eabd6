#pragma once
// gzip and deflate, bounded on both sides.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/net/fault.h"

namespace sluice::net {

// Undoes gzip (any number of members) or deflate (with zlib's header or without) as pieces arrive. A small
// input can become a huge output, so the output goes to a sink that may stop it.
class Inflater {
 public:
  enum class Format { kGzip, kDeflate };
  explicit Inflater(Format format);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // kProtocol when the input is not of this format, kBodyTooLarge when the sink says false.
  NetResult<void> add(std::string_view piece, const std::function<bool(std::string_view)>& sink);
  // kProtocol when the input ended too early.
  NetResult<void> finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Compresses as pieces arrive. Level 1: the other end is on the same network, the processor is the scarce
// thing.
class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void add(std::string_view piece, bool last, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::net
