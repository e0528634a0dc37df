// The tar archives of PyTorch 0.1: `storages`, `tensors` and `pickle`, each a run of pickles and raw numbers.
// Source: legacy_load() in torch/serialization.py of torch 2.13.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/text.h"
#include "formats/reader.h"
#include "formats/torch/containers.h"
#include "formats/torch/readers.h"
#include "transload/error.h"
#include "wire/tar.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;
using wire::TarEntry;

// Most pickles of an archive are of some 100 bytes; the window grows for one that is longer.
constexpr std::uint64_t kFirstWindow = 512, kLargestWindow = std::uint64_t{1} << 29;

// A run of pickles and numbers: one entry of the archive, read forward.
class Stream {
 public:
  Stream(const Source& source, const TarEntry& entry)
      : source_(source), label_(source.name() + '!' + entry.name), begin_(entry.offset), size_(entry.size) {}

  std::uint64_t at() const noexcept { return at_; }
  std::uint64_t left() const noexcept { return size_ - at_; }
  std::uint64_t in_file() const noexcept { return begin_ + at_; }

  Pickle pickle(const wire::PickleAllowed& allowed, bool opaque = false) {
    for (std::uint64_t window = kFirstWindow;; window *= 8) {
      const std::uint64_t take = std::min({window, left(), kLargestWindow});
      std::vector<std::byte> bytes(take);
      if (take != 0) source_.read(begin_ + at_, bytes);
      auto pickle = wire::read_pickle(
          Bytes(std::move(bytes)), {.file = label_, .base = at_, .whole = take == left(), .opaque = opaque}, allowed);
      if (!pickle && window >= kLargestWindow) fail("a pickle that is too large", Errc::unsupported);
      if (!pickle) continue;
      at_ += pickle->size();
      return std::move(*pickle);
    }
  }

  template <class T>
  T number(bool big) {
    if (left() < sizeof(T)) fail("truncated: a number is needed here");
    std::array<std::byte, sizeof(T)> bytes;
    source_.read(begin_ + at_, bytes);
    if (big) std::ranges::reverse(bytes);
    at_ += sizeof(T);
    return std::bit_cast<T>(bytes);
  }

  void skip(std::uint64_t size) { at_ += size; }  // no more than left()

  [[noreturn]] void fail(std::string_view message, Errc code = Errc::corrupt) const {
    throw Error(code, message, {.file = label_, .offset = at_, .tensor = {}});
  }
  void expect_end() const {
    if (left() != 0) fail(fmt::format("{} bytes follow the last item", left()));
  }

 private:
  const Source& source_;
  std::string label_;
  std::uint64_t begin_, size_, at_ = 0;
};

bool no_name(std::string_view, std::string_view) { return false; }

bool storage_name(std::string_view module, std::string_view name) {
  const Global* global = find_global(module, name);
  return global != nullptr && global->role == Role::storage;
}

// torch.FloatTensor, torch.cuda.FloatTensor: only mentioned, beside a tensor's storage.
bool tensor_name(std::string_view module, std::string_view name) {
  return (module == "torch" || module == "torch.cuda") && name.ends_with("Tensor") &&
         find_global(module, std::string(name.substr(0, name.size() - 6)) + "Storage") != nullptr;
}

class TarCheckpoint {
 public:
  explicit TarCheckpoint(std::shared_ptr<Source> source)
      : source_(std::move(source)), entries_(wire::read_tar(*source_)) {
    if (find("storages") == nullptr || find("tensors") == nullptr || find("pickle") == nullptr) {
      throw Error(Errc::unsupported, "a tar archive, but not one of PyTorch 0.1: it lacks storages, tensors or pickle",
                  {.file = source_->name(), .offset = 0, .tensor = {}}, "unpack it and give the checkpoint inside");
    }
    index_.format = "torch";
    index_.files = {source_->name()};
    read_system();
    read_storages();
    read_tensors();
  }

