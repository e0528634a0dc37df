// Many arrays in a zip archive.

#include <fmt/format.h>

#include <set>
#include <utility>

#include "core/text.h"
#include "formats/mxnet_prefix.h"
#include "formats/numpy/archive.h"
#include "formats/numpy/numpy.h"
#include "formats/sparse.h"
#include "transload/error.h"

namespace transload::numpy {
namespace {

using wire::ZipEntry;

int sniff(std::string_view file_name, ByteView head) {
  const std::string_view text = as_text(head);
  constexpr std::size_t kNameLength = 26, kName = 30;  // in a local header
  if (text.starts_with("PK\x03\x04") && text.size() > kName) {
    const auto low = static_cast<unsigned char>(text[kNameLength]);
    const auto high = static_cast<unsigned char>(text[kNameLength + 1]);
    const std::size_t size = static_cast<std::size_t>(low) + (static_cast<std::size_t>(high) << 8);
    if (text.substr(kName, size).ends_with(kArrayEnding)) return 90;
  }
  if (text.starts_with("PK") && file_name.ends_with(".npz")) return 40;
  return file_name.ends_with(".npz") ? 10 : 0;
}

class NpzIndexer {
 public:
  explicit NpzIndexer(const Source& source) : archive_(source) {
    index_.format = "npz";
    index_.files = {source.name()};
    find_groups();
    std::vector<std::string_view> names;
    std::vector<const ZipEntry*> taken;
    for (const ZipEntry& entry : archive_.entries()) {
      if (const std::optional<std::string_view> name = name_of(entry)) {
        names.push_back(*name);
        taken.push_back(&entry);
      }
    }
    CutNames cut = cut_mxnet_prefixes(names, source.name());
    if (!cut.note.empty()) index_.notes.push_back(std::move(cut.note));
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const auto group = groups_.find(taken[i]);
      if (group == groups_.end()) {
        add(*taken[i], cut.names[i]);
      } else {
        add(group->second, cut.names[i]);
      }
    }
    if (others_ == 1) {
      index_.notes.push_back(fmt::format("the entry '{}' is no array: its name does not end in .npy.", first_other_));
    } else if (others_ > 1) {
      index_.notes.push_back(fmt::format(
          "{} entries are no arrays, '{}' the first of them: their names do not end in .npy.", others_, first_other_));
    }
    for (std::string& note : sparse_notes(sparse_)) index_.notes.push_back(std::move(note));
  }

  Index take_index() { return std::move(index_); }
  std::vector<SparseArray> take_sparse() { return std::move(sparse_); }
  // Entries that nobody will read, by storage and name: whether their headers really say what they seem to say is not
  // known before their checksums are compared.
  std::vector<std::pair<std::uint32_t, std::string>> take_unread() { return std::move(unread_); }

 private:
  // By the entry of the values, which stands for all.
  void find_groups() {
    for (const ZipEntry& entry : archive_.entries()) {
      const std::optional<SparseGroup> group = sparse_group(archive_, entry);
      if (!group) continue;
      groups_.emplace(group->values, *group);
      for (const ZipEntry* member : group->members) {
        if (member != group->values) hidden_.insert(member);
      }
    }
  }

  // nullopt: no array begins here.
  std::optional<std::string_view> name_of(const ZipEntry& entry) {
    constexpr std::string_view kValues = "/data.npy";
    const std::string_view name = entry.name;
    if (hidden_.contains(&entry) || (name.ends_with('/') && entry.size == 0)) return std::nullopt;
    if (!valid_utf8(name)) {
      throw Error(Errc::unsupported, fmt::format("the entry name '{}' is not valid UTF-8", shortened(name, 80)),
                  {.file = index_.files.front(), .offset = entry.header, .tensor = {}});
    }
    if (groups_.contains(&entry)) return name.substr(0, name.size() - kValues.size());
    if (name.ends_with(kArrayEnding)) return name.substr(0, name.size() - kArrayEnding.size());
    if (others_++ == 0) first_other_ = shortened(name);
    return std::nullopt;
  }

  std::uint32_t add_storage(const ZipEntry& entry, std::uint8_t swap) {
    Storage storage;
    storage.at = {.file = 0, .offset = entry.offset, .size = entry.stored};
    storage.size = entry.size;
    storage.codec = entry.deflated ? Codec::deflate : Codec::plain;
    storage.swap = swap;
    if (entry.crc) storage.checksum = Checksum{Checksum::Kind::crc32, *entry.crc};
    index_.storages.push_back(storage);
    return static_cast<std::uint32_t>(index_.storages.size() - 1);
  }

