// Opening a bundle: its table becomes an Index. Tensor bytes are not touched, except the lengths at the start of string
// tensors, without which their size is unknown.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/text.h"
#include "formats/reader.h"
#include "formats/tensor_bundle/data_type.h"
#include "formats/tensor_bundle/entry.h"
#include "formats/tensor_bundle/slice.h"
#include "formats/tensor_bundle/tensor_bundle.h"
#include "transload/error.h"
#include "wire/crc.h"
#include "wire/tf_strings.h"

namespace transload::tensor_bundle {
namespace {

struct NamedEntry {
  std::string name;
  Entry entry;
};

struct Contents {
  Header header;
  std::vector<NamedEntry> tensors;                     // in the order of the table
  std::unordered_map<std::string, NamedEntry> slices;  // by key
};

Contents read_contents(const std::shared_ptr<Source>& source) {
  const std::string& file = source->name();
  Contents contents;
  bool first = true;
  wire::Table(source).for_each([&](const wire::TableEntry& value) {
    const auto fail = [&](std::string_view message) {
      throw Error(Errc::corrupt, message, {.file = file, .offset = value.value_offset, .tensor = {}});
    };
    if (std::exchange(first, false)) {
      if (!value.key.empty()) fail("the table does not begin with the header of a bundle");
      contents.header = read_header(value, file);
      return;
    }
    if (value.key.front() == '\0') {
      contents.slices.emplace(value.key, NamedEntry{"", read_entry(value, file)});
      return;
    }
    if (!valid_utf8(value.key)) fail(fmt::format("the name '{}' is not UTF-8", shortened(value.key)));
    try {
      contents.tensors.push_back({std::string(value.key), read_entry(value, file)});
    } catch (Error& error) {
      error.in({.file = {}, .offset = {}, .tensor = std::string(value.key)});
      throw;
    }
  });
  if (first) throw Error(Errc::corrupt, "an empty table, without the header of a bundle", {file, {}, {}});
  return contents;
}

std::vector<std::shared_ptr<Source>> open_shards(const Store& store, std::string_view prefix, std::int32_t count) {
  std::vector<std::shared_ptr<Source>> shards;
  // Goes no further than there are files, however many the header claims.
  for (std::int32_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("{}.data-{:05}-of-{:05}", prefix, i, count);
    if (!store.exists(name)) {
      throw Error(Errc::io, fmt::format("this data file is missing: the index says that there are {}", count),
                  {.file = store.describe(name), .offset = {}, .tensor = {}},
                  "Put the data files of the checkpoint beside its index, under their own names.");
    }
    shards.push_back(store.open(name));
  }
  return shards;
}

class IndexBuilder {
 public:
  IndexBuilder(Contents contents, std::string index_file, const std::vector<std::shared_ptr<Source>>& shards)
      : contents_(std::move(contents)), index_file_(std::move(index_file)), shards_(shards) {
    index_.format = "tensor_bundle";
    for (const auto& shard : shards) index_.files.push_back(shard->name());
  }

  Index build() {
    for (const NamedEntry& tensor : contents_.tensors) {
      try {
        add(tensor);
      } catch (Error& error) {
        error.in({.file = index_file_, .offset = tensor.entry.at, .tensor = tensor.name});
        throw;
      }
    }
    for (const auto& [key, slice] : contents_.slices) {
      if (slice.name.empty()) {
        throw Error(Errc::corrupt, "a slice that no tensor of this bundle lists",
                    {.file = index_file_, .offset = slice.entry.at, .tensor = {}});
      }
    }
    check_overlap();
    if (contents_.header.big_endian) index_.notes.push_back("The values are stored big endian.");
    index_.seal();
    return std::move(index_);
  }

 private:
  void add(const NamedEntry& tensor) {
    const Entry& entry = tensor.entry;
    const DataType* type = data_type(entry.data_type);
    if (type == nullptr) {
      throw Error(Errc::unsupported,
                  fmt::format("TensorFlow data type {} is none of a stored tensor", entry.data_type));
    }
    if (!type->dtype) {
      index_.left_out.push_back({tensor.name, fmt::format("its type {} has no equal in other formats", type->name)});
      return;
    }
    TensorInfo info{tensor.name, *type->dtype, entry.shape, {}};
    if (entry.slices.empty()) {
      info.chunks.push_back({{}, {}, add_storage(entry, *type, tensor.name), 0, {}});
    } else {
      info.chunks = sliced(tensor, *type);
    }
    index_.tensors.push_back(std::move(info));
  }

  std::vector<Chunk> sliced(const NamedEntry& tensor, const DataType& type) {
    if (*type.dtype == DType::string) throw Error(Errc::unsupported, "a string tensor in slices");
    std::vector<Chunk> chunks;
    for (const Slice& slice : tensor.entry.slices) chunks.push_back(slice_box(slice, tensor.entry.shape));
    check_cover(chunks, tensor.entry.shape);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const Entry& stored = claim_slice(tensor, tensor.entry.slices[i], chunks[i]);
      chunks[i].storage = add_storage(stored, type, tensor.name);
    }
    return chunks;
  }

