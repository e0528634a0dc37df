#pragma once
#include "transload/index.h"
namespace transload {
inline constexpr Codec kLatin1 = static_cast<Codec>(3);
}
