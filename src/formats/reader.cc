#include "formats/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "transload/error.h"
#include "wire/crc.h"
#include "wire/inflate.h"
#include "wire/latin1.h"
#include "wire/tf_strings.h"

namespace transload {
namespace {

// Bytes are summed while they are still in the cache of the core that read them.
constexpr std::uint64_t kVerifyBlock = std::uint64_t{256} << 10;

std::uint32_t checksum(Checksum::Kind kind, std::uint32_t seed, ByteView data) {
  return kind == Checksum::Kind::crc32 ? wire::crc32(seed, data) : wire::crc32c(seed, data);
}

void reverse_units(MutableByteView bytes, std::uint8_t width) {
  for (std::size_t at = 0; at + width <= bytes.size(); at += width) {
    std::reverse(bytes.data() + at, bytes.data() + at + width);
  }
}

class FileReader final : public Reader {
 public:
  FileReader(Index index, std::vector<std::shared_ptr<Source>> files, std::shared_ptr<DecodedCache> cache)
      : index_(std::move(index)),
        files_(std::move(files)),
        verified_(index_.storages.size()),
        cache_(cache ? std::move(cache) : std::make_shared<DecodedCache>()) {
    if (files_.size() != index_.files.size()) throw Error(Errc::usage, "an index needs one source per file");
    for (const Storage& storage : index_.storages) {
      if (storage.at.file >= files_.size()) throw Error(Errc::usage, "a storage names a file that is not there");
      const std::uint64_t end = files_[storage.at.file]->size();
      if (storage.at.offset > end || storage.at.size > end - storage.at.offset) {
        throw Error(Errc::corrupt,
                    fmt::format("{} bytes are needed here, but the file ends at {}", storage.at.size, end),
                    where(storage), "the file is truncated: download or copy it again");
      }
    }
  }

  const Index& index() const noexcept override { return index_; }

  void read(std::uint32_t id, std::uint64_t offset, MutableByteView out) const override {
    const Storage& storage = index_.storages.at(id);
    if (offset > storage.size || out.size() > storage.size - offset) {
      throw Error(Errc::usage, "read outside of a storage", where(storage));
    }
    if (storage.codec == Codec::plain && out.empty()) return verify(id);
    if (storage.codec != Codec::plain) {
      const Bytes bytes = decoded(id).slice(offset, out.size());
      std::ranges::copy(bytes.view(), out.begin());
    } else if (storage.swap > 1) {
      read_swapped(id, offset, out);
    } else {
      read_plain(id, offset, out);
    }
  }

  Bytes view(std::uint32_t id) const override {
    const Storage& storage = index_.storages.at(id);
    if (storage.codec != Codec::plain) return decoded(id);
    if (storage.swap > 1) {
      std::vector<std::byte> bytes(storage.size);
      read_swapped(id, 0, bytes);
      return Bytes(std::move(bytes));
    }
    verify(id);
    return source(storage).view(storage.at.offset, storage.at.size);
  }

 private:
  const Source& source(const Storage& storage) const { return *files_[storage.at.file]; }
  Where where(const Storage& storage) const {
    return {.file = index_.files[storage.at.file], .offset = storage.at.offset, .tensor = {}};
  }

  void read_plain(std::uint32_t id, std::uint64_t offset, MutableByteView out) const {
    const Storage& storage = index_.storages[id];
    const bool whole = offset == 0 && out.size() == storage.size;
    if (!whole) verify(id);
    if (!storage.checksum || verified_[id]) {
      source(storage).read(storage.at.offset + offset, out);
      return;
    }
    std::uint32_t sum = 0;
    for (std::uint64_t at = 0; at < out.size(); at += kVerifyBlock) {
      const MutableByteView block = out.subspan(at, std::min<std::uint64_t>(kVerifyBlock, out.size() - at));
      source(storage).read(storage.at.offset + at, block);
      sum = checksum(storage.checksum->kind, sum, block);
    }
    compare(storage, sum);
    verified_[id] = true;
  }

  // Whole units are read and reversed, then the wanted part is taken out of them.
  void read_swapped(std::uint32_t id, std::uint64_t offset, MutableByteView out) const {
    const std::uint8_t width = index_.storages[id].swap;
    const std::uint64_t lead = offset % width;
    const std::uint64_t size =
        std::min((lead + out.size() + width - 1) / width * width, index_.storages[id].size - (offset - lead));
    std::vector<std::byte> units(size);
    read_plain(id, offset - lead, units);
    reverse_units(units, width);
    std::copy_n(units.begin() + static_cast<std::ptrdiff_t>(lead), out.size(), out.begin());
  }

  Bytes decoded(std::uint32_t id) const {
    return cache_->get(id, [&] {
      const Storage& storage = index_.storages[id];
      std::vector<std::byte> copy(storage.at.size);  // not a view: the file may be shortened meanwhile
      source(storage).read(storage.at.offset, copy);
      const Bytes stored(std::move(copy));
      if (storage.codec == Codec::tf_strings) {
        const auto sum = storage.checksum ? std::optional(storage.checksum->value) : std::nullopt;
        return wire::decode_tf_strings(stored.view(), storage.size, sum, storage.swap > 1,
                                       index_.files[storage.at.file], storage.at.offset);
      }
      const auto decode = storage.codec == Codec::latin1 ? wire::decode_latin1 : wire::inflate;
      Bytes bytes = decode(stored.view(), storage.size, index_.files[storage.at.file], storage.at.offset);
      if (storage.checksum) compare(storage, checksum(storage.checksum->kind, 0, bytes.view()));
      if (storage.swap > 1) {
        std::vector<std::byte> units(bytes.view().begin(), bytes.view().end());
        reverse_units(units, storage.swap);
        bytes = Bytes(std::move(units));
      }
      return bytes;
    });
  }

  // The stored bytes of a plain storage are checked once, before the first part of them is handed out. Two threads
  // may do it at the same time; that costs time and nothing else.
  void verify(std::uint32_t id) const {
    const Storage& storage = index_.storages[id];
    if (!storage.checksum || verified_[id]) return;
    std::vector<std::byte> block(std::min(kVerifyBlock, storage.at.size));
    std::uint32_t sum = 0;
    for (std::uint64_t at = 0; at < storage.at.size; at += block.size()) {
      const MutableByteView part(block.data(), std::min<std::uint64_t>(block.size(), storage.at.size - at));
      source(storage).read(storage.at.offset + at, part);
      sum = checksum(storage.checksum->kind, sum, part);
    }
    compare(storage, sum);
    verified_[id] = true;
  }

  void compare(const Storage& storage, std::uint32_t sum) const {
    if (sum == storage.checksum->value) return;
    throw Error(Errc::corrupt,
                fmt::format("checksum mismatch in {} bytes: the file says {:08x}, its bytes give {:08x}",
                            storage.at.size, storage.checksum->value, sum),
                where(storage), "the file is damaged: download or copy it again");
  }

  Index index_;
  std::vector<std::shared_ptr<Source>> files_;
  mutable std::vector<std::atomic<bool>> verified_;
  std::shared_ptr<DecodedCache> cache_;
};

}  // namespace

std::unique_ptr<Reader> make_reader(Index index, std::vector<std::shared_ptr<Source>> files,
                                    std::shared_ptr<DecodedCache> cache) {
  return std::make_unique<FileReader>(std::move(index), std::move(files), std::move(cache));
}

}  // namespace transload
