#include "exporters/oidc/jwks.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "tests/exporters/oidc/keys.h"
#include "tests/support/suites.h"

namespace sluice::exporters::oidc {
namespace {

using keys::ec;
using keys::ed25519;
using keys::kRsa1024;
using keys::kRsaA;
using keys::kRsaB;
using keys::rsa;
using keys::set;
using testing::ElementsAre;
using testing::HasSubstr;

const Timestamp kNow = parse_rfc3339("2027-01-01T00:00:00Z").value();

// "2 keys, 1 signing; jwks_key_weak; cache_missing": what a report says, in one line.
std::string summary(const JwksReport& report) {
  std::string text = fmt::format("{} keys, {} signing", report.keys, report.signing.size());
  for (const Problem& problem : report.problems) text += fmt::format("; {}", to_string(problem.reason));
  for (const Remark& remark : report.remarks) text += fmt::format("; ({})", to_string(remark.warning));
  return text;
}

struct Case {
  std::string_view name;
  std::string document;
  std::string_view expected;
};

class JwksTest : public testing::TestWithParam<Case> {};

TEST_P(JwksTest, is_judged) {
  EXPECT_EQ(summary(judge_jwks(GetParam().document, {}, kNow)), GetParam().expected);
}

const std::string kThirtyTwoBytes = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const Case kCases[] = {
    {"one_rsa_key", set(rsa("a", kRsaA)), "1 keys, 1 signing"},
    {"all_types", set(rsa("a", kRsaA) + "," + ec("b") + "," + ed25519("c")), "3 keys, 3 signing"},
    {"alg_of_the_type", set(rsa("a", kRsaA, R"(,"alg":"PS384")") + "," + ec("b", R"(,"alg":"ES256")")),
     "2 keys, 2 signing"},
    {"certificate_of_the_key", set(rsa("a", kRsaA, R"(,"x5c":[")" + keys::kCertificateOfA + "\"]")),
     "1 keys, 1 signing"},

    {"not_json", "<html>", "0 keys, 0 signing; jwks_invalid"},
    {"nothing", "", "0 keys, 0 signing; jwks_invalid"},
    {"cut_off", R"({"keys":[{"kty":"RSA")", "0 keys, 0 signing; jwks_invalid"},
    {"bytes_after_the_end", set(rsa("a", kRsaA)) + "x", "0 keys, 0 signing; jwks_invalid"},
    {"not_utf8", "{\"keys\":[{\"kty\":\"\xff\"}]}", "0 keys, 0 signing; jwks_invalid"},
    {"an_array", "[]", "0 keys, 0 signing; jwks_invalid"},
    {"no_keys_member", "{}", "0 keys, 0 signing; jwks_invalid"},
    {"keys_is_an_object", R"({"keys":{}})", "0 keys, 0 signing; jwks_invalid"},
    {"keys_is_null", R"({"keys":null})", "0 keys, 0 signing; jwks_invalid"},
    {"empty", R"({"keys":[]})", "0 keys, 0 signing; jwks_empty"},
    {"an_entry_that_is_no_key", set("1," + rsa("a", kRsaA)), "2 keys, 1 signing; jwks_invalid"},
    {"no_kty", set("{}"), "1 keys, 0 signing; jwks_invalid"},
    {"kty_is_a_number", set(R"({"kty":1})"), "1 keys, 0 signing; jwks_invalid"},
    {"kid_is_a_number", set(R"({"kty":"RSA","kid":1})"), "1 keys, 0 signing; jwks_invalid"},
    {"nested_too_deep", R"({"keys":)" + std::string(10000, '[') + std::string(10000, ']') + "}",
     "0 keys, 0 signing; jwks_invalid"},

