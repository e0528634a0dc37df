// Zip archives taken apart and put together again, with checksums, sizes and directory right where they should be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/input.h"

namespace transload::fuzz {

struct ZipRecord {
  std::string name;
  Input content;
  bool deflated = false;
};

// The records of an archive that the reader takes; none otherwise.
std::optional<std::vector<ZipRecord>> zip_records(std::string_view bytes);

// The archive of these records, in one of the ways in which archives are written: with or without descriptors, 64-bit
// sizes, padding before the content, a checksum of 0, a comment. Once in a while one of its headers lies.
Input zip_of(const std::vector<ZipRecord>& records, Random& random);

// One change of the list: a record is taken out, moved, doubled, named differently, or stored in another way.
void change_records(std::vector<ZipRecord>& records, Random& random);

}  // namespace transload::fuzz
