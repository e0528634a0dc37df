// Raw deflate (RFC 1951), as in the entries of a zip archive: decoded whole, into a size that is known beforehand.
#pragma once

#include <cstdint>
#include <string>

#include "transload/bytes.h"

namespace transload::wire {

// The most that deflate can expand: 258 bytes from 2 bits and a little more (zlib technical details).
inline constexpr std::uint64_t kMostDeflateRatio = 1032;

// `stored`, which begins at byte `offset` of `file` (for messages), decoded to exactly `size` bytes. Errc::corrupt
// when the stream is broken, ends early, decodes to another size, or leaves stored bytes over. `size` is compared
// with what `stored` can hold at most before anything is allocated.
Bytes inflate(ByteView stored, std::uint64_t size, const std::string& file, std::uint64_t offset);

// The first bytes that the begin of a stream decodes to: `most`, or fewer where `stored` gives no more. Errc::corrupt
// when the stream is broken. `ended`, where it is asked for: whether the stream has ended there.
Bytes inflate_begin(ByteView stored, std::uint64_t most, const std::string& file, std::uint64_t offset,
                    bool* ended = nullptr);

}  // namespace transload::wire