    {"unknown_type_beside_a_good_key",
     set(R"({"kty":"AKP","alg":"ML-DSA-65","pub":"x","kid":"z"},)" + rsa("a", kRsaA)), "2 keys, 1 signing"},
    {"unknown_type_only", set(R"({"kty":"AKP","kid":"z"})"), "1 keys, 0 signing; jwks_no_signing_key"},
    {"unknown_curve", set(R"({"kty":"EC","crv":"P-999","x":"AA","y":"AA"},)" + ec("b")), "2 keys, 1 signing"},
    {"key_agreement_curve", set(R"({"kty":"OKP","crv":"X25519","x":")" + kThirtyTwoBytes + "\"}"),
     "1 keys, 0 signing; jwks_no_signing_key"},
    {"for_encryption", set(R"({"kty":"RSA","use":"enc","kid":"e","n":"!","e":"!"},)" + rsa("a", kRsaA)),
     "2 keys, 1 signing"},
    {"for_encryption_only", set(R"({"kty":"RSA","use":"enc","n":"AQ","e":"AQAB"})"),
     "1 keys, 0 signing; jwks_no_signing_key"},
    {"for_encryption_by_alg", set(ec("b", R"(,"alg":"ECDH-ES+A128KW")")),
     "1 keys, 0 signing; jwks_no_signing_key"},
    {"key_ops_verify", set(ec("b", R"(,"key_ops":["sign","verify"])")), "1 keys, 1 signing"},
    {"key_ops_without_verify", set(ec("b", R"(,"key_ops":["encrypt"])")),
     "1 keys, 0 signing; jwks_no_signing_key"},
    {"alg_of_another_type", set(ec("b", R"(,"alg":"RS256")") + "," + rsa("a", kRsaA)),
     "2 keys, 1 signing; (key_ignored)"},
    {"alg_of_another_curve", set(ec("b", R"(,"alg":"ES384")")),
     "1 keys, 0 signing; jwks_no_signing_key; (key_ignored)"},
    {"alg_nobody_knows", set(ec("b", R"(,"alg":"ES521")")),
     "1 keys, 0 signing; jwks_no_signing_key; (key_ignored)"},

