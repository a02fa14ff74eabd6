#pragma once
// Public keys made with openssl for these tests; their private halves are gone.

#include <string>

namespace sluice::exporters::oidc::keys {

// A 2048-bit modulus; its exponent is AQAB, as of the others.
inline const std::string kRsaA =
    "w0oEy_T5hHa5bcOc6CFLvlVFZUKYUioppa4N_aWVuIRYAzgN19_iQLO_iu1AudGEnHh8TVHxl0kkjoB3eCgX5Qz_Gf9zU0V7"
    "yCGJDpABmUQOHwba2OHOLX4sb5K0lYcah8tBNT0QuY-E-iaUfxM4R0LNChrDaI7FZpHXA5jIxee37nuL0bdo5-jGvGMxfUH3"
    "2vC_jogIBM94N29a2qsXmjWuqCfN60MjJmqx4lUWi2d90RKxqbQJxm1k0nrAkKZQgLR7UFme-qDLPUpBfO2X-g__GeKwQUsv"
    "2myy9aEkPDT0JOZ2vxp8kvTbsm52DASgESY6ruJzZKKkq7bIgX2ovQ";
inline const std::string kRsaB =
    "r6UKG4R6bKgWxKgfalasCl8hC05bJKJifiVZPRdcT76WmNPL0h5tcRAZVKvsQsEKqIOSDNxU1V-wFzwIzF1VDkiUpDfYxlGn"
    "15bZq5rINvWosrJ0aJ6va-gjvc0GUpxx0tC8bsVrh-NPNtEzImP33k2uvib2tdcl8FjGaRcwPAkuw4Sg_-oPFHrxP6bTkLwP"
    "E5YI_3A-NZr16p4HrAlVV_H5gKaXbdiRBgPs-YEQfxZXTbb1ifRGp3w4UDxPau1sSrH8wfnyLG8alDNlrA_ODFqv5-tJXHwq"
    "5LvpnqymtPpcN48rKB-qGPQ6rjrXUHr2iGNNfu9anFeGaB3Fy-ReDw";
// 1024 bits.
inline const std::string kRsa1024 =
    "p61CdnuwkU5A_uWblZb_QYcBnBLCRO9IaM9kuyukVFcmFotzQt1HeNAMcd4jiJCXc47o2dB8KCv_T0aJ6o9-DOTuya6QcRUm"
    "Ts0pXgGkoV4PjhZNLTQc2clDXK2T96FH8J4kg3OGi7oPJuqzxbtoSo4x4uCQ4zD2BNuYP4MiIw8";
inline const std::string kEcX = "CFQn8mA34FO976Mzg6MkFFnUMPP6aWYDTAWf3_qNGro";
inline const std::string kEcY = "EHcAbETIXYGSKkOMp3h-1yQGlAYGLlMPUfXfhFkr2Ec";
// A certificate for kRsaA in DER, base64: valid from 2026-11-23 to 2036-11-20.
inline const std::string kCertificateOfA =
    "MIIC/TCCAeWgAwIBAgIUB64Jn+3qvhW3+qQUm7H0K7Yb8AQwDQYJKoZIhvcNAQELBQAwDjEMMAoGA1UEAwwDa2V5MB4XDTI2"
    "MTEyMzAxMzg1OVoXDTM2MTEyMDAxMzg1OVowDjEMMAoGA1UEAwwDa2V5MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKC"
    "AQEAw0oEy/T5hHa5bcOc6CFLvlVFZUKYUioppa4N/aWVuIRYAzgN19/iQLO/iu1AudGEnHh8TVHxl0kkjoB3eCgX5Qz/Gf9z"
    "U0V7yCGJDpABmUQOHwba2OHOLX4sb5K0lYcah8tBNT0QuY+E+iaUfxM4R0LNChrDaI7FZpHXA5jIxee37nuL0bdo5+jGvGMx"
    "fUH32vC/jogIBM94N29a2qsXmjWuqCfN60MjJmqx4lUWi2d90RKxqbQJxm1k0nrAkKZQgLR7UFme+qDLPUpBfO2X+g//GeKw"
    "QUsv2myy9aEkPDT0JOZ2vxp8kvTbsm52DASgESY6ruJzZKKkq7bIgX2ovQIDAQABo1MwUTAdBgNVHQ4EFgQUcqB9P0175WQ2"
    "8cvwujD4+No5wk0wHwYDVR0jBBgwFoAUcqB9P0175WQ28cvwujD4+No5wk0wDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0B"
    "AQsFAAOCAQEAf+LNw/eh+uyXL9ET8Chxzw9KVTqe6qUGmxPVolSzcX1MdnkSHIC69B3JvxJg21WoONuSwHwYNnyeUxW53Vxi"
    "xavbcX5vbPQjSF84MPMfnCNht1RjwtRYj4+LGjqKO+ZQwArpPlWzwlZtt5dBWFX8Q4oLyEfn/TxjIOH0QGx1fGYwU4hDC98k"
    "nmSn4vumEW/SxOsZixydH2lJnD3GYEaqvFJz7AvupOwQdqaLzQD/yVuAHFXTxfgpjFGUQ42icseRpYXpqLm1BHx+Fl59CcLn"
    "jRB0ggYLtb8kR9W31VvZRJ8HYXjRagqSt1LlA2cPIeBaG3cF2cOF+Km3kTnXGRn6dg==";

inline std::string rsa(const std::string& kid, const std::string& modulus, const std::string& more = "") {
  return R"({"kty":"RSA","use":"sig","kid":")" + kid + R"(","e":"AQAB","n":")" + modulus + '"' + more + '}';
}
inline std::string ec(const std::string& kid, const std::string& more = "") {
  return R"({"kty":"EC","crv":"P-256","kid":")" + kid + R"(","x":")" + kEcX + R"(","y":")" + kEcY + '"' +
         more + '}';
}
inline std::string ed25519(const std::string& kid) {
  return R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":")" + kid +
         "\"}";
}
inline std::string set(const std::string& keys) {
  return R"({"keys":[)" + keys + "]}";
}

}  // namespace sluice::exporters::oidc::keys
