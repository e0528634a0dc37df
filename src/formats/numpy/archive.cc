#include "formats/numpy/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "transload/error.h"
#include "wire/inflate.h"
#include "wire/zip_directory.h"

namespace transload::numpy {
namespace {

constexpr std::uint64_t kSmall = 4096;  // bytes of a content that is read whole: a shape, the name of a format

}  // namespace

Archive::Archive(const Source& source) : source_(source), entries_(wire::read_zip(source, wire::ZipNames::exact)) {
  for (const wire::ZipEntry& entry : entries_) by_name_.emplace(entry.name, &entry);
}

const wire::ZipEntry* Archive::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Bytes Archive::begin_of(const wire::ZipEntry& entry, std::uint64_t size) const {
  if (!entry.deflated) return wire::read_copy(source_, entry.offset, size);
  // How many stored bytes hold them is not known beforehand: a table of codes comes first.
  for (std::uint64_t take = size + 512;; take *= 2) {
    take = std::min(take, entry.stored);
    const Bytes stored = wire::read_copy(source_, entry.offset, take);
    Bytes begin = wire::inflate_begin(stored.view(), size, label(entry), 0);
    if (begin.size() == size) return begin;
    if (take == entry.stored) {
      throw Error(Errc::corrupt, fmt::format("deflated bytes end early: {} of {} bytes are there", begin.size(), size),
                  {.file = label(entry), .offset = 0, .tensor = {}});
    }
  }
}

Array Archive::array(const wire::ZipEntry& entry) const {
  Array array = read_array(
      entry.size, [&](std::uint64_t size) { return begin_of(entry, size); }, label(entry));
  if (array.element.swap > 1 && array.values % array.element.swap != 0) {
    throw Error(Errc::unsupported, "big-endian values that do not begin at a multiple of their width",
                {.file = label(entry), .offset = array.values, .tensor = {}});
  }
  return array;
}

Bytes Archive::content(const wire::ZipEntry& entry) const { return wire::read_zip_entry(source_, entry, kSmall); }

std::optional<SparseGroup> sparse_group(const Archive& archive, const wire::ZipEntry& format) {
  constexpr std::string_view kFormat = "format.npy";
  if (!format.name.ends_with("/format.npy") || format.size > kSmall) return std::nullopt;
  const std::string folder = format.name.substr(0, format.name.size() - kFormat.size());
  SparseGroup group;
  group.values = archive.find(folder + "data.npy");
  group.indices = archive.find(folder + "indices.npy");
  const wire::ZipEntry* shape = archive.find(folder + "shape.npy");
  if (group.values == nullptr || group.indices == nullptr || shape == nullptr) return std::nullopt;
  // The header of format.npy is malformed (its text begins a second time within the first string), so that only its
  // length can be used.
  const Bytes bytes = archive.content(format);
  const std::string label = archive.label(format);
  const Prelude prelude = read_prelude(
      bytes.size(), [&](std::uint64_t size) { return bytes.slice(0, size); }, label);
  const std::string_view kind = bytes.text().substr(prelude.values);
  if (kind != "row_sparse" && kind != "csr") return std::nullopt;
  group.csr = kind == "csr";
  group.members = {&format, group.values, group.indices, shape};
  if (group.csr) {
    group.starts = archive.find(folder + "indptr.npy");
    if (group.starts == nullptr) {
      throw Error(Errc::corrupt, "a csr matrix without its indptr.npy", {.file = label, .offset = {}, .tensor = {}});
    }
    group.members.push_back(group.starts);
  }
  const Array sizes = archive.array(*shape);
  if (sizes.element.kind != Element::Kind::numbers || sizes.element.type != DType::i64 || sizes.element.swap != 0 ||
      sizes.shape.size() != 1) {
    throw Error(Errc::unsupported, "the shape of a sparse array is no list of int64, as MXNet writes it",
                {.file = archive.label(*shape), .offset = {}, .tensor = {}});
  }
  if (sizes.shape[0] > static_cast<std::int64_t>(kMaxRank)) {
    throw Error(Errc::corrupt,
                fmt::format("a sparse array of {} dimensions; at most {} are read", sizes.shape[0], kMaxRank),
                {.file = archive.label(*shape), .offset = {}, .tensor = {}});
  }
  const Bytes values = archive.content(*shape).slice(sizes.values, sizes.bytes);
  group.shape.resize(sizes.bytes / sizeof(std::int64_t));
  if (sizes.bytes != 0) std::memcpy(group.shape.data(), values.data(), sizes.bytes);
  return group;
}

}  // namespace transload::numpy