  void add(const ZipEntry& entry, const std::string& name) {
    const Array array = archive_.array(entry);
    if (array.element.kind == Element::Kind::object) {
      throw Error(Errc::unsupported, array.reason, {.file = archive_.label(entry), .offset = {}, .tensor = name},
                  "save the array with a type of its own, or leave it out");
    }
    if (array.element.kind == Element::Kind::other) {
      index_.left_out.push_back({name, array.reason});
      unread_.push_back({add_storage(entry, 0), name});
      return;
    }
    Chunk chunk;
    chunk.storage = add_storage(entry, array.element.swap);
    chunk.offset = array.values;
    chunk.strides = array.strides;
    index_.tensors.push_back({.name = name, .dtype = array.element.type, .shape = array.shape, .chunks = {chunk}});
  }

  SparsePart part(const ZipEntry& entry, const Array& array) {
    return {add_storage(entry, array.element.swap), array.values, element_count(array.shape), array.element.type};
  }

  void add(const SparseGroup& group, const std::string& name) {
    const auto plain = [&](const ZipEntry& entry) {
      Array array = archive_.array(entry);
      if (array.element.kind == Element::Kind::numbers && array.strides.empty()) return array;
      throw Error(Errc::unsupported, "a part of a sparse array that is no numbers in C order",
                  {.file = archive_.label(entry), .offset = {}, .tensor = name});
    };
    const Array values = plain(*group.values), indices = plain(*group.indices);
    Shape wanted{values.shape.empty() ? 0 : values.shape.front()};
    if (!group.csr && !group.shape.empty()) wanted.insert(wanted.end(), group.shape.begin() + 1, group.shape.end());
    SparseArray sparse;
    sparse.kind = group.csr ? SparseArray::Kind::csr : SparseArray::Kind::rows;
    sparse.name = name;
    sparse.dtype = values.element.type;
    sparse.shape = group.shape;
    try {
      index_.storages.push_back({.at = {.file = 0, .offset = group.values->offset, .size = group.values->stored},
                                 .size = tensor_bytes(sparse.dtype, sparse.shape),
                                 .codec = Codec::plain,
                                 .swap = 0,
                                 .checksum = {}});
      sparse.dense = static_cast<std::uint32_t>(index_.storages.size() - 1);
      if (values.shape != wanted) {
        throw Error(Errc::corrupt, fmt::format("stored values of shape {} in a sparse array of shape {}",
                                               to_string(values.shape), to_string(group.shape)));
      }
    } catch (Error& error) {
      error.in({.file = archive_.label(*group.values), .offset = {}, .tensor = name});
      throw;
    }
    sparse.values = part(*group.values, values);
    sparse.indices = part(*group.indices, indices);
    if (group.csr) sparse.starts = part(*group.starts, plain(*group.starts));
    Chunk chunk;
    chunk.storage = sparse.dense;
    index_.tensors.push_back({.name = name, .dtype = sparse.dtype, .shape = group.shape, .chunks = {chunk}});
    sparse_.push_back(std::move(sparse));
  }

  Archive archive_;
  Index index_;
  std::vector<SparseArray> sparse_;
  std::vector<std::pair<std::uint32_t, std::string>> unread_;
  std::unordered_map<const ZipEntry*, SparseGroup> groups_;
  std::set<const ZipEntry*> hidden_;
  std::size_t others_ = 0;  // entries that are no arrays
  std::string first_other_;
};

std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options) {
  std::shared_ptr<Source> source = store->open(name);
  if (!options.key.empty()) {
    throw Error(Errc::usage, "a NumPy archive has no containers to choose from with a key",
                {.file = source->name(), .offset = {}, .tensor = {}}, "leave the key out");
  }
  NpzIndexer indexer(*source);
  Index index = indexer.take_index();
  index.seal();
  std::unique_ptr<Reader> reader = make_sparse_reader(std::move(index), {std::move(source)}, indexer.take_sparse());
  for (const auto& [storage, left_out] : indexer.take_unread()) {
    try {
      reader->read(storage, 0, {});
    } catch (Error& error) {
      throw error.in({.file = {}, .offset = {}, .tensor = left_out});
    }
  }
  return reader;
}

}  // namespace

const Format& npz_format() {
  static constexpr Format kFormat{
      .name = "npz",
      .title = "NumPy archive (.npz)",
      .keeps_ties = false,
      .sniff = sniff,
      .open = open,
      .layout = nullptr,
      .finish = nullptr,
  };
  return kFormat;
}

}  // namespace transload::numpy
