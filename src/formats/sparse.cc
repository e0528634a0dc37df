#include "formats/sparse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "core/growth.h"
#include "core/text.h"
#include "transload/error.h"

namespace transload {
namespace {

// A stored row, and its place among the stored rows.
struct Row {
  std::int64_t row;
  std::uint64_t place;
};

class SparseReader final : public Reader {
 public:
  SparseReader(Index index, std::unique_ptr<Reader> parts, std::vector<SparseArray> arrays,
               std::shared_ptr<DecodedCache> cache)
      : index_(std::move(index)), parts_(std::move(parts)), cache_(std::move(cache)) {
    for (SparseArray& array : arrays) {
      Dense dense{std::move(array), {}, {}};
      try {
        switch (dense.array.kind) {
          case SparseArray::Kind::rows: check_rows(dense); break;
          case SparseArray::Kind::csr: check_matrix(dense); break;
          case SparseArray::Kind::computed: break;
        }
      } catch (Error& error) {  // such as a product of dimensions that overflows
        error.in(where(dense));
        throw;
      }
      const std::uint32_t id = dense.array.dense;
      dense_.emplace(id, std::move(dense));
    }
  }

  const Index& index() const noexcept override { return index_; }

  void read(std::uint32_t id, std::uint64_t offset, MutableByteView out) const override {
    const auto found = dense_.find(id);
    if (found == dense_.end()) return parts_->read(id, offset, out);
    const Dense& dense = found->second;
    const std::uint64_t size = index_.storages.at(id).size;
    if (offset > size || out.size() > size - offset) fail(dense, "read outside of a storage", Errc::usage);
    if (in_pieces(dense)) {
      fill(dense, offset, out);
    } else {
      std::ranges::copy(whole(id, dense).slice(offset, out.size()).view(), out.begin());
    }
  }

  Bytes view(std::uint32_t id) const override {
    const auto found = dense_.find(id);
    if (found == dense_.end()) return parts_->view(id);
    if (!in_pieces(found->second)) return whole(id, found->second);
    std::vector<std::byte> bytes(index_.storages[id].size);
    fill(found->second, 0, bytes);
    return Bytes(std::move(bytes));
  }

 private:
  struct Dense {
    SparseArray array;
    std::vector<Row> rows;             // sorted
    std::vector<std::int64_t> starts;  // of csr; empty: nothing is stored
  };

  Where where(const Dense& dense) const {
    const Extent& at = index_.storages[dense.array.dense].at;
    return {.file = index_.files[at.file], .offset = at.offset, .tensor = dense.array.name};
  }
  [[noreturn]] void fail(const Dense& dense, std::string_view message, Errc code) const {
    throw Error(code, message, where(dense));
  }
  [[noreturn]] void corrupt(const Dense& dense, std::string_view message) const { fail(dense, message, Errc::corrupt); }

  std::vector<std::int64_t> integers(const SparsePart& part) const {
    const std::uint64_t width = element_bytes(part.dtype);
    std::vector<std::byte> bytes(part.count * width);
    parts_->read(part.storage, part.offset, bytes);
    std::vector<std::int64_t> values(part.count);
    for (std::uint64_t i = 0; i < part.count; ++i) {
      if (width == 8) {
        std::memcpy(&values[i], bytes.data() + i * 8, 8);
      } else {
        std::int32_t narrow = 0;
        std::memcpy(&narrow, bytes.data() + i * 4, 4);
        values[i] = narrow;
      }
    }
    return values;
  }

  void check_integers(const Dense& dense, const SparsePart& part) const {
    if (part.dtype == DType::i64 || part.dtype == DType::i32) return;
    fail(dense, fmt::format("its indices are {}; int64 and int32 are read", name(part.dtype)), Errc::unsupported);
  }

