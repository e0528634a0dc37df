#include "wire/inflate.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "transload/error.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kMostAtOnce = std::numeric_limits<uInt>::max();

// zlib's state, released however the function is left.
struct Stream {
  z_stream z{};
  ~Stream() { inflateEnd(&z); }
};

}  // namespace

Bytes inflate(ByteView stored, std::uint64_t size, const std::string& file, std::uint64_t offset) {
  const auto fail = [&](const std::string& message) {
    throw Error(Errc::corrupt, message, {.file = file, .offset = offset, .tensor = {}});
  };
  if (size / kMostDeflateRatio > stored.size()) {
    fail(fmt::format("{} deflated bytes cannot hold the {} bytes that they declare", stored.size(), size));
  }
  Stream stream;
  if (inflateInit2(&stream.z, -MAX_WBITS) != Z_OK) fail("zlib could not start");
  std::vector<std::byte> out(size);
  std::byte beyond{};  // takes the first byte past the declared size, so that one too many is noticed
  std::uint64_t taken = 0, made = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    const auto in_now = static_cast<uInt>(std::min(kMostAtOnce, stored.size() - taken));
    const auto out_now = static_cast<uInt>(made < size ? std::min(kMostAtOnce, size - made) : 1);
    stream.z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(stored.data()) + taken);
    stream.z.avail_in = in_now;
    stream.z.next_out = reinterpret_cast<Bytef*>(made < size ? out.data() + made : &beyond);
    stream.z.avail_out = out_now;
    status = ::inflate(&stream.z, Z_NO_FLUSH);
    taken += in_now - stream.z.avail_in;
    made += out_now - stream.z.avail_out;
    if (made > size) fail(fmt::format("deflated bytes decode to more than the {} bytes that they declare", size));
    if (status == Z_STREAM_END) break;
    if (status == Z_BUF_ERROR || (status == Z_OK && stream.z.avail_in == in_now && stream.z.avail_out == out_now)) {
      fail(fmt::format("deflated bytes end early: {} of {} bytes are there", made, size));
    }
    if (status != Z_OK) {
      fail(fmt::format("deflated bytes are broken: {}", stream.z.msg != nullptr ? stream.z.msg : "no reason given"));
    }
  }
  if (made != size) fail(fmt::format("deflated bytes decode to {} bytes where {} are declared", made, size));
  if (taken != stored.size()) {
    fail(fmt::format("{} bytes follow the end of the deflated ones", stored.size() - taken));
  }
  return Bytes(std::move(out));
}

Bytes inflate_begin(ByteView stored, std::uint64_t most, const std::string& file, std::uint64_t offset, bool* ended) {
  const auto fail = [&](const std::string& message) {
    throw Error(Errc::corrupt, message, {.file = file, .offset = offset, .tensor = {}});
  };
  if (most > kMostAtOnce || stored.size() > kMostAtOnce) fail("more than 4 GiB are not the begin of anything");
  Stream stream;
  if (inflateInit2(&stream.z, -MAX_WBITS) != Z_OK) fail("zlib could not start");
  std::vector<std::byte> out(most);
  stream.z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(stored.data()));
  stream.z.avail_in = static_cast<uInt>(stored.size());
  stream.z.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.z.avail_out = static_cast<uInt>(most);
  const int status = ::inflate(&stream.z, Z_SYNC_FLUSH);
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
    fail(fmt::format("deflated bytes are broken: {}", stream.z.msg != nullptr ? stream.z.msg : "no reason given"));
  }
  if (ended != nullptr) *ended = status == Z_STREAM_END;
  out.resize(most - stream.z.avail_out);
  return Bytes(std::move(out));
}

}  // namespace transload::wire
