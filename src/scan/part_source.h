// A part of a source, or a source as a folder's only file: for what lies inside of archives.
#pragma once

#include <memory>
#include <string>

#include "transload/io.h"

namespace transload::scanning {

// Bytes [offset, offset + size) of `whole`, under a name of its own. Errc::usage where they are not inside.
std::shared_ptr<Source> part_of(std::shared_ptr<Source> whole, std::uint64_t offset, std::uint64_t size,
                                std::string name);

// A store whose every name is `only`.
std::shared_ptr<Store> store_of(std::shared_ptr<Source> only);

}  // namespace transload::scanning
