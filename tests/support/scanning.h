// What tests of scan() share.
#pragma once

#include <string>
#include <vector>

#include "transload/scan.h"

namespace transload::testing {

// A pickle of protocol 2 that calls posix.system("x").
inline const std::string kEvil = std::string("\x80\x02") + "cposix\nsystem\n" + std::string("X\1\0\0\0x\x85R.", 9);

inline ScanReport scan_one(const std::filesystem::path& path) { return scan(std::vector{path}); }

}  // namespace transload::testing
