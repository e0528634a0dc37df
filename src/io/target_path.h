// Which file the name of an output means, before it is there.
#pragma once

#include <filesystem>

#include "transload/io.h"

namespace transload::io {

// Errc::usage where ".." follows something that is no folder: what such a path means changes when the folder is made,
// so that one part of the program would look at one file and another part replace another.
void refuse_missing_parent(const fs::path& path);

// `folder` as an absolute path without symbolic links, ".." and a trailing slash; its end need not exist. Errc::usage
// as above, and for a symbolic link to nothing; Errc::io.
fs::path resolved_folder(const fs::path& folder);

// Whether what replaces `output` would take away `input`. Something that is not there is no other file's name; Errc::io
// where it cannot be looked at, because "I do not know" is not "no".
bool is_same_file(const fs::path& input, const fs::path& output);

}  // namespace transload::io
