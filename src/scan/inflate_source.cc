#include "scan/inflate_source.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "transload/error.h"

namespace transload::scanning {
namespace {

constexpr std::uint64_t kMost = std::uint64_t{256} << 20;  // decoded, and kept
constexpr std::uint64_t kInput = std::uint64_t{64} << 10;  // stored bytes that are read at once
constexpr std::uint64_t kLeast = std::uint64_t{64} << 10;  // bytes that are decoded at once

class Inflated final : public Source {
 public:
  Inflated(std::shared_ptr<Source> whole, std::uint64_t offset, std::uint64_t stored, std::uint64_t size,
           std::string name, std::function<bool(std::uint64_t)> spend)
      : whole_(std::move(whole)),
        at_(offset),
        end_(offset + stored),
        size_(size),
        name_(std::move(name)),
        spend_(std::move(spend)) {
    if (inflateInit2(&stream_, -15) != Z_OK) fail("zlib refuses to begin");
  }
  ~Inflated() override { inflateEnd(&stream_); }
  Inflated(const Inflated&) = delete;
  Inflated& operator=(const Inflated&) = delete;

  const std::string& name() const noexcept override { return name_; }
  std::uint64_t size() const noexcept override { return size_; }
  std::string identity() const override { return fmt::format("{}:inflated@{}", whole_->identity(), name_); }
  void read(std::uint64_t offset, MutableByteView out) const override {
    if (offset > size_ || out.size() > size_ - offset) fail(fmt::format("the content ends at {}", size_));
    decode(offset + out.size());
    if (!out.empty()) std::memcpy(out.data(), out_.data() + offset, out.size());
  }
  Bytes view(std::uint64_t offset, std::uint64_t size) const override {
    if (offset > size_ || size > size_ - offset) fail(fmt::format("the content ends at {}", size_));
    decode(offset + size);
    const auto from = out_.begin() + static_cast<std::ptrdiff_t>(offset);
    return Bytes(std::vector<std::byte>(from, from + static_cast<std::ptrdiff_t>(size)));
  }

 private:
  [[noreturn]] void fail(std::string_view message, Errc code = Errc::corrupt) const {
    throw Error(code, message, {.file = name_, .offset = out_.size(), .tensor = {}});
  }

  // Until `needed` bytes are there, and some more, so that reading on costs no more than reading at once.
  void decode(std::uint64_t needed) const {
    if (needed <= out_.size()) return;
    if (needed > kMost) fail(fmt::format("more than {} bytes, which are not decoded", kMost), Errc::unsupported);
    const std::uint64_t target =
        std::min({size_, kMost, std::max(needed, out_.size() + std::max<std::uint64_t>(kLeast, out_.size() / 2))});
    if (!spend_(target - out_.size())) fail("holds more than is looked into", Errc::unsupported);
    std::uint64_t have = out_.size();
    out_.resize(target);
    while (have < target) {
      if (stream_.avail_in == 0 && at_ < end_) {
        input_.resize(std::min(end_ - at_, kInput));
        whole_->read(at_, input_);
        at_ += input_.size();
        stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
        stream_.avail_in = static_cast<uInt>(input_.size());
      }
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data() + have);
      stream_.avail_out = static_cast<uInt>(target - have);
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      have = target - stream_.avail_out;
      if (result == Z_OK || have == target) continue;
      out_.resize(have);
      const std::uint64_t claimed = std::exchange(size_, have);
      fail(result == Z_STREAM_END || result == Z_BUF_ERROR
               ? fmt::format("decodes to {} bytes where the archive claims {}", have, claimed)
               : "its deflated bytes are broken");
    }
  }

  std::shared_ptr<Source> whole_;
  mutable std::uint64_t at_;  // stored bytes that were not read yet
  std::uint64_t end_;
  mutable std::uint64_t size_;
  std::string name_;
  std::function<bool(std::uint64_t)> spend_;
  mutable z_stream stream_{};
  mutable std::vector<std::byte> input_, out_;
};

}  // namespace

std::shared_ptr<Source> inflated(std::shared_ptr<Source> whole, std::uint64_t offset, std::uint64_t stored,
                                 std::uint64_t size, std::string name, std::function<bool(std::uint64_t)> spend) {
  return std::make_shared<Inflated>(std::move(whole), offset, stored, size, std::move(name), std::move(spend));
}

}  // namespace transload::scanning