  void check_rows(Dense& dense) const {
    const SparseArray& array = dense.array;
    check_integers(dense, array.indices);
    if (array.shape.empty()) corrupt(dense, "a sparse array without dimensions");
    const std::uint64_t row = element_count(std::span(array.shape).subspan(1));
    std::uint64_t needed = 0;
    if (__builtin_mul_overflow(row, array.indices.count, &needed) || needed != array.values.count) {
      corrupt(dense, fmt::format("{} stored rows of {} values need another number of values than {}",
                                 array.indices.count, row, array.values.count));
    }
    const std::vector<std::int64_t> indices = integers(array.indices);
    dense.rows.reserve(indices.size());
    for (const std::int64_t index : indices) {
      if (index < 0 || index >= array.shape[0]) {
        corrupt(dense, fmt::format("row index {} lies outside of shape {}", index, to_string(array.shape)));
      }
      dense.rows.push_back({index, dense.rows.size()});
    }
    std::ranges::sort(dense.rows, {}, &Row::row);
    const auto twice = std::ranges::adjacent_find(dense.rows, {}, &Row::row);
    if (twice != dense.rows.end()) corrupt(dense, fmt::format("row {} is stored twice", twice->row));
  }

  void check_matrix(Dense& dense) const {
    const SparseArray& array = dense.array;
    if (array.shape.size() != 2) {
      corrupt(dense, fmt::format("a csr matrix of shape {}: it has two dimensions", to_string(array.shape)));
    }
    if (array.indices.count != array.values.count) {
      corrupt(dense, fmt::format("{} values with {} columns", array.values.count, array.indices.count));
    }
    if (array.starts.count == 0 && array.values.count == 0) return;
    check_integers(dense, array.indices);
    check_integers(dense, array.starts);
    if (array.starts.count != static_cast<std::uint64_t>(array.shape[0]) + 1) {
      corrupt(dense, fmt::format("{} row starts for {} rows", array.starts.count, array.shape[0]));
    }
    dense.starts = integers(array.starts);
    if (dense.starts.front() != 0) corrupt(dense, "its first row does not begin at value 0");
    if (!std::ranges::is_sorted(dense.starts)) corrupt(dense, "its row starts run backwards");
    if (static_cast<std::uint64_t>(dense.starts.back()) != array.values.count) {
      corrupt(dense, fmt::format("its rows end at value {} of {}", dense.starts.back(), array.values.count));
    }
  }

  // Runs of rows that lie together on both sides are read together.
  void read_rows(const Dense& dense, std::uint64_t offset, MutableByteView out) const {
    std::ranges::fill(out, std::byte{});
    const SparseArray& array = dense.array;
    const std::uint64_t row_bytes = tensor_bytes(array.dtype, std::span(array.shape).subspan(1));
    if (out.empty() || row_bytes == 0) return;
    const std::uint64_t end = offset + out.size();
    auto at = std::ranges::lower_bound(dense.rows, static_cast<std::int64_t>(offset / row_bytes), {}, &Row::row);
    const auto begins_before_end = [&](const Row& row) {
      return static_cast<std::uint64_t>(row.row) * row_bytes < end;
    };
    while (at != dense.rows.end() && begins_before_end(*at)) {
      auto last = at;
      while (std::next(last) != dense.rows.end() && std::next(last)->row == last->row + 1 &&
             std::next(last)->place == last->place + 1 && begins_before_end(*std::next(last))) {
        ++last;
      }
      const std::uint64_t run = static_cast<std::uint64_t>(at->row) * row_bytes;
      const std::uint64_t from = std::max(run, offset);
      const std::uint64_t to = std::min(static_cast<std::uint64_t>(last->row + 1) * row_bytes, end);
      parts_->read(array.values.storage, array.values.offset + at->place * row_bytes + (from - run),
                   out.subspan(from - offset, to - from));
      at = std::next(last);
    }
  }

  static bool in_pieces(const Dense& dense) {
    return dense.array.kind == SparseArray::Kind::rows || dense.array.in_pieces;
  }

  void fill(const Dense& dense, std::uint64_t offset, MutableByteView out) const {
    if (dense.array.kind == SparseArray::Kind::rows) return read_rows(dense, offset, out);
    try {
      dense.array.fill(*parts_, offset, out);
    } catch (Error& error) {
      error.in(where(dense));
      throw;
    }
  }

