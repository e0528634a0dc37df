// Text that is safe and short enough to print.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace transload {

// Control bytes, DEL, bytes that are not valid UTF-8, and the Unicode controls that reorder or hide text, as \xNN or
// \u{NNNN}; the backslash doubled. For everything that comes from a file and goes to a person.
std::string escaped(std::string_view text);
// escaped(), cut in the middle to about `most` characters.
std::string shortened(std::string_view text, std::size_t most = 120);
bool valid_utf8(std::string_view text) noexcept;
// "437.9 MB": decimal units.
std::string human_bytes(std::uint64_t bytes);
// "*" any run without '/', "**" any run, "?" one character; everything else literally. Linear in the text's length
// times the pattern's.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace transload