  std::unique_ptr<Reader> open(const OpenOptions& options) {
    Stream stream(*source_, *find("pickle"));
    const Pickle object = stream.pickle(is_allowed, options.allow_opaque);
    stream.expect_end();
    const Storages storages(declared_, storage_views(object));
    Rebuilder rebuilder(object, storages, source_->size());
    for (const auto& [ref, tensor] : given_) rebuilder.give(ref, *tensor);
    rebuilder.check_calls();
    if (options.dense) rebuilder.make_dense();
    list_tensors(object, rebuilder, index_);
    rebuilder.place_embedded(find("pickle")->offset, index_.storages);
    note_the_rest();
    return finish_reader(std::move(index_), source_, rebuilder, options);
  }

 private:
  struct PlacedStorage {
    StorageView view;
    std::uint64_t declared = 0;  // where, in `storages`
    std::uint8_t swap = 0;
  };

  const TarEntry* find(std::string_view name) const {
    const auto found = std::ranges::find(entries_, name, &TarEntry::name);
    return found == entries_.end() ? nullptr : &*found;
  }

  static std::int64_t integer(const Pickle& pickle, PickleRef ref, std::string_view what) {
    if (pickle.kind(ref) != PickleKind::integer) {
      pickle.fail(ref, fmt::format("{} is {}, not an integer", what, name(pickle.kind(ref))));
    }
    return pickle.integer(ref);
  }

  static std::span<const PickleRef> tuple(const Pickle& pickle, PickleRef ref, std::size_t size,
                                          std::string_view what) {
    if (pickle.kind(ref) != PickleKind::tuple || pickle.items(ref).size() != size) {
      pickle.fail(ref, fmt::format("{} is not a tuple of {}", what, size));
    }
    return pickle.items(ref);
  }

  static std::int64_t count(const Pickle& pickle, std::string_view what) {
    const std::int64_t value = integer(pickle, pickle.root(), what);
    if (value < 0) pickle.fail(pickle.root(), fmt::format("{} is negative ({})", what, value));
    return value;
  }

