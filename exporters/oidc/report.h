#pragma once
// What the judges of this folder have to say about a document.
//
// A problem makes the probe fail and carries the reason it fails with. A warning does not: it is a habit of
// the server that will hurt later (keys nobody may cache, an expired certificate beside a good key), exported
// as `probe_oidc_warnings{warning=...}`. A judge gathers all of both, because whoever repairs a key set wants
// to hear everything at once; the probe's own reason is that of the gravest problem.

#include <string>
#include <string_view>
#include <vector>

#include "exporters/reason.h"

namespace sluice::exporters::oidc {

enum class Warning {
  kContentType,         // the document is not declared as JSON
  kCacheMissing,        // neither Cache-Control nor Expires: verifiers guess
  kCacheShort,          // below a minute: every verifier comes back all the time
  kCacheLong,           // above a day: a withdrawn key stays trusted
  kKidSharedAcrossKty,  // one kid for keys of different types
  kKeyRepeated,         // the same key twice
  kKeyIgnored,          // a key that no verifier will use: its alg contradicts its type or is not expected
  kCertificateExpired,  // x5c[0] is out of its validity period
  kKeySetFlips,         // the set went back to one seen before: replicas that do not agree
};
std::string_view to_string(Warning warning);  // "cache_missing": the value of the `warning` label

struct Problem {
  Reason reason;
  std::string text;  // one sentence, valid UTF-8, without secrets
  bool operator==(const Problem&) const = default;
};

struct Remark {
  Warning warning;
  std::string text;
  bool operator==(const Remark&) const = default;
};

struct Report {
  std::vector<Problem> problems;  // in the order of the document
  std::vector<Remark> remarks;

  void fail(Reason reason, std::string text) { problems.push_back({reason, std::move(text)}); }
  void warn(Warning warning, std::string text) { remarks.push_back({warning, std::move(text)}); }
  // Appends another report's findings.
  void add(const Report& other);
  bool ok() const { return problems.empty(); }
  // The gravest problem (a published private key before a reused kid before a weak key, ...; the first of
  // equals), or null when there is none.
  const Problem* gravest() const;
};

}  // namespace sluice::exporters::oidc
