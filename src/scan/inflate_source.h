// A deflated part of a source, decoded as far as it is read: what is no pickle shows itself in its first bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "transload/io.h"

namespace transload::scanning {

// `size` is what the archive claims that the `stored` bytes at `offset` decode to. `spend` is asked before more bytes
// are decoded, and may refuse. Reading throws Errc::corrupt where the stream is broken or gives fewer bytes, and
// Errc::unsupported beyond 256 MiB and where `spend` refuses. After Errc::corrupt the size is
// that of what could be decoded. Not for several threads at once.
std::shared_ptr<Source> inflated(std::shared_ptr<Source> whole, std::uint64_t offset, std::uint64_t stored,
                                 std::uint64_t size, std::string name, std::function<bool(std::uint64_t)> spend);

}  // namespace transload::scanning