    {"no_kid", set(R"({"kty":"RSA","e":"AQAB","n":")" + kRsaA + "\"}"),
     "1 keys, 1 signing; jwks_missing_kid"},
    {"empty_kid", set(rsa("", kRsaA)), "1 keys, 1 signing; jwks_missing_kid"},
    {"one_kid_for_two_keys", set(rsa("a", kRsaA) + "," + rsa("a", kRsaB)),
     "2 keys, 2 signing; jwks_duplicate_kid"},
    {"one_kid_for_two_types", set(rsa("a", kRsaA) + "," + ec("a")),
     "2 keys, 2 signing; (kid_shared_across_kty)"},
    {"the_same_key_twice", set(rsa("a", kRsaA) + "," + rsa("a", kRsaA)), "2 keys, 2 signing; (key_repeated)"},

    {"rsa_1024", set(rsa("a", kRsa1024)), "1 keys, 0 signing; jwks_key_weak"},
    {"rsa_exponent_1", set(R"({"kty":"RSA","kid":"a","e":"AQ","n":")" + kRsaA + "\"}"),
     "1 keys, 0 signing; jwks_key_weak"},
    {"rsa_exponent_2", set(R"({"kty":"RSA","kid":"a","e":"Ag","n":")" + kRsaA + "\"}"),
     "1 keys, 0 signing; jwks_key_weak"},
    {"rsa_exponent_3", set(R"({"kty":"RSA","kid":"a","e":"Aw","n":")" + kRsaA + "\"}"), "1 keys, 1 signing"},
    {"rsa_without_modulus", set(R"({"kty":"RSA","kid":"a","e":"AQAB"})"), "1 keys, 0 signing; jwks_invalid"},
    {"rsa_not_base64url", set(R"({"kty":"RSA","kid":"a","e":"AQAB","n":"a+b/"})"),
     "1 keys, 0 signing; jwks_invalid"},
    {"rsa_padded", set(R"({"kty":"RSA","kid":"a","e":"AQAB","n":"AQ=="})"),
     "1 keys, 0 signing; jwks_invalid"},
    {"rsa_enormous", set(rsa("a", std::string(100000, 'B'))), "1 keys, 0 signing; jwks_invalid"},
    {"ec_off_the_curve",
     set(R"({"kty":"EC","crv":"P-256","kid":"b","x":")" + kThirtyTwoBytes + R"(","y":")" + kThirtyTwoBytes +
         "\"}"),
     "1 keys, 0 signing; jwks_invalid"},
    {"ec_too_short", set(R"({"kty":"EC","crv":"P-256","kid":"b","x":"AQ","y":"AQ"})"),
     "1 keys, 0 signing; jwks_invalid"},
    {"ec_coordinates_of_another_curve",
     set(R"({"kty":"EC","crv":"P-384","kid":"b","x":")" + keys::kEcX + R"(","y":")" + keys::kEcY + "\"}"),
     "1 keys, 0 signing; jwks_invalid"},
    {"okp_too_short", set(R"({"kty":"OKP","crv":"Ed25519","kid":"c","x":"AQ"})"),
     "1 keys, 0 signing; jwks_invalid"},
    {"a_bad_key_beside_a_good_one", set(rsa("a", kRsaA) + R"(,{"kty":"RSA","kid":"b"})"),
     "2 keys, 1 signing; jwks_invalid"},

    {"rsa_private", set(rsa("a", kRsaA, R"(,"d":"AQAB")")), "1 keys, 1 signing; jwks_private_key"},
    {"rsa_private_prime", set(rsa("a", kRsaA, R"(,"qi":"AQAB")")), "1 keys, 1 signing; jwks_private_key"},
    {"private_encryption_key", set(R"({"kty":"EC","use":"enc","d":"AQ"},)" + rsa("a", kRsaA)),
     "2 keys, 1 signing; jwks_private_key"},
    {"symmetric", set(R"({"kty":"oct","kid":"s","alg":"HS256","k":"AQAB"})"),
     "1 keys, 0 signing; jwks_private_key"},

    {"certificate_of_another_key", set(rsa("b", kRsaB, R"(,"x5c":[")" + keys::kCertificateOfA + "\"]")),
     "1 keys, 1 signing; jwks_invalid"},
    {"certificate_that_is_none", set(rsa("a", kRsaA, R"(,"x5c":["AAAA"])")),
     "1 keys, 1 signing; jwks_invalid"},
    {"certificate_list_empty", set(rsa("a", kRsaA, R"(,"x5c":[])")), "1 keys, 1 signing; jwks_invalid"},
    {"certificate_is_text", set(rsa("a", kRsaA, R"(,"x5c":"AAAA")")), "1 keys, 1 signing; jwks_invalid"},
};

