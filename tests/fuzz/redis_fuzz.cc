// Replies of a Redis, which anything that listens on its port may send: cut into pieces anywhere they decode
// to the same replies or the same fault, within the limits; INFO and the like become points fit for a page.

#include <cstdlib>

#include "core/labels.h"
#include "core/net/redis_codec.h"
#include "exporters/redis/info_parser.h"

namespace {

using namespace sluice;
using namespace sluice::net;

constexpr RedisLimits kLimits{
    .reply_bytes_max = 4096, .line_bytes_max = 256, .elements_max = 64, .depth_max = 4};

void require(bool holds) {
  if (!holds) std::abort();
}

struct Decoded {
  std::vector<RedisReply> replies;
  std::optional<FaultKind> fault;
  bool operator==(const Decoded&) const = default;
};

// `piece`: how many bytes arrive at a time.
Decoded decode(std::string_view bytes, size_t piece) {
  Decoded out;
  RedisDecoder decoder(kLimits);
  for (size_t at = 0; at < bytes.size() && !out.fault; at += piece) {
    decoder.feed(bytes.substr(at, piece));
    for (;;) {
      NetResult<std::optional<RedisReply>> next = decoder.next();
      if (!next) {
        require(!decoder.next());  // lost for good
        out.fault = next.error().kind;
        break;
      }
      if (!*next) break;
      out.replies.push_back(std::move(**next));
    }
  }
  return out;
}

size_t elements_in(const RedisReply& reply) {
  size_t count = reply.elements.size();
  for (const RedisReply& element : reply.elements) count += elements_in(element);
  return count;
}

void inspect(const std::vector<MetricPoint>& points) {
  for (const MetricPoint& point : points) {
    require(!point.family->name.empty() && !point.family->help.empty());
    for (const auto& label : point.labels) require(is_valid_utf8(label.value));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Decoded whole = decode(bytes, std::max<size_t>(bytes.size(), 1));
  for (const RedisReply& reply : whole.replies) require(elements_in(reply) <= kLimits.elements_max);
  for (const size_t piece : {1, 7}) require(decode(bytes, piece) == whole);

  std::vector<MetricPoint> points;
  const auto info = exporters::redis::Info::parse(bytes);
  require(info.fields().size() <= 10'000);
  exporters::redis::append_info_points(info, 16, points);
  for (const RedisReply& reply : whole.replies) {
    exporters::redis::append_config_points(reply, points);
    exporters::redis::databases_in(reply);
    exporters::redis::append_slowlog_points(&reply, &reply, points);
    exporters::redis::append_latency_points(reply, points);
  }
  inspect(points);
  return 0;
}
