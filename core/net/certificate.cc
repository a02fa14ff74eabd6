#include "core/net/certificate.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <span>

#include "core/labels.h"

namespace sluice::net {
namespace {

constexpr size_t kNamesMax = 256;  // alternative names kept of one certificate
constexpr size_t kNameBytesMax = 1024;

std::string bounded(std::string text) {
  if (text.size() > kNameBytesMax) text.resize(kNameBytesMax);
  // What comes out of here becomes a label value.
  return is_valid_utf8(text) ? text : std::string("(not UTF-8)");
}

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return bounded(size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string());
}

Timestamp time_of(const ASN1_TIME* time) {
  std::tm calendar{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &calendar) != 1) return {};
  return from_unix_ms(static_cast<int64_t>(timegm(&calendar)) * 1000);
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string serial_text(X509* certificate) {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      ASN1_INTEGER_to_BN(X509_get_serialNumber(certificate), nullptr), BN_free);
  if (number == nullptr) return "";
  char* const digits = BN_bn2hex(number.get());
  std::string text = digits != nullptr ? digits : "";
  OPENSSL_free(digits);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? c + 32 : c; });
  text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
  return text;
}

void read_alternative_names(X509* certificate, CertificateInfo& info) {
  const auto names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  if (names == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && info.dns_names.size() < kNamesMax; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      info.dns_names.push_back(bounded({text, static_cast<size_t>(ASN1_STRING_length(name->d.dNSName))}));
    } else if (name->type == GEN_IPADD && info.ip_addresses.size() < kNamesMax) {
      IpAddress address;
      const int size = ASN1_STRING_length(name->d.iPAddress);
      if (size != 4 && size != 16) continue;
      address.is_v6 = size == 16;
      std::memcpy(address.bytes.data(), ASN1_STRING_get0_data(name->d.iPAddress), static_cast<size_t>(size));
      info.ip_addresses.push_back(address.to_string());
    }
  }
  GENERAL_NAMES_free(names);
}

}  // namespace

CertificateInfo describe_certificate(X509* certificate) {
  CertificateInfo info;
  info.subject = name_text(X509_get_subject_name(certificate));
  info.issuer = name_text(X509_get_issuer_name(certificate));
  info.not_before = time_of(X509_get0_notBefore(certificate));
  info.not_after = time_of(X509_get0_notAfter(certificate));
  info.serial = serial_text(certificate);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &size) == 1) info.sha256 = hexadecimal({digest, size});
  read_alternative_names(certificate, info);
  return info;
}

}  // namespace sluice::net
