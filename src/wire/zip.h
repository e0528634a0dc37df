// The container of PyTorch's and NumPy's files: what lies where in a zip archive, with nothing taken on trust.
// Source of the rules: APPNOTE.TXT 6.3 (PKWARE); what is stricter than it is said in docs/formats/torch.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "transload/bytes.h"
#include "transload/io.h"

namespace transload::wire {

// An entry, as the central directory describes it and its local header confirms.
struct ZipEntry {
  std::string name;                  // as stored; a trailing '/' for a folder
  std::uint64_t header = 0;          // where the local header begins in the file
  std::uint64_t offset = 0;          // where its stored bytes begin
  std::uint64_t stored = 0;          // their number
  std::uint64_t size = 0;            // the number of bytes that they decode to
  bool deflated = false;             // otherwise they are the content itself
  std::optional<std::uint32_t> crc;  // CRC-32 of the content; none where the archive has the value 0 (not computed)
};

// The entries of an archive in the order of its central directory. Reads the directory, every local header and data
// descriptor, and no entry's content. Errc::corrupt, with the offset, for:
//   - an end record that is missing, there twice, of several disks, or disagrees with its 64-bit twin;
//   - a directory that does not end at the end record, or whose entries are not as many as declared;
//   - bytes that belong to nothing (before the first entry, between entries), entries that overlap;
//   - a local header or data descriptor that says something else than the directory;
//   - sizes that the file cannot hold;
//   - names that climb, contain NUL, backslashes or more than 4096 bytes, or that occur twice; with `without_case` also
//     those that are absolute, have empty components or name a drive.
// Errc::unsupported for encryption, for methods other than stored and deflate, and where all decodes to more than
// core/growth.h allows.
enum class ZipNames : std::uint8_t {
  without_case,  // "A" and "a" are one name, as torch looks them up
  exact,         // any keys of numpy.savez: "w:0", "/a", "a//b"; nothing makes paths of them
};
std::vector<ZipEntry> read_zip(const Source& source, ZipNames names = ZipNames::without_case);

// An entry's content, decoded, its CRC compared. At most `most` bytes (Errc::unsupported). Errors name
// "FILE!ENTRY".
Bytes read_zip_entry(const Source& source, const ZipEntry& entry, std::uint64_t most);

// "FILE!ENTRY": how messages call an entry.
std::string zip_entry_label(const Source& source, const ZipEntry& entry);

}  // namespace transload::wire
