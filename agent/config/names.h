#pragma once
// The words a file uses for the values of our enums, both ways: for reading and for printing.

#include <optional>
#include <span>
#include <string_view>

#include "agent/gate/config.h"
#include "core/net/tls_config.h"
#include "exporters/registry/module.h"

namespace sluice::config {

template <typename T>
struct Word {
  std::string_view word;
  T value;
};

template <typename T>
class Words {
 public:
  constexpr explicit Words(std::span<const Word<T>> words) : words_(words) {}
  std::optional<T> from_word(std::string_view text) const {
    for (const Word<T>& row : words_) {
      if (row.word == text) return row.value;
    }
    return std::nullopt;
  }
  std::string_view to_word(T value) const {
    for (const Word<T>& row : words_) {
      if (row.value == value) return row.word;
    }
    return "";
  }

 private:
  std::span<const Word<T>> words_;
};

inline Words<net::TlsVersion> tls_versions() {
  using enum net::TlsVersion;
  static constexpr Word<net::TlsVersion> kWords[] = {
      {"TLS10", kTls10}, {"TLS11", kTls11}, {"TLS12", kTls12}, {"TLS13", kTls13}};
  return Words<net::TlsVersion>(kWords);
}

inline Words<exporters::postgres::SslMode> ssl_modes() {
  using enum exporters::postgres::SslMode;
  static constexpr Word<exporters::postgres::SslMode> kWords[] = {
      {"disable", kDisable}, {"allow", kAllow},        {"prefer", kPrefer},
      {"require", kRequire}, {"verify-ca", kVerifyCa}, {"verify-full", kVerifyFull}};
  return Words<exporters::postgres::SslMode>(kWords);
}

inline Words<exporters::redis::ExpectedRole> redis_roles() {
  using enum exporters::redis::ExpectedRole;
  static constexpr Word<exporters::redis::ExpectedRole> kWords[] = {
      {"any", kAny}, {"master", kMaster}, {"replica", kReplica}, {"sentinel", kSentinel}};
  return Words<exporters::redis::ExpectedRole>(kWords);
}

inline Words<gate::Mode> gate_modes() {
  using enum gate::Mode;
  static constexpr Word<gate::Mode> kWords[] = {{"enforce", kEnforce}, {"shadow", kShadow}};
  return Words<gate::Mode>(kWords);
}

inline Words<gate::FlagEncoding> flag_encodings() {
  using enum gate::FlagEncoding;
  static constexpr Word<gate::FlagEncoding> kWords[] = {{"raw", kRaw}, {"json", kJson}, {"pickle", kPickle}};
  return Words<gate::FlagEncoding>(kWords);
}

}  // namespace sluice::config
