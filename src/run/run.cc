#include "transload/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <thread>

#include "io/target_path.h"
#include "plan/nonfinite.h"
#include "run/items.h"
#include "transload/error.h"
#include "wire/crc.h"

namespace transload {
namespace {

// Summed and written while still in the cache.
constexpr std::uint64_t kWriteBlock = std::uint64_t{256} << 10;

unsigned thread_count(const RunOptions& options) {
  return options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
}

// Each of the names that an output takes must be another file than every input.
void check_not_an_input(const Sources& sources, const fs::path& folder, const std::vector<OutputSet::File>& files) {
  const fs::path target = io::resolved_folder(folder.empty() ? fs::path(".") : folder);
  for (const auto& source : sources) {
    for (const std::string& input : source->index().files) {
      for (const OutputSet::File& file : files) {
        if (io::is_same_file(input, target / file.name)) {
          throw Error(Errc::usage, "is both input and output; it is left as it was",
                      {.file = (folder / file.name).string(), .offset = {}, .tensor = {}},
                      "choose another output name");
        }
      }
    }
  }
}

std::uint32_t checksum(Layout::Checksum kind, std::uint32_t seed, ByteView data) {
  return kind == Layout::Checksum::crc32 ? wire::crc32(seed, data) : wire::crc32c(seed, data);
}

// Slots that have one place in the output hold the same values: the first of them is written.
std::vector<Item> without_shared(std::vector<Item> items, const Layout& layout) {
  std::set<std::pair<std::uint32_t, std::uint64_t>> taken;
  std::vector<bool> first(layout.slots.size());
  for (std::size_t i = 0; i < layout.slots.size(); ++i) {
    first[i] = layout.slots[i].size == 0 || taken.insert({layout.slots[i].file, layout.slots[i].offset}).second;
  }
  std::erase_if(items, [&](const Item& item) { return !first[item.slot]; });
  return items;
}

// Checksums of the slots from those of their items, which lie in the order of the bytes.
std::vector<std::uint32_t> joined(Layout::Checksum kind, const Plan& plan, const std::vector<Item>& items,
                                  const std::vector<std::uint32_t>& parts) {
  std::vector<std::uint32_t> sums(plan.slots.size(), 0);
  if (parts.empty()) return sums;
  const auto combine = kind == Layout::Checksum::crc32 ? wire::crc32_combine : wire::crc32c_combine;
  for (std::size_t i = 0; i < items.size(); ++i) {
    sums[items[i].slot] = combine(sums[items[i].slot], parts[i], items[i].end - items[i].begin);
  }
  return sums;
}

// What a plan promises to be equal, because the output keeps only one of the two.
void check_equal(const Plan& plan, const Sources& sources) {
  for (const Equal& equal : plan.equals) {
    const Reader& source = *sources.at(equal.source);
    const TensorInfo* kept = source.index().find(equal.kept);
    const TensorInfo* dropped = source.index().find(equal.dropped);
    if (kept == nullptr || dropped == nullptr) throw Error(Errc::usage, "the plan names a tensor that is not there");
    const bool same_place = kept->chunks.size() == 1 && dropped->chunks.size() == 1 &&
                            kept->chunks.front().storage == dropped->chunks.front().storage &&
                            kept->chunks.front().offset == dropped->chunks.front().offset &&
                            kept->chunks.front().strides == dropped->chunks.front().strides;
    // Two names for one place may see it in two shapes.
    const bool in_order = same_place && kept->chunks.front().strides.empty();
    const bool same_shape =
        in_order ? element_count(kept->shape) == element_count(dropped->shape) : kept->shape == dropped->shape;
    if (kept->dtype == dropped->dtype && same_shape &&
        (same_place || tensor_digest(source, *kept) == tensor_digest(source, *dropped))) {
      continue;
    }
    throw Error(
        Errc::mismatch,
        fmt::format("differs from '{}', to which it is tied in the output: there is room for one only", equal.kept),
        {.file = plan.sources.at(equal.source).path, .offset = {}, .tensor = equal.dropped},
        "if the values of the other are the ones wanted, add --drop with this tensor's name");
  }
}

// What a plan promises to be zeros, because the target computes as if it were.
void check_zeros(const Plan& plan, const Sources& sources) {
  for (const MustBeZero& zeros : plan.zeros) {
    const Reader& source = *sources.at(zeros.source);
    const TensorInfo* tensor = source.index().find(zeros.tensor);
    if (tensor == nullptr) throw Error(Errc::usage, "the plan names a tensor that is not there");
    if (const std::optional<Element> found = first_nonzero(source, *tensor)) {
      throw Error(
          Errc::mismatch, fmt::format("must be zeros and holds {}: {}", to_text(*found), zeros.reason),
          {.file = plan.sources.at(zeros.source).path, .offset = {}, .tensor = tensor->name},
          "if these values do not matter, set them to zeros in the source; there is no other way to convert it");
    }
  }
}

// Whether a NaN or an infinity in the output of a slot must be accounted for.
bool is_watched(const Plan& plan, const Slot& slot) {
  if (!is_float(slot.dtype)) return false;
  const bool may_overflow =
      plan.allow_overflow && std::ranges::any_of(slot.pieces, [](const Piece& piece) { return piece.op == Op::cast; });
  return may_overflow || !plan.allow_nonfinite;
}

// Where the NaN and infinities of a slot come from: an Error where they were in the source and may not be.
void explain(const Plan& plan, const Slot& slot, const Sources& sources, std::set<const TensorInfo*>& seen,
             RunReport& report) {
  for (const Piece& piece : slot.pieces) {
    if (piece.op == Op::zeros) continue;
    const Reader& source = *sources[piece.source];
    const TensorInfo& tensor = *source.index().find(piece.tensor);
    if (!seen.insert(&tensor).second) continue;
    if (!plan.allow_nonfinite) {
      if (const std::optional<Element> found = first_nonfinite(source, tensor)) {
        throw Error(Errc::mismatch, fmt::format("holds {}", to_text(*found)),
                    {.file = plan.sources[piece.source].path, .offset = {}, .tensor = tensor.name},
                    "the weights are damaged, or their training diverged; --allow-nonfinite carries them over");
      }
    }
    if (piece.op != Op::cast) continue;
    const Overflow overflow = overflow_of(source, tensor, slot.dtype);
    if (overflow.count > 0) {
      report.overflowed.push_back({tensor.name, to_text(overflow, slot.dtype), overflow.count});
    }
  }
}

// Computes all bytes and writes them to the sinks of `set`.
RunReport fill(OutputSet& set, const Plan& plan, const Sources& sources, const Format& format, const Layout& layout,
               std::span<const Sidecar> sidecars, const RunOptions& options) {
  const auto place = [&](std::uint32_t file) { return sidecars.size() + file; };
  const std::unique_ptr<Reader> output = view(plan, sources);
  check_equal(plan, sources);
  check_zeros(plan, sources);

  for (std::size_t i = 0; i < sidecars.size(); ++i) set.sink(i).write(0, as_bytes(sidecars[i].bytes));
  std::uint64_t written = 0, expected = 0;
  for (const OutputSet::File& file : layout.files) expected += file.size;
  const auto write_fixed = [&](const std::vector<FixedBytes>& all) {
    for (const FixedBytes& fixed : all) {
      set.sink(place(fixed.file)).write(fixed.offset, as_bytes(fixed.bytes));
      written += fixed.bytes.size();
    }
  };
  write_fixed(layout.fixed);

  const std::vector<Item> items = without_shared(cut_into_items(plan, options.memory / thread_count(options)), layout);
  std::vector<std::uint32_t> parts(layout.checksum == Layout::Checksum::none ? 0 : items.size());
  std::vector<std::atomic<bool>> nonfinite(plan.slots.size());  // whether a watched slot holds something not finite
  std::vector<bool> watched;
  for (const Slot& slot : plan.slots) watched.push_back(is_watched(plan, slot));
  for_each_item(items, options, [&](std::size_t i) {
    const Item& item = items[i];
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(item.end - item.begin);
    const MutableByteView bytes(buffer.get(), item.end - item.begin);
    output->read(item.slot, item.begin, bytes);
    const Extent& slot = layout.slots[item.slot];
    Sink& sink = set.sink(place(slot.file));
    for (std::uint64_t at = 0; at < bytes.size(); at += kWriteBlock) {
      const ByteView block = bytes.subspan(at, std::min<std::uint64_t>(kWriteBlock, bytes.size() - at));
      if (layout.checksum != Layout::Checksum::none) parts[i] = checksum(layout.checksum, parts[i], block);
      if (watched[item.slot] && any_nonfinite(plan.slots[item.slot].dtype, block)) nonfinite[item.slot] = true;
      sink.write(slot.offset + item.begin + at, block);
    }
  });
  RunReport report;
  std::set<const TensorInfo*> seen;
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    if (nonfinite[i]) explain(plan, plan.slots[i], sources, seen, report);
  }
  for (const Item& item : items) written += item.end - item.begin;
  if (format.finish != nullptr) write_fixed(format.finish(plan, layout, joined(layout.checksum, plan, items, parts)));
  if (written != expected) {
    throw Error(Errc::usage, fmt::format("{} bytes of {} were written; nothing is published", written, expected));
  }
  return report;
}

}  // namespace

RunReport run(const Plan& plan, const Sources& sources, const Format& format, const Layout& layout,
              const Destination& destination, std::span<const Sidecar> sidecars, const RunOptions& options) {
  std::vector<OutputSet::File> files;
  for (const Sidecar& sidecar : sidecars) {
    files.push_back({.name = sidecar.name, .size = sidecar.bytes.size(), .there = sidecar.there});
  }
  files.insert(files.end(), layout.files.begin(), layout.files.end());
  check_not_an_input(sources, destination.folder, files);
  OutputSet set(destination.folder, files, destination.overwrite);
  RunReport report;
  try {
    report = fill(set, plan, sources, format, layout, sidecars, options);
    if (options.stop.stop_requested()) throw Error(Errc::usage, "interrupted");
  } catch (Error& error) {
    error.leaves(set.unpublished());
    error.add(set.notes());
    throw;
  } catch (const std::bad_alloc&) {
    Error error(Errc::io, "out of memory");
    error.leaves(set.unpublished());
    throw error;
  }
  report.unconfirmed = set.publish();
  report.notes = set.notes();
  report.published = set.published();
  return report;
}

}  // namespace transload
