// String tensors of a TensorFlow bundle (tensorflow/core/util/tensor_bundle/tensor_bundle.cc, WriteStringTensor):
//
//   varint length of each element | u32 masked CRC-32C of the lengths | the elements' bytes, one after another
//
// Both checksums take the lengths as fixed-width integers in the file's byte order: u32, or u64 where one does not fit.
// The entry's checksum goes over those, the four bytes of the first checksum, and the elements' bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "transload/io.h"

namespace transload::wire {

// The size of the decoded form: per element u64 little-endian length, then its bytes. Reads the lengths at the start
// of [offset, offset + size), which the caller has compared with the file, and nothing behind them. Errc::corrupt where
// lengths and elements do not fill exactly these bytes.
std::uint64_t tf_strings_size(const Source& source, std::uint64_t offset, std::uint64_t size, std::uint64_t elements);

// Decodes and verifies. `decoded_size` is what tf_strings_size() gave; it tells the number of elements too. `crc32c`
// is the entry's checksum, not masked; none: only the lengths' own checksum is verified. `stored` lies at byte `offset`
// of `file`, for messages. Errc::corrupt.
Bytes decode_tf_strings(ByteView stored, std::uint64_t decoded_size, std::optional<std::uint32_t> crc32c,
                        bool big_endian, const std::string& file, std::uint64_t offset);

}  // namespace transload::wire
