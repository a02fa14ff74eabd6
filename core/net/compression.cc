#include "core/net/compression.h"

#include <zlib.h>

#include "core/check.h"

namespace sluice::net {

struct Inflater::State {
  z_stream stream{};
  Format format = Format::kGzip;
  bool open = false;    // inflateInit2 was called
  bool at_end = false;  // between two members, or after the last
  bool broken = false;
  std::string head;  // the first bytes, until the kind of deflate is known

  ~State() {
    if (open) inflateEnd(&stream);
  }

  void start() {
    int window = 15 + 16;  // gzip only
    if (format == Format::kDeflate) {
      // RFC 9110 means zlib's format by "deflate", and half of the world sends it bare.
      const auto first = static_cast<unsigned char>(head[0]), second = static_cast<unsigned char>(head[1]);
      const bool zlib = (first & 15) == 8 && (first * 256 + second) % 31 == 0;
      window = zlib ? 15 : -15;
    }
    SLUICE_CHECK(inflateInit2(&stream, window) == Z_OK, "out of memory");
    open = true;
  }
};

Inflater::Inflater(Format format) : state_(std::make_unique<State>()) {
  state_->format = format;
}
Inflater::~Inflater() = default;

NetResult<void> Inflater::add(std::string_view piece, const std::function<bool(std::string_view)>& sink) {
  const Fault bad{FaultKind::kProtocol, state_->format == Format::kGzip ? "the body is not valid gzip"
                                                                        : "the body is not valid deflate"};
  if (state_->broken) return bad;
  std::string joined;
  if (!state_->open) {
    state_->head += piece;
    if (state_->head.size() < 2) return {};
    joined = std::move(state_->head);
    piece = joined;
    state_->head = joined.substr(0, 2);
    state_->start();
  }
  z_stream& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream.avail_in = static_cast<uInt>(piece.size());
  char out[16 * 1024];
  while (true) {
    if (state_->at_end) {
      if (stream.avail_in == 0) return {};
      if (state_->format != Format::kGzip || inflateReset(&stream) != Z_OK) break;
      state_->at_end = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(out);
    stream.avail_out = sizeof out;
    const int status = inflate(&stream, Z_NO_FLUSH);
    const size_t made = sizeof out - stream.avail_out;
    if (made > 0 && !sink({out, made}))
      return Fault{FaultKind::kBodyTooLarge, "the body exceeds its limit when decompressed"};
    if (status == Z_STREAM_END) {
      state_->at_end = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      break;
    } else if (stream.avail_out > 0) {
      return {};  // all of the input is used
    }
  }
  state_->broken = true;
  return bad;
}

NetResult<void> Inflater::finish() const {
  if (state_->at_end && !state_->broken) return {};
  return Fault{FaultKind::kProtocol, "the compressed body ended too early"};
}

struct Deflater::State {
  z_stream stream{};
  ~State() { deflateEnd(&stream); }
};

Deflater::Deflater() : state_(std::make_unique<State>()) {
  SLUICE_CHECK(deflateInit2(&state_->stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
               "out of memory");
}
Deflater::~Deflater() = default;

void Deflater::add(std::string_view piece, bool last, std::string& out) {
  z_stream& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream.avail_in = static_cast<uInt>(piece.size());
  char part[16 * 1024];
  do {
    stream.next_out = reinterpret_cast<Bytef*>(part);
    stream.avail_out = sizeof part;
    deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
    out.append(part, sizeof part - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace sluice::net
