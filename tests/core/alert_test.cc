#include "core/alert.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(AlertTest, is_known_by_its_labels_alone) {
  Alert a, b;
  a.labels = b.labels = {{"alertname", "Down"}, {"instance", "x"}};
  a.annotations = {{"summary", "one"}};
  a.starts_at = from_unix_ms(1);
  EXPECT_EQ(a.fingerprint(), b.fingerprint());
  b.labels.set("instance", "y");
  EXPECT_NE(a.fingerprint(), b.fingerprint());
}

TEST(AlertTest, is_resolved_from_its_end_on) {
  Alert alert;
  alert.ends_at = from_unix_ms(1000);
  EXPECT_FALSE(alert.resolved_at(from_unix_ms(999)));
  EXPECT_TRUE(alert.resolved_at(from_unix_ms(1000)));
}

TEST(AlertTest, prints_fingerprints_as_sixteen_digits) {
  EXPECT_EQ(format_fingerprint(0), "0000000000000000");
  EXPECT_EQ(format_fingerprint(0x1a2b), "0000000000001a2b");
  EXPECT_EQ(format_fingerprint(UINT64_MAX), "ffffffffffffffff");
}

}  // namespace
}  // namespace sluice
