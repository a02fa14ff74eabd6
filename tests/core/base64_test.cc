#include "core/base64.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// RFC 4648 section 10, and one with the last two digits.
const std::pair<std::string, std::string> kPairs[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"},
                                                      {"\xfb\xff\xbf", "+/+/"}};

TEST(Base64Test, encodes_and_decodes_the_vectors_of_the_rfc) {
  for (const auto& [bytes, text] : kPairs) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
}

TEST(Base64Test, refuses_what_no_encoder_writes) {
  for (const char* text : {"Zg", "Zg=", "Zh==", "Z===", "Zg==Zg==", "Z=g=", "Zm9\n", "-_-_", "===="}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice
