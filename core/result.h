#pragma once
// Result<T>: a value, or an Error that a person can act on.
//
// Four kinds of failure, four treatments (STYLE in CONTRIBUTING.md): what the watched world does is a field of a
// ProbeResult; bad input from a person or a peer is an Error; a dependency that fails is an outcome which a retry
// policy judges; a bug is SLUICE_CHECK. Exceptions stay inside the adapter file of the library that throws them.

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

enum class ErrorKind {
  kInvalid,      // the input is wrong: the message says where and why
  kLimit,        // a bound was met: the message names the bound
  kUnavailable,  // something we depend on did not answer
  kTimeout,      // it did not answer in time
  kInternal,
};

struct Error {
  ErrorKind kind = ErrorKind::kInvalid;
  std::string message;

  bool operator==(const Error&) const = default;
};

inline Error invalid(std::string message) { return {ErrorKind::kInvalid, std::move(message)}; }
inline Error limit_met(std::string message) { return {ErrorKind::kLimit, std::move(message)}; }
inline Error unavailable(std::string message) { return {ErrorKind::kUnavailable, std::move(message)}; }
inline Error timed_out(std::string message) { return {ErrorKind::kTimeout, std::move(message)}; }

template <typename T>
using Result = boost::system::result<T, Error>;

// Called by Result<T>::value() when there is no value: asking for one unchecked is a bug.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

}  // namespace sluice
