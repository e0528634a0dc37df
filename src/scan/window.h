// A part of a source, read forward through a small buffer, so that what is skipped is never read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transload/io.h"

namespace transload::scanning {

// Bytes [begin, end) of `source`. Reading past the end is an answer (false), not an error: what is scanned may be cut
// off anywhere. Errc::io where the system refuses.
class Window {
 public:
  Window(const Source& source, std::uint64_t begin, std::uint64_t end);

  std::uint64_t offset() const noexcept { return at_; }  // in the source
  std::uint64_t left() const noexcept { return end_ - at_; }
  bool skip(std::uint64_t size) noexcept;
  void seek(std::uint64_t offset) noexcept { at_ = offset; }  // within [begin, end]

  // False, and nothing consumed, where fewer bytes are left.
  bool byte(std::uint8_t& value);
  bool little(unsigned width, std::uint64_t& value);  // an unsigned integer of 1 to 8 bytes
  // Up to '\n', which is consumed and not part of it; of a longer line only the first `most` bytes are kept. False,
  // and everything consumed, where there is no '\n'.
  bool line(std::string& text, std::uint64_t most);

  // Bytes from anywhere in the source, without moving. Fewer than `size` where the source ends.
  std::string peek(std::uint64_t offset, std::uint64_t size) const;

 private:
  bool fill();  // makes the byte at `at_` available

  const Source* source_;
  std::uint64_t at_, end_;
  std::vector<std::byte> buffer_;
  std::uint64_t buffer_at_ = 0;  // where buffer_[0] lies
};

}  // namespace transload::scanning
