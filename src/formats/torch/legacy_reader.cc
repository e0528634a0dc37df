#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/text.h"
#include "formats/reader.h"
#include "formats/torch/containers.h"
#include "formats/torch/magic.h"
#include "formats/torch/readers.h"
#include "formats/torch/rebuild.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::int64_t kProtocol = 1001;
// The pickles of a checkpoint take some 200 bytes a tensor; they are read in a window that grows when it is too small.
constexpr std::uint64_t kFirstWindow = std::uint64_t{1} << 18, kLargestWindow = std::uint64_t{1} << 29;

class LegacyCheckpoint {
 public:
  LegacyCheckpoint(std::shared_ptr<Source> source, bool opaque) : source_(std::move(source)), opaque_(opaque) {
    std::uint64_t window = std::min(kFirstWindow, source_->size());
    while (!read_pickles(window)) {
      if (window >= kLargestWindow) {
        fail(0, fmt::format("the pickles of the stream do not end within {}", human_bytes(kLargestWindow)));
      }
      window = std::min({window * 8, kLargestWindow, source_->size()});
    }
  }

  std::unique_ptr<Reader> open(const OpenOptions& options) const {
    const Storages storages(*object_, PersistentIds::legacy);
    Rebuilder rebuilder(*object_, storages, source_->size());
    rebuilder.check_calls();
    if (options.dense) rebuilder.make_dense();
    Index index;
    index.format = "torch";
    index.files = {source_->name()};
    list_tensors(*object_, rebuilder, index);
    if (big_ && rebuilder.mixed_widths() >= 0) {
      fail(0, "a big-endian storage that tensors of different types share", Errc::unsupported);
    }
    place(storages, rebuilder, index);
    return finish_reader(std::move(index), source_, rebuilder, options);
  }

 private:
  [[noreturn]] void fail(std::uint64_t offset, std::string_view message, Errc code = Errc::corrupt) const {
    throw Error(code, message, {.file = source_->name(), .offset = offset, .tensor = {}});
  }

  // False when `size` bytes are too few.
  bool read_pickles(std::uint64_t size) {
    std::vector<std::byte> bytes(size);
    source_->read(0, bytes);
    const Bytes window(std::move(bytes));
    const bool whole = size == source_->size();
    std::uint64_t at = 0;
    const auto next = [&](const wire::PickleAllowed& allowed, bool opaque = false) {
      auto pickle = wire::read_pickle(window.slice(at, size - at),
                                      {.file = source_->name(), .base = at, .whole = whole, .opaque = opaque}, allowed);
      if (pickle) at += pickle->size();
      return pickle;
    };
    const auto none = [](std::string_view, std::string_view) { return false; };
    const auto magic = next(none);
    if (!magic) return false;
    check_magic(*magic);
    const auto protocol = next(none);
    if (!protocol) return false;
    if (protocol->kind(protocol->root()) != PickleKind::integer || protocol->integer(protocol->root()) != kProtocol) {
      fail(protocol->offset(protocol->root()), fmt::format("the stream's protocol is not {}", kProtocol));
    }
    const auto system = next(none);
    if (!system) return false;
    big_ = is_big_endian(*system);
    object_ = next(is_allowed, opaque_);
    if (!object_) return false;
    keys_ = next(none);
    if (!keys_) return false;
    data_at_ = at;
    return true;
  }

  void check_magic(const Pickle& magic) const {
    const PickleRef root = magic.root();
    if (magic.kind(root) != PickleKind::wide || as_text(magic.wide(root)) != kMagicNumber) {
      fail(0, "does not begin with PyTorch's magic number");
    }
  }

  static bool is_big_endian(const Pickle& system) {
    const PickleRef root = system.root();
    if (system.kind(root) != PickleKind::dict) system.fail(root, "the description of the system is not a dict");
    const auto items = system.items(root);
    std::optional<bool> little;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (system.kind(items[i]) != PickleKind::text || system.text(items[i]) != "little_endian") continue;
      if (system.kind(items[i + 1]) != PickleKind::boolean || little) system.fail(items[i + 1], "a bad byte order");
      little = system.boolean(items[i + 1]);
    }
    if (!little) system.fail(root, "the description of the system lacks the byte order");
    return !*little;
  }

  // After the keys, in their order: the number of elements, then the elements.
  void place(const Storages& storages, const Rebuilder& rebuilder, Index& index) const {
    const PickleRef root = keys_->root();
    if (keys_->kind(root) != PickleKind::list) keys_->fail(root, "the list of storage keys is not a list");
    index.storages.resize(storages.all().size());
    std::vector<std::optional<PickleRef>> placed(storages.all().size());  // by which key of the list
    std::uint64_t at = data_at_;
    for (const PickleRef key : keys_->items(root)) {
      const std::string_view text = keys_->kind(key) == PickleKind::text ? keys_->text(key) : std::string_view();
      const std::int64_t found = storages.find(text);
      if (found < 0) {
        keys_->fail(key, fmt::format("the key '{}' belongs to no storage of the pickle at 0x{:x}", shortened(text, 40),
                                     object_->offset(object_->root())));
      }
      const auto id = static_cast<std::size_t>(found);
      if (placed[id]) {
        keys_->fail(key,
                    fmt::format("the storage '{}' is listed twice, also at 0x{:x}", text, keys_->offset(*placed[id])));
      }
      placed[id] = key;
      const DeclaredStorage& declared = storages.all()[id];
      if (source_->size() - at < sizeof(std::uint64_t)) fail(at, cut_off(declared));
      std::int64_t count = 0;
      source_->read(at, std::as_writable_bytes(std::span{&count, 1}));
      // The count is of elements, in the byte order of the machine that wrote the file.
      if (big_) count = static_cast<std::int64_t>(__builtin_bswap64(static_cast<std::uint64_t>(count)));
      if (count < 0 || static_cast<std::uint64_t>(count) != declared.numel) {
        fail(at, fmt::format("storage '{}' is of {} elements here and of {} where it is used, at 0x{:x}", declared.key,
                             count, declared.numel, object_->offset(declared.declared)));
      }
      at += sizeof(std::uint64_t);
      if (source_->size() - at < declared.size) fail(at, cut_off(declared));
      const std::uint8_t width = big_ ? rebuilder.unit_widths()[id] : std::uint8_t{0};
      Storage& storage = index.storages[id];
      storage.at = {.file = 0, .offset = at, .size = declared.size};
      storage.size = declared.size;
      storage.swap = width > 1 ? width : std::uint8_t{0};
      at += declared.size;
    }
    for (std::size_t i = 0; i < placed.size(); ++i) {
      if (placed[i]) continue;
      object_->fail(storages.all()[i].declared,
                    fmt::format("storage '{}' is used here and not in the list of keys at 0x{:x}",
                                storages.all()[i].key, keys_->offset(root)));
    }
    if (at != source_->size()) fail(at, fmt::format("{} bytes follow the last storage", source_->size() - at));
  }

  std::string cut_off(const DeclaredStorage& declared) const {
    return fmt::format("the file is cut off: storage '{}', used at 0x{:x}, needs {} bytes", declared.key,
                       object_->offset(declared.declared), declared.size);
  }

  std::shared_ptr<Source> source_;
  std::optional<Pickle> object_, keys_;
  std::uint64_t data_at_ = 0;
  bool opaque_ = false, big_ = false;
};

}  // namespace

std::unique_ptr<Reader> open_legacy(std::shared_ptr<Source> source, const OpenOptions& options) {
  return LegacyCheckpoint(source, options.allow_opaque).open(options);
}

}  // namespace transload::torch