  // The byte order of the machine that wrote the file. PyTorch ignores it.
  void read_system() {
    const TarEntry* entry = find("sys_info");
    if (entry == nullptr) return;
    const Pickle system = Stream(*source_, *entry).pickle(no_name);
    if (system.kind(system.root()) != PickleKind::dict) system.fail(system.root(), "sys_info is not a dict");
    const auto items = system.items(system.root());
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (system.kind(items[i]) != PickleKind::text || system.text(items[i]) != "little_endian") continue;
      if (system.kind(items[i + 1]) != PickleKind::boolean) system.fail(items[i + 1], "a bad byte order");
      big_ = !system.boolean(items[i + 1]);
    }
  }

  void read_storages() {
    Stream stream(*source_, *find("storages"));
    const std::int64_t number = count(stream.pickle(no_name), "the number of storages");
    for (std::int64_t i = 0; i < number; ++i) read_storage(stream);
    const Pickle views = stream.pickle(no_name);
    if (views.kind(views.root()) != PickleKind::list)
      views.fail(views.root(), "the list of storage views is not a list");
    for (const PickleRef item : views.items(views.root())) read_view(views, item);
    stream.expect_end();
  }

  // (key, location, class), a 64-bit count, the elements.
  void read_storage(Stream& stream) {
    const std::uint64_t at = stream.at();
    const Pickle head = stream.pickle(storage_name);
    const auto items = tuple(head, head.root(), 3, "a storage's description");
    const std::int64_t key = integer(head, items[0], "a storage's key");
    if (head.kind(items[1]) != PickleKind::text) head.fail(items[1], "a storage whose location is not text");
    if (head.kind(items[2]) != PickleKind::global) head.fail(items[2], "a storage without its class");
    const Global* type = find_global(head.module(items[2]), head.global_name(items[2]));
    if (!type->dtype) {
      head.fail(items[2], fmt::format("a storage of the type {}, which is not read", type->name), Errc::unsupported);
    }
    const auto numel = stream.number<std::int64_t>(big_);
    std::uint64_t size = 0;
    if (numel < 0 || __builtin_mul_overflow(static_cast<std::uint64_t>(numel), std::uint64_t{type->bytes}, &size) ||
        size > stream.left()) {
      stream.fail(fmt::format("storage {} claims {} elements of {} bytes where {} bytes are left", key, numel,
                              type->bytes, stream.left()));
    }
    const auto id = static_cast<std::uint32_t>(index_.storages.size());
    const std::uint8_t width = unit_width(*type->dtype);
    Storage storage;
    storage.at = {.file = 0, .offset = stream.in_file(), .size = size};
    storage.size = size;
    storage.swap = big_ && width > 1 ? width : std::uint8_t{0};
    index_.storages.push_back(storage);
    declared_.push_back({.key = std::to_string(key),
                         .type = type,
                         .numel = static_cast<std::uint64_t>(numel),
                         .size = size,
                         .declared = 0});
    add_storage(key, {.view = {.storage = id, .type = type, .offset = 0, .size = size}, .declared = at},
                [&](std::string_view message) { head.fail(items[0], message); });
    stream.skip(size);
  }

  // (key, key of the storage that it is a part of, offset and number of elements).
  void read_view(const Pickle& views, PickleRef item) {
    const auto parts = tuple(views, item, 4, "a storage view");
    const auto root = storages_.find(integer(views, parts[1], "a storage's key"));
    if (root == storages_.end()) {
      views.fail(item, fmt::format("a view of storage {}, which is not there", views.integer(parts[1])));
    }
    const std::int64_t offset = integer(views, parts[2], "a storage view's offset");
    const std::int64_t numel = integer(views, parts[3], "a storage view's count");
    PlacedStorage part = root->second;
    const auto whole = static_cast<std::int64_t>(part.view.size / part.view.type->bytes);
    if (offset < 0 || numel < 0 || offset > whole || numel > whole - offset) {
      views.fail(item, fmt::format("a view of {} elements from {} on in storage {} of {}, at 0x{:x}", numel, offset,
                                   root->first, whole, part.declared));
    }
    part.declared = views.offset(item);
    part.view.offset += static_cast<std::uint64_t>(offset) * part.view.type->bytes;
    part.view.size = static_cast<std::uint64_t>(numel) * part.view.type->bytes;
    add_storage(integer(views, parts[0], "a storage's key"), part,
                [&](std::string_view message) { views.fail(item, message); });
  }

  template <class Fail>
  void add_storage(std::int64_t key, const PlacedStorage& storage, const Fail& fail) {
    const auto [place, is_new] = storages_.emplace(key, storage);
    if (!is_new) fail(fmt::format("storage {} is there twice, also at 0x{:x}", key, place->second.declared));
  }

  void read_tensors() {
    Stream stream(*source_, *find("tensors"));
    StridedViews views(source_->size());
    const std::int64_t number = count(stream.pickle(no_name), "the number of tensors");
    for (std::int64_t i = 0; i < number; ++i) read_tensor_of(stream, views);
    stream.expect_end();
  }

  // (key, storage's key, class), the number of dimensions in 64 bits, sizes, strides, offset.
  void read_tensor_of(Stream& stream, StridedViews& views) {
    const Pickle head = stream.pickle(tensor_name);
    const auto items = tuple(head, head.root(), 3, "a tensor's description");
    const std::int64_t key = integer(head, items[0], "a tensor's key");
    const std::uint64_t at = head.offset(head.root());
    const auto storage = storages_.find(integer(head, items[1], "the key of a tensor's storage"));
    if (storage == storages_.end()) {
      head.fail(items[1], fmt::format("a tensor over storage {}, which is not there", head.integer(items[1])));
    }
    const Global& type = *storage->second.view.type;
    if (head.kind(items[2]) != PickleKind::global) head.fail(items[2], "a tensor without its class");
    const std::string_view own = head.global_name(items[2]);
    if (own.substr(0, own.size() - 6) != type.name.substr(0, type.name.size() - 7)) {  // less Tensor, Storage
      head.fail(items[2],
                fmt::format("a {} over a {}, at 0x{:x} of storages", own, type.name, storage->second.declared));
    }
    const auto dimensions = stream.number<std::int64_t>(big_);
    if (dimensions < 0 || dimensions > kMostDimensions) {
      stream.fail(fmt::format("a tensor of {} dimensions; at most {} are read", dimensions, kMostDimensions));
    }
    const auto numbers = [&](std::string_view what) {
      std::vector<std::int64_t> values;
      for (std::int64_t i = 0; i < dimensions; ++i) {
        values.push_back(stream.number<std::int64_t>(big_));
        if (values.back() < 0) stream.fail(fmt::format("a tensor's {} is negative ({})", what, values.back()));
      }
      return values;
    };
    Shape shape = numbers("size");
    std::vector<std::int64_t> strides = numbers("stride");
    const auto offset = stream.number<std::int64_t>(big_);
    if (offset < 0) stream.fail(fmt::format("a tensor's offset is negative ({})", offset));
    try {
      TensorInfo tensor = views.make(storage->second.view, *type.dtype, offset, std::move(shape), std::move(strides));
      const auto [place, is_new] = tensors_.emplace(key, std::pair{std::move(tensor), at});
      if (!is_new)
        head.fail(items[0], fmt::format("tensor {} is there twice, also at 0x{:x}", key, place->second.second));
    } catch (Error& error) {
      error.in({.file = stream_label("tensors"), .offset = at, .tensor = {}});
      throw;
    }
    if (storages_.contains(key)) {
      head.fail(items[0], fmt::format("{} is the key of a tensor and of the storage at 0x{:x} of storages", key,
                                      storages_.at(key).declared));
    }
  }

  std::string stream_label(std::string_view entry) const { return fmt::format("{}!{}", source_->name(), entry); }

  // A persistent id is the key of a tensor or of a storage, as text; or the class of an object that is saved whole.
  std::unordered_map<PickleRef, StorageView> storage_views(const Pickle& object) {
    std::unordered_map<PickleRef, StorageView> views;
    for (const PickleRef ref : object.parts_first()) {
      if (object.kind(ref) != PickleKind::persistent) continue;
      const PickleRef id = object.persistent_id(ref);
      if (object.kind(id) == PickleKind::tuple) {
        if (object.opaque()) continue;  // inert
        throw Error(Errc::unsupported, "a model saved whole, with the source code of its classes",
                    {.file = stream_label("pickle"), .offset = object.offset(ref), .tensor = {}},
                    "--allow-opaque reads its tensors; or save its weights: torch.save(model.state_dict(), path)");
      }
      const std::optional<std::int64_t> key = key_of(object, id);
      if (!key) object.fail(ref, "a persistent id that is not a number");
      if (const auto tensor = tensors_.find(*key); tensor != tensors_.end()) {
        given_.emplace_back(ref, &tensor->second.first);
      } else if (const auto storage = storages_.find(*key); storage != storages_.end()) {
        views.emplace(ref, storage->second.view);
      } else {
        object.fail(ref, fmt::format("{} is the key of no tensor and of no storage", *key));
      }
    }
    return views;
  }

  static std::optional<std::int64_t> key_of(const Pickle& object, PickleRef id) {
    if (object.kind(id) == PickleKind::integer) return object.integer(id);
    if (object.kind(id) != PickleKind::text) return std::nullopt;
    const std::string_view text = object.text(id);
    if (text.empty() || text.size() > 18) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    return value;
  }

  void note_the_rest() {
    std::string names;
    for (const TarEntry& entry : entries_) {
      const bool known =
          entry.name == "storages" || entry.name == "tensors" || entry.name == "pickle" || entry.name == "sys_info";
      if (!known && names.size() < 200) names += (names.empty() ? "" : ", ") + shortened(entry.name, 60);
    }
    if (!names.empty()) index_.notes.push_back("entries of the tar archive that were not read: " + names);
  }

  std::shared_ptr<Source> source_;
  std::vector<TarEntry> entries_;
  Index index_;
  bool big_ = false;
  std::map<std::int64_t, PlacedStorage> storages_;
  std::vector<DeclaredStorage> declared_;                                 // one per storage of the index
  std::map<std::int64_t, std::pair<TensorInfo, std::uint64_t>> tensors_;  // and where it is described
  std::vector<std::pair<PickleRef, const TensorInfo*>> given_;
};

}  // namespace

std::unique_ptr<Reader> open_tar(std::shared_ptr<Source> source, const OpenOptions& options) {
  return TarCheckpoint(source).open(options);
}

}  // namespace transload::torch