  const Entry& claim_slice(const NamedEntry& tensor, const Slice& slice, const Chunk& box) {
    const auto fail = [&](std::string_view what) {
      throw Error(Errc::corrupt,
                  fmt::format("its slice of {} at {} {}", to_string(box.extent), to_string(box.start), what));
    };
    const auto found = contents_.slices.find(slice_key(tensor.name, slice));
    if (found == contents_.slices.end()) fail("has no entry");
    auto& [owner, stored] = found->second;
    if (!owner.empty()) fail("is listed twice");
    owner = tensor.name;
    if (stored.data_type != tensor.entry.data_type || stored.shape != box.extent || !stored.slices.empty()) {
      fail("is stored with another type or shape");
    }
    return stored;
  }

  // One storage for each entry: the checksum is one per entry.
  std::uint32_t add_storage(const Entry& entry, const DataType& type, const std::string& tensor) {
    if (entry.shard >= contents_.header.shards) {
      throw Error(Errc::corrupt, fmt::format("lies in data file {} of {}", entry.shard, contents_.header.shards));
    }
    const Source& shard = *shards_[static_cast<std::size_t>(entry.shard)];
    Storage storage;
    storage.at = {static_cast<std::uint32_t>(entry.shard), entry.offset, entry.size};
    if (entry.offset > shard.size() || entry.size > shard.size() - entry.offset) {
      throw Error(Errc::corrupt,
                  fmt::format("{} bytes from {} on are not in {}, which has {}", entry.size, entry.offset,
                              shortened(shard.name()), shard.size()),
                  {}, "The data file is cut short, or belongs to another index; fetch both again.");
    }
    storage.checksum = {Checksum::Kind::crc32c, wire::unmask_crc32c(entry.masked_crc32c)};
    storage.swap = contents_.header.big_endian ? type.swap : std::uint8_t{0};
    if (*type.dtype == DType::string) {
      storage.codec = Codec::tf_strings;
      storage.size = wire::tf_strings_size(shard, entry.offset, entry.size, element_count(entry.shape));
    } else {
      storage.size = tensor_bytes(*type.dtype, entry.shape);
      if (storage.size != entry.size) {
        throw Error(Errc::corrupt, fmt::format("{} bytes are stored for a {} of shape {}, which has {}", entry.size,
                                               transload::name(*type.dtype), to_string(entry.shape), storage.size));
      }
    }
    if (storage.size == 0) check_empty(shard, storage);
    if (entry.size != 0) extents_.push_back({storage.at, &tensor});
    index_.storages.push_back(storage);
    return static_cast<std::uint32_t>(index_.storages.size() - 1);
  }

  // Nobody will read a tensor without elements, so that its checksum is verified here. Without strings there are still
  // four bytes.
  static void check_empty(const Source& shard, const Storage& storage) {
    std::vector<std::byte> stored(storage.at.size);
    shard.read(storage.at.offset, stored);
    if (storage.codec == Codec::tf_strings) {
      wire::decode_tf_strings(stored, 0, storage.checksum->value, storage.swap != 0, shard.name(), storage.at.offset);
    } else if (storage.checksum->value != 0) {
      throw Error(Errc::corrupt, "has no bytes, and the checksum of some");
    }
  }

  // No writer lets tensors share bytes, not even equal ones.
  void check_overlap() {
    std::ranges::sort(extents_, [](const Used& a, const Used& b) {
      return std::pair(a.at.file, a.at.offset) < std::pair(b.at.file, b.at.offset);
    });
    for (std::size_t i = 1; i < extents_.size(); ++i) {
      const Used &a = extents_[i - 1], &b = extents_[i];
      if (a.at.file != b.at.file || b.at.offset - a.at.offset >= a.at.size) continue;
      throw Error(
          Errc::corrupt,
          fmt::format("shares bytes of {} with tensor '{}'", shortened(index_.files[a.at.file]), shortened(*a.tensor)),
          {.file = index_file_, .offset = {}, .tensor = *b.tensor});
    }
  }

  struct Used {
    Extent at;
    const std::string* tensor;
  };

  Contents contents_;
  std::string index_file_;
  const std::vector<std::shared_ptr<Source>>& shards_;
  Index index_;
  std::vector<Used> extents_;
};

std::shared_ptr<Source> open_index(const Store& store, std::string_view prefix) {
  const std::string name = fmt::format("{}.index", prefix);
  if (store.exists(name)) return store.open(name);
  if (store.exists(prefix)) {
    const std::shared_ptr<Source> file = store.open(prefix);
    if (wire::Table::has_magic(*file)) {
      throw Error(Errc::unsupported, "this is a TensorFlow checkpoint of version 1, which Transload does not read yet",
                  {.file = file->name(), .offset = {}, .tensor = {}},
                  "Load it with TensorFlow and save it again: tf.train.Saver() writes version 2.");
    }
  }
  throw Error(Errc::io, "there is no such file", {.file = store.describe(name), .offset = {}, .tensor = {}},
              "Name a TensorFlow checkpoint by its prefix: model.ckpt for model.ckpt.index.");
}

}  // namespace

std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view prefix, const OpenOptions& options) {
  const std::shared_ptr<Source> table = open_index(*store, prefix);
  if (!options.key.empty()) {
    throw Error(Errc::usage, "a TensorFlow checkpoint has no containers to choose from with a key",
                {.file = table->name(), .offset = {}, .tensor = {}});
  }
  Contents contents = read_contents(table);
  std::vector<std::shared_ptr<Source>> shards = open_shards(*store, prefix, contents.header.shards);
  Index index = IndexBuilder(std::move(contents), table->name(), shards).build();
  return make_reader(std::move(index), std::move(shards));
}

}  // namespace transload::tensor_bundle
