#include "transload/bytes.h"

#include "transload/error.h"

namespace transload {

Bytes::Bytes(std::vector<std::byte> data) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(data));
  view_ = *owner;
  owner_ = std::move(owner);
}

Bytes Bytes::slice(std::uint64_t offset, std::uint64_t size) const {
  if (offset > view_.size() || size > view_.size() - offset) {
    throw Error(Errc::usage, "slice outside of its bytes");
  }
  return {view_.subspan(offset, size), owner_};
}

}  // namespace transload