  // What cannot be read in pieces.
  Bytes whole(std::uint32_t id, const Dense& dense) const {
    return cache_->get(id, [&] {
      if (dense.array.kind == SparseArray::Kind::csr) return decode(dense, index_.storages[id].size);
      std::vector<std::byte> bytes(index_.storages[id].size);
      fill(dense, 0, bytes);
      return Bytes(std::move(bytes));
    });
  }

  Bytes decode(const Dense& dense, std::uint64_t size) const {
    const SparseArray& array = dense.array;
    std::vector<std::byte> out(size);
    if (dense.starts.empty()) return Bytes(std::move(out));
    const std::uint64_t width = element_bytes(array.dtype);
    const std::vector<std::int64_t> columns = integers(array.indices);
    std::vector<std::byte> values(array.values.count * width);
    parts_->read(array.values.storage, array.values.offset, values);
    std::vector<bool> seen(size / width);
    for (std::size_t row = 0; row + 1 < dense.starts.size(); ++row) {
      for (auto k = static_cast<std::size_t>(dense.starts[row]); k < static_cast<std::size_t>(dense.starts[row + 1]);
           ++k) {
        if (columns[k] < 0 || columns[k] >= array.shape[1]) {
          corrupt(dense,
                  fmt::format("column {} of row {} lies outside of shape {}", columns[k], row, to_string(array.shape)));
        }
        const std::size_t place = row * static_cast<std::size_t>(array.shape[1]) + static_cast<std::size_t>(columns[k]);
        if (seen[place]) corrupt(dense, fmt::format("column {} of row {} is stored twice", columns[k], row));
        seen[place] = true;
        std::memcpy(out.data() + place * width, values.data() + k * width, width);
      }
    }
    return Bytes(std::move(out));
  }

  Index index_;
  std::unique_ptr<Reader> parts_;  // of the same files and storages; the dense ones are never asked of it
  std::unordered_map<std::uint32_t, Dense> dense_;
  std::shared_ptr<DecodedCache> cache_;  // theirs, too
};

void check_growth(const Index& index, const std::vector<std::shared_ptr<Source>>& files,
                  const std::vector<SparseArray>& arrays) {
  std::uint64_t stored = 0, dense = 0;
  for (const auto& file : files) stored += file->size();
  for (const SparseArray& array : arrays) {
    if (__builtin_add_overflow(dense, index.storages[array.dense].size, &dense) || grows_too_much(dense, stored)) {
      throw Error(Errc::unsupported,
                  fmt::format("the sparse arrays of a file of {} bytes would take more than {} times as much", stored,
                              kMostGrowth),
                  {.file = index.files.front(), .offset = {}, .tensor = array.name},
                  "make them dense with the framework that wrote them, and save them again");
    }
  }
}

}  // namespace

std::unique_ptr<Reader> make_sparse_reader(Index index, std::vector<std::shared_ptr<Source>> files,
                                           std::vector<SparseArray> arrays) {
  if (arrays.empty()) return make_reader(std::move(index), std::move(files));
  check_growth(index, files, arrays);
  Index parts;
  parts.format = index.format;
  parts.files = index.files;
  parts.storages = index.storages;
  parts.seal();
  const auto cache = std::make_shared<DecodedCache>();
  return std::make_unique<SparseReader>(std::move(index), make_reader(std::move(parts), std::move(files), cache),
                                        std::move(arrays), cache);
}

std::vector<std::string> sparse_notes(const std::vector<SparseArray>& arrays) {
  std::vector<std::string> notes;
  for (const auto& [kind, name] : {std::pair{SparseArray::Kind::rows, "row_sparse"},
                                   {SparseArray::Kind::csr, "csr"},
                                   {SparseArray::Kind::computed, "sparse or quantised"}}) {
    const auto count = std::ranges::count(arrays, kind, &SparseArray::kind);
    if (count == 0) continue;
    const std::string first = shortened(std::ranges::find(arrays, kind, &SparseArray::kind)->name);
    notes.push_back(count == 1 ? fmt::format("'{}' is stored as {}; it is read as a dense array.", first, name)
                               : fmt::format("{} arrays are stored as {}, '{}' the first of them; they are read as "
                                             "dense arrays.",
                                             count, name, first));
  }
  return notes;
}

}  // namespace transload
