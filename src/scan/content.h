// What a file is, by its bytes. One file may be several things at once: whoever loads it decides.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "transload/format.h"

namespace transload::scanning {

inline constexpr std::uint64_t kHead = 4096;                    // bytes that content_of() asks for
std::string head_of(const Source& source, std::uint64_t size);  // fewer where there are fewer

struct Content {
  bool pickle = false;  // begins with PROTO
  bool zip = false, tar = false, npy = false, gzip = false, zlib = false;
  const Format* format = nullptr;  // one that Transload reads, recognised by its bytes
  std::string foreign;             // "is an HDF5 file", "is a text file": what Transload does not read
  bool weights = false;            // weights in such a format
  bool packed = false;             // compressed in a way that is not undone here

  bool is_something() const noexcept {
    return pickle || zip || tar || npy || gzip || zlib || format != nullptr || weights;
  }
};
// `name` is used only where a format cannot be told without it (the index of a TensorFlow checkpoint).
Content content_of(std::string_view name, ByteView head);

// A table of LevelDB: the index of a TensorFlow checkpoint is one.
bool ends_like_a_table(const Source& source);

// Whether the file's name promises weights or a pickle, so that content of no known kind is broken content.
bool promises_weights(std::string_view name);
// The same, where nothing but a pickle is meant: pickles of protocols 0 and 1 have no mark to know them by.
bool promises_pickle(std::string_view name);

}  // namespace transload::scanning
