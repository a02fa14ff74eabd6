#include "tests/support/net/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "core/check.h"

namespace sluice::support {
namespace {

constexpr long kDay = 24 * 3600;

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  SLUICE_CHECK(extension != nullptr, "a bad extension: " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate blank(const std::string& common_name, EVP_PKEY* key, long serial, int from_days, int until_days) {
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_days * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until_days * kDay);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return certificate;
}

void write_certificate(const std::string& path, X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "w"), BIO_free);
  SLUICE_CHECK(file != nullptr && PEM_write_bio_X509(file.get(), certificate) == 1, "cannot write " + path);
}

void write_key(const std::string& path, EVP_PKEY* key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "w"), BIO_free);
  SLUICE_CHECK(file != nullptr &&
                   PEM_write_bio_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
               "cannot write " + path);
}

}  // namespace

struct TestAuthority::State {
  std::string folder;
  std::string name;
  Key key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  Certificate certificate{nullptr, X509_free};
  long serial = 1;

  // Without blanks: the paths go into configuration files of others.
  std::string base() const {
    std::string file = name;
    std::replace(file.begin(), file.end(), ' ', '-');
    return folder + "/" + file;
  }
};

TestAuthority::TestAuthority(std::string folder, std::string name) : state_(std::make_unique<State>()) {
  state_->folder = std::move(folder);
  state_->name = std::move(name);
  state_->certificate = blank(state_->name, state_->key.get(), state_->serial++, -10, 365);
  X509* own = state_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(own, own, NID_subject_key_identifier, "hash");
  X509_sign(own, state_->key.get(), EVP_sha256());
  write_certificate(ca_file(), own);
}

TestAuthority::~TestAuthority() = default;

std::string TestAuthority::ca_file() const {
  return state_->base() + ".pem";
}

CertificateFiles TestAuthority::issue(const CertificateRequest& request) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const long serial = state_->serial++;
  const Certificate leaf =
      blank(request.common_name, key.get(), serial, request.valid_from_days, request.valid_until_days);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(state_->certificate.get()));
  std::string names;
  for (const std::string& name : request.dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : request.ip_addresses) names += (names.empty() ? "IP:" : ",IP:") + address;
  if (!names.empty()) add_extension(leaf.get(), state_->certificate.get(), NID_subject_alt_name, names);
  X509_sign(leaf.get(), state_->key.get(), EVP_sha256());

  const std::string base = state_->base() + "-" + std::to_string(serial);
  write_certificate(base + ".crt", leaf.get());
  write_key(base + ".key", key.get());
  return {base + ".crt", base + ".key"};
}

}  // namespace sluice::support
