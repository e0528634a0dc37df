// A zip archive as PyTorch writes it: stored records whose content begins at a multiple of 64 bytes.
// Source of the bytes: caffe2/serialize/inline_container.cc and the miniz of PyTorch 2.13; docs/formats/torch.md,
// section 4. Every place is known before any content is; checksums are needed for the directory only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transload/bytes.h"

namespace transload::wire {

// One record and its place.
struct ZipRecord {
  std::string name;          // with the folder of the archive
  std::uint64_t size = 0;    // of the content
  std::uint64_t header = 0;  // where the local header begins
  std::uint64_t offset = 0;  // where the content begins
};

class ZipPlanner {
 public:
  // Places a record behind those before it. Errc::unsupported for a name of more than 65 535 bytes and for an archive
  // of 2^62 bytes and more. The reference holds until the next call.
  const ZipRecord& add(std::string name, std::uint64_t size);
  const std::vector<ZipRecord>& records() const noexcept { return records_; }
  std::uint64_t end() const noexcept { return end_; }  // where the next header, or the directory, begins

 private:
  std::vector<ZipRecord> records_;
  std::uint64_t end_ = 0;
};

// Everything from the record's header to its content.
std::string zip_local_header(const ZipRecord& record);
// What follows the content: nothing where that is empty.
std::string zip_descriptor(const ZipRecord& record, std::uint32_t crc);
// The directory at `offset` with its end records. `crcs` has one value per record.
std::string zip_directory(const std::vector<ZipRecord>& records, const std::vector<std::uint32_t>& crcs,
                          std::uint64_t offset);

}  // namespace transload::wire
