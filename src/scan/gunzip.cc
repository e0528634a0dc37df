#include "scan/gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

namespace transload::scanning {
namespace {

constexpr std::uint64_t kBlock = std::uint64_t{256} << 10;  // read at once

}  // namespace

std::vector<std::byte> gunzip(const Source& source, std::uint64_t stored, std::uint64_t most, bool& whole) {
  std::vector<std::byte> block, out;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) return out;  // either header
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  std::uint64_t at = 0;
  const auto fill = [&] {
    if (stream.avail_in > 0 || at == stored) return;
    block.resize(std::min(stored - at, kBlock));
    source.read(at, block);
    at += block.size();
    stream.next_in = reinterpret_cast<Bytef*>(block.data());
    stream.avail_in = static_cast<uInt>(block.size());
  };
  while (out.size() < most) {
    fill();
    const std::size_t had = out.size();
    out.resize(std::min<std::uint64_t>(most, had + std::max<std::size_t>(65536, had / 2)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(out.size() - had);
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (result == Z_STREAM_END) {
      // Zeros between two members are padding.
      for (fill(); stream.avail_in > 0 && *stream.next_in == 0; fill()) {
        ++stream.next_in;
        --stream.avail_in;
      }
      if (stream.avail_in == 0) {
        whole = at == source.size();
        break;
      }
      if (inflateReset(&stream) != Z_OK) break;
    } else if (result != Z_OK) {
      break;
    }
  }
  return out;
}

}  // namespace transload::scanning