INSTANTIATE_TEST_SUITE_P(Documents, JwksTest, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(JwksTest, a_set_of_too_many_keys_is_not_read) {
  std::string many = rsa("0", kRsaA);
  for (size_t i = 1; i <= kKeysMax; ++i) many += "," + rsa(std::to_string(i), kRsaA);
  EXPECT_EQ(summary(judge_jwks(set(many), {}, kNow)), "101 keys, 0 signing; jwks_invalid");
}

TEST(JwksTest, thumbprints_are_those_of_the_standards) {
  // The keys of RFC 7638 section 3.1 and RFC 8037 appendix A.3, with the thumbprints given there.
  std::string rfc7638 =
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})";
  JwksReport report = judge_jwks(set(rfc7638 + "," + ed25519("ed")), {}, kNow);
  ASSERT_EQ(report.signing.size(), 2u);
  EXPECT_EQ(report.signing[0].thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  EXPECT_EQ(report.signing[0].bits, 2048);
  EXPECT_EQ(report.signing[1].thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  EXPECT_EQ(report.signing[1].crv, "Ed25519");
}

TEST(JwksTest, expected_algorithms_narrow_what_signs) {
  JwksPolicy policy;
  policy.algorithms = {"ES256"};
  std::string document =
      set(rsa("a", kRsaA, R"(,"alg":"RS256")") + "," + ec("b", R"(,"alg":"ES256")") + "," + ec("c"));
  JwksReport report = judge_jwks(document, policy, kNow);
  EXPECT_EQ(summary(report), "3 keys, 2 signing; (key_ignored)");
}

TEST(JwksTest, the_least_strength_is_a_setting) {
  JwksPolicy policy;
  policy.min_rsa_bits = 1024;
  EXPECT_TRUE(judge_jwks(set(rsa("a", kRsa1024)), policy, kNow).ok());
  policy.min_rsa_bits = 4096;
  EXPECT_EQ(judge_jwks(set(rsa("a", kRsaA)), policy, kNow).problems.at(0).text,
            "key \"a\" is RSA with 2048 bits, at least 4096 wanted");
}

TEST(JwksTest, an_expired_certificate_is_a_warning) {
  std::string document = set(rsa("a", kRsaA, R"(,"x5c":[")" + keys::kCertificateOfA + "\"]"));
  Timestamp later = parse_rfc3339("2037-01-01T00:00:00Z").value();
  Timestamp before = parse_rfc3339("2026-01-01T00:00:00Z").value();
  EXPECT_EQ(summary(judge_jwks(document, {}, later)), "1 keys, 1 signing; (certificate_expired)");
  EXPECT_EQ(summary(judge_jwks(document, {}, before)), "1 keys, 1 signing; (certificate_expired)");
}

TEST(JwksTest, the_gravest_problem_is_the_reason) {
  std::string document =
      set(R"({"kty":"RSA","kid":"broken"},)" + rsa("weak", kRsa1024) + "," + rsa("a", kRsaA, R"(,"d":"AQ")"));
  JwksReport report = judge_jwks(document, {}, kNow);
  EXPECT_EQ(summary(report), "3 keys, 1 signing; jwks_invalid; jwks_key_weak; jwks_private_key");
  EXPECT_EQ(report.gravest()->reason, Reason::kJwksPrivateKey);
  EXPECT_EQ(report.gravest()->text, "key \"a\" is served with its private member `d`");
}

TEST(JwksTest, a_hostile_kid_cannot_break_a_message) {
  std::string kid(5000, 'k');
  JwksReport report = judge_jwks(set(rsa("\\n\\u0000" + kid, kRsa1024)), {}, kNow);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_LT(report.problems[0].text.size(), 200u);
  EXPECT_THAT(report.problems[0].text, HasSubstr("key \"kkk"));
}

// Wycheproof's sets are about a library that verifies tokens. What concerns a published set is whether a key
// may be used at all: every set with a private or symmetric key must not be published, and every public set
// whose tokens must be rejected for the key's sake must be refused or its key left unused.
TEST(JwksTest, wycheproof_keys_are_told_apart) {
  SLUICE_REQUIRE_SUITE(folder, "jwk");
  boost::json::value file = boost::json::parse(support::read_file(folder + "json_web_key_test.json"));
  int private_sets = 0, accepted = 0, refused = 0;
  for (const boost::json::value& group : file.at("testGroups").as_array()) {
    const boost::json::object& fields = group.as_object();
    std::string comment(fields.at("comment").as_string());
    JwksReport whole = judge_jwks(boost::json::serialize(fields.at("private")), {}, kNow);
    ASSERT_NE(whole.gravest(), nullptr) << comment;
    EXPECT_EQ(whole.gravest()->reason, Reason::kJwksPrivateKey) << comment;
    ++private_sets;
    const boost::json::value* published = fields.if_contains("public");
    if (!published) continue;
    JwksReport report = judge_jwks(boost::json::serialize(*published), {}, kNow);
    for (const boost::json::value& test : fields.at("tests").as_array()) {
      bool valid = test.at("result").as_string() == "valid";
      EXPECT_EQ(report.ok(), valid) << comment << ": " << summary(report);
      EXPECT_EQ(!report.signing.empty(), valid) << comment << ": " << summary(report);
      ++(valid ? accepted : refused);
    }
  }
  EXPECT_EQ(private_sets, 25);
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(refused, 10);
}

