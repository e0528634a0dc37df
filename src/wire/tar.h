// What lies where in a tar archive, read in place; nothing is ever extracted.
// Source of the format: POSIX.1-2017, pax ("ustar Interchange Format", "pax Header Block").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/io.h"

namespace transload::wire {

// A regular file of an archive.
struct TarEntry {
  std::string name;
  std::uint64_t header = 0;  // where its header begins
  std::uint64_t offset = 0;  // where its content begins
  std::uint64_t size = 0;    // of the content
};

// The entries of an archive in its order. Reads headers, the padding behind each content, and the end; no content.
// Errc::corrupt, with the offset, for: a header whose checksum is wrong; sizes that the file cannot hold; names that
// are not one plain component, or occur twice; padding that is not zero; an archive without its end (two blocks of
// zeros), or with anything but zeros behind it. Errc::unsupported for everything but regular files and the headers
// that Python's tarfile puts before them (pax: times, owner, size), and for more than 1000 entries.
std::vector<TarEntry> read_tar(const Source& source);

}  // namespace transload::wire
