#pragma once
// Files that are whole or not there: state survives kill -9 and power loss, a full disk damages nothing.

#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice::file {

// The whole file. kUnavailable when it cannot be read; kLimit when it is larger than `bytes_max`.
Result<std::string> read(const std::string& path, size_t bytes_max = 64 << 20);
bool exists(const std::string& path);
// A secret's file: its text without the line end that editors leave.
Result<std::string> read_secret(const std::string& path);

// Writes `path` through a temporary file beside it: write, fsync, rename, fsync of the folder. On any failure
// (a full disk, missing rights) the old file stays as it is and the temporary one is removed.
Result<void> write_durably(const std::string& path, std::string_view content);

// Appends to `path`, made when it is missing. A part that a failure left behind is cut off again. Afterwards
// the end of the process takes nothing away any more; the end of power does until sync().
Result<void> append(const std::string& path, std::string_view content);
Result<void> sync(const std::string& path);
// Both.
Result<void> append_durably(const std::string& path, std::string_view content);

// Moves a damaged file out of the way, to "<path>.damaged", and returns the new name.
Result<std::string> set_aside(const std::string& path);

// Makes the folder and its parents.
Result<void> make_folder(const std::string& path);

}  // namespace sluice::file