TEST(Base64UrlTest, reads_what_it_writes) {
  for (std::string bytes : {std::string(), std::string("f"), std::string("fo"), std::string("foo"),
                            std::string("\0\xff\x7f", 3)}) {
    EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes);
  }
  EXPECT_EQ(encode_base64url("\xff\xef\xbf"), "_--_");
}

TEST(Base64UrlTest, refuses_what_no_encoder_makes) {
  for (std::string_view text : {"A", "AAAAA", "AQ==", "a+b_", "a b_", "AB", "AAB", "\xff\xff"}) {
    EXPECT_EQ(decode_base64url(text), std::nullopt) << text;
  }
}

TEST(CacheAdviceTest, reads_cache_control_before_expires) {
  struct Advice {
    HttpHeaders headers;
    std::optional<Duration> expected;
  };
  const Advice kAdvice[] = {
      {{}, std::nullopt},
      {{{"Cache-Control", "max-age=300"}}, 300s},
      {{{"cache-control", "public, MAX-AGE=\"60\" , must-revalidate"}}, 60s},
      {{{"Cache-Control", "public"}, {"Cache-Control", "max-age=5"}}, 5s},
      {{{"Cache-Control", "no-store, max-age=300"}}, 0s},
      {{{"Cache-Control", "no-cache"}}, 0s},
      {{{"Cache-Control", "public"}}, std::nullopt},
      {{{"Cache-Control", "max-age=-1"}}, std::nullopt},
      {{{"Cache-Control", "max-age=abc"}}, std::nullopt},
      {{{"Cache-Control", "max-age"}}, std::nullopt},
      {{{"Cache-Control", ",,=,;max-age=1"}}, std::nullopt},
      {{{"Cache-Control", "max-age=9000000000000000000"}}, std::chrono::hours(24 * 3650)},
      {{{"Expires", "Fri, 01 Jan 2027 00:10:00 GMT"}}, 600s},
      {{{"Expires", "Fri, 01 Jan 2027 00:10:00 GMT"}, {"Date", "Fri, 01 Jan 2027 00:09:00 GMT"}}, 60s},
      {{{"Expires", "Thu, 31 Dec 2026 00:00:00 GMT"}}, 0s},
      {{{"Expires", "0"}}, 0s},
      {{{"Expires", "Fri, 99 Jan 2027 00:10:00 GMT"}}, 0s},
      {{{"Cache-Control", "max-age=7"}, {"Expires", "0"}}, 7s},
  };
  for (const Advice& row : kAdvice) {
    std::string shown;
    for (const HttpHeader& header : row.headers) shown += header.name + ": " + header.value + "; ";
    EXPECT_EQ(cache_advice(row.headers, kNow).max_age, row.expected) << shown;
  }
}

TEST(CacheAdviceTest, warns_below_a_minute_and_above_a_day) {
  auto warnings = [](std::optional<Duration> age) {
    std::vector<std::string> names;
    for (const Remark& remark : judge_cache({age}).remarks) names.emplace_back(to_string(remark.warning));
    return names;
  };
  EXPECT_THAT(warnings(std::nullopt), ElementsAre("cache_missing"));
  EXPECT_THAT(warnings(59s), ElementsAre("cache_short"));
  EXPECT_THAT(warnings(60s), ElementsAre());
  EXPECT_THAT(warnings(std::chrono::hours(24)), ElementsAre());
  EXPECT_THAT(warnings(std::chrono::hours(25)), ElementsAre("cache_long"));
}

}  // namespace
}  // namespace sluice::exporters::oidc
