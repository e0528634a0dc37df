// A whole tensor, and its digest.

#include <algorithm>
#include <vector>

#include "formats/digest.h"
#include "formats/strided.h"
#include "transload/error.h"
#include "transload/format.h"

namespace transload {
namespace {

// Tensors up to this size are read whole for their digest; larger ones in pieces where they are stored in C order.
constexpr std::uint64_t kBlock = std::uint64_t{4} << 20;

bool in_c_order(const TensorInfo& tensor) {
  return tensor.chunks.size() == 1 && tensor.chunks.front().extent.empty() && tensor.chunks.front().strides.empty();
}

// Packed types and strings have no elements of whole bytes: they are only ever copied as they lie.
bool opaque_bytes(DType type) { return info(type).bits % 8 != 0 || info(type).bits == 0; }

std::uint64_t stored_bytes(const Reader& reader, const TensorInfo& tensor) {
  if (tensor.dtype != DType::string) return tensor_bytes(tensor.dtype, tensor.shape);
  return tensor.chunks.empty() ? 0 : reader.index().storages[tensor.chunks.front().storage].size;
}

}  // namespace

void read_tensor(const Reader& reader, const TensorInfo& tensor, MutableByteView out) {
  if (out.size() != stored_bytes(reader, tensor))
    throw Error(Errc::usage, "the buffer is of another size than the tensor");
  try {
    // What lies there without an element of this tensor, such as the header of an array, still has a checksum.
    if (out.empty()) {
      for (const Chunk& chunk : tensor.chunks) reader.read(chunk.storage, chunk.offset, {});
      return;
    }
    if (opaque_bytes(tensor.dtype)) {
      reader.read(tensor.chunks.front().storage, tensor.chunks.front().offset, out);
      return;
    }
    for (const Move& move : resolve(tensor)) gather(reader, move, element_bytes(tensor.dtype), out.data());
  } catch (Error& error) {
    error.in({.file = {}, .offset = {}, .tensor = tensor.name});
    throw;
  }
}

std::string tensor_digest(const Reader& reader, const TensorInfo& tensor) {
  Sha256 sha;
  const std::uint64_t size = stored_bytes(reader, tensor);
  const bool in_pieces = in_c_order(tensor) && size > kBlock;
  std::vector<std::byte> block(in_pieces ? kBlock : size);
  if (!in_pieces) {
    read_tensor(reader, tensor, block);
    sha.add(block);
    return sha.hex();
  }
  try {
    const Chunk& chunk = tensor.chunks.front();
    for (std::uint64_t at = 0; at < size; at += kBlock) {
      const MutableByteView part(block.data(), std::min(kBlock, size - at));
      reader.read(chunk.storage, chunk.offset + at, part);
      sha.add(part);
    }
  } catch (Error& error) {
    error.in({.file = {}, .offset = {}, .tensor = tensor.name});
    throw;
  }
  return sha.hex();
}

}  // namespace transload
