// What the first bytes of a file say it is.
#pragma once

#include <string_view>

#include "transload/bytes.h"

namespace transload::torch {

// 0x1950a86a20f9469cfc6c, least significant byte first (torch/serialization.py, MAGIC_NUMBER).
inline constexpr std::string_view kMagicNumber{"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10};
// The whole pickle of it in protocols 0 and 1.
inline constexpr std::string_view kMagicLine{"L119547037146038801333356L\n."};

enum class Content {
  torch_zip,    // a zip archive with a data.pkl first
  zip,          // another one
  legacy,       // PyTorch's stream from before 1.6
  tar,          // maybe PyTorch's form from before 0.2
  pickle,       // a pickle that is nothing of PyTorch's
  lfs_pointer,  // what git leaves of a file when git-lfs is not there
  empty,
  unknown,
};

inline constexpr std::size_t kHeadBytes = 512;  // enough for content_of()
Content content_of(ByteView head) noexcept;

}  // namespace transload::torch
