// Views of bytes, and bytes that keep their owner alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace transload {

using ByteView = std::span<const std::byte>;
using MutableByteView = std::span<std::byte>;

inline ByteView as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }
inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Bytes that stay alive as long as this object, or any copy or slice of it, does. Copies share; nothing is written
// after construction, so that they may be read from several threads.
class Bytes {
 public:
  Bytes() = default;
  Bytes(ByteView view, std::shared_ptr<const void> owner) : view_(view), owner_(std::move(owner)) {}
  explicit Bytes(std::vector<std::byte> data);

  ByteView view() const noexcept { return view_; }
  std::string_view text() const noexcept { return as_text(view_); }
  const std::byte* data() const noexcept { return view_.data(); }
  std::uint64_t size() const noexcept { return view_.size(); }
  bool empty() const noexcept { return view_.empty(); }
  // Errc::usage when [offset, offset + size) is not inside.
  Bytes slice(std::uint64_t offset, std::uint64_t size) const;

 private:
  ByteView view_;
  std::shared_ptr<const void> owner_;  // a mapping, a heap buffer, a foreign object
};

}  // namespace transload
