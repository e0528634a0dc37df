// The arrays of an .npz archive, found and measured.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/numpy/place.h"
#include "transload/io.h"
#include "wire/zip.h"

namespace transload::numpy {

inline constexpr std::string_view kArrayEnding = ".npy";

class Archive {
 public:
  explicit Archive(const Source& source);

  const std::vector<wire::ZipEntry>& entries() const noexcept { return entries_; }
  const wire::ZipEntry* find(const std::string& name) const;
  std::string label(const wire::ZipEntry& entry) const { return wire::zip_entry_label(source_, entry); }
  // Reads the header only; of a deflated entry as much as holds it. Errc::unsupported where big-endian values do
  // not begin at a multiple of their width: no NumPy writes them so.
  Array array(const wire::ZipEntry& entry) const;
  // A small content, whole.
  Bytes content(const wire::ZipEntry& entry) const;

 private:
  Bytes begin_of(const wire::ZipEntry& entry, std::uint64_t size) const;

  const Source& source_;
  std::vector<wire::ZipEntry> entries_;
  std::unordered_map<std::string_view, const wire::ZipEntry*> by_name_;
};

// What MXNet 2 makes of a sparse array NAME: NAME/format.npy and NAME/{data,indices,indptr,shape}.npy.
// Source: MXNet 2.0, src/serialization/cnpy.cc, save_array.
struct SparseGroup {
  bool csr = false;  // otherwise row_sparse
  Shape shape;       // of the dense array
  const wire::ZipEntry *values = nullptr, *indices = nullptr, *starts = nullptr;
  std::vector<const wire::ZipEntry*> members;  // all of them
};
// nullopt where `format` ("NAME/format.npy") is an array like any other.
std::optional<SparseGroup> sparse_group(const Archive& archive, const wire::ZipEntry& format);

}  // namespace transload::numpy
