#include "core/net/compression.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "core/random.h"

namespace sluice::net {
namespace {

std::string deflated(const std::string& text, int window) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// The text, or the fault's name.
std::string inflated(Inflater::Format format, const std::string& bytes, size_t piece_size) {
  Inflater inflater(format);
  std::string out;
  const auto sink = [&](std::string_view piece) {
    out += piece;
    return out.size() <= 100'000;
  };
  for (size_t at = 0; at < bytes.size(); at += piece_size) {
    const auto added = inflater.add(std::string_view(bytes).substr(at, piece_size), sink);
    if (!added) return std::string(to_string(added.error().kind));
  }
  const auto finished = inflater.finish();
  return finished ? out : std::string(to_string(finished.error().kind));
}

TEST(CompressionTest, reads_every_format_in_pieces_of_any_size) {
  std::string text;
  Random random(7);
  for (int i = 0; i < 20'000; ++i) text += static_cast<char>('a' + random.below(8));
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{100'000}}) {
    EXPECT_EQ(inflated(Inflater::Format::kGzip, deflated(text, 15 + 16), piece), text);
    EXPECT_EQ(inflated(Inflater::Format::kDeflate, deflated(text, 15), piece), text);
    EXPECT_EQ(inflated(Inflater::Format::kDeflate, deflated(text, -15), piece), text);
    EXPECT_EQ(
        inflated(Inflater::Format::kGzip, deflated("ab", 31) + deflated("", 31) + deflated("cd", 31), piece),
        "abcd");
  }
}

TEST(CompressionTest, writes_what_it_can_read) {
  const std::string text(300'000, 'x');
  Deflater deflater;
  std::string out;
  for (size_t at = 0; at < 90'000; at += 30'000)
    deflater.add(std::string_view(text).substr(at, 30'000), at == 60'000, out);
  EXPECT_EQ(inflated(Inflater::Format::kGzip, out, 1000), text.substr(0, 90'000));
}

TEST(CompressionTest, stops_bombs_and_refuses_damage) {
  const std::string bomb = deflated(std::string(10'000'000, '\0'), 31);
  EXPECT_EQ(inflated(Inflater::Format::kGzip, bomb, 1000), "body_too_large");
  std::string damaged = deflated(std::string(1000, 'a') + "b", 31);
  EXPECT_EQ(inflated(Inflater::Format::kGzip, damaged.substr(0, damaged.size() - 1), 10), "protocol");
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  EXPECT_EQ(inflated(Inflater::Format::kGzip, damaged, 10), "protocol");
  EXPECT_EQ(inflated(Inflater::Format::kGzip, "", 10), "protocol");
  EXPECT_EQ(inflated(Inflater::Format::kGzip, "x", 10), "protocol");
  EXPECT_EQ(inflated(Inflater::Format::kDeflate, deflated("a", 15) + "tail", 100), "protocol");
}

}  // namespace
}  // namespace sluice::net
