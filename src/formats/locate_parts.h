// The steps of locate(), one per kind of thing that can be named.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "transload/error.h"
#include "transload/format.h"

namespace transload::locating {

// Errc::unsupported when the build does not read `name`.
const Format& format_or_fail(std::string_view name, const std::string& file);

// A regular file: weights, the index of a sharded set, one of a TensorFlow checkpoint's files, or `checkpoint`.
Location in_file(const fs::path& file, const LocateOptions& options);

// The weights of a folder: the standard names in the order of format.h, or else the only weights file that there is.
// Errc::io when there is none, Errc::usage when there are several.
Location in_folder(const fs::path& folder, const LocateOptions& options);

// The files of a TensorFlow checkpoint all name its prefix: "X" for X.index, X.data-00000-of-00001 and X.meta.
// nullopt for any other name.
std::optional<fs::path> bundle_prefix_of(const fs::path& file);
bool is_bundle_prefix(const fs::path& path);  // there is a regular file path.index
Location at_bundle_prefix(const fs::path& prefix, std::string display);
// The prefix that `checkpoint` in this folder names.
Location at_checkpoint_file(const fs::path& checkpoint);

// The hidden folder of a set that began to take its places in `folder` and did not finish, there or beside it; empty:
// there is none.
fs::path interrupted_set(const fs::path& folder);
// Errc::io: `message`, and what an interrupted set has to do with it, or else `advice`.
[[noreturn]] void missing(const fs::path& path, const fs::path& folder, std::string_view message,
                          std::string_view advice);

bool is_file(const fs::path& path);
// The folder that a file lies in; "." where its path names none.
fs::path folder_of(const fs::path& file);
Where where(const fs::path& path);

}  // namespace transload::locating
