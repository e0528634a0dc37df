// Writing a bundle: where every byte goes, and the index, which needs the tensors' checksums.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/text.h"
#include "formats/tensor_bundle/checkpoint_file.h"
#include "formats/tensor_bundle/data_type.h"
#include "formats/tensor_bundle/entry.h"
#include "formats/tensor_bundle/meta_graph.h"
#include "formats/tensor_bundle/tensor_bundle.h"
#include "transload/error.h"
#include "transload/plan.h"
#include "wire/crc.h"
#include "wire/table_builder.h"

namespace transload::tensor_bundle {
namespace {

constexpr std::uint32_t kDataFile = 0, kMetaFile = 1, kIndexFile = 2, kCheckpointFile = 3;

// Slots by name, compared as unsigned bytes: the order of the data and of the index.
std::vector<std::size_t> sorted_by_name(const Plan& plan) {
  std::vector<std::size_t> order(plan.slots.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::string_view(plan.slots[i].name); });
  return order;
}

std::string problem(const Slot& slot) {
  if (slot.name.empty()) return "a bundle keeps its header under the empty name";
  if (slot.name.front() == '\0') return "names that begin with a zero byte are those of slices";
  if (!valid_utf8(slot.name)) return "the name is not UTF-8";
  if (slot.dtype == DType::string) return "Transload does not write string tensors";
  if (data_type(slot.dtype) == nullptr) return fmt::format("TensorFlow has no {}", name(slot.dtype));
  if (slot.shape.size() > kMostDimensions) return fmt::format("more than {} dimensions", kMostDimensions);
  return {};
}

void check(const Plan& plan, std::span<const std::size_t> order) {
  std::vector<std::string> problems;
  const auto report = [&](const Slot& slot, std::string_view what) {
    problems.push_back(fmt::format("'{}': {}", shortened(slot.name), what));
  };
  for (const Slot& slot : plan.slots) {
    if (const std::string what = problem(slot); !what.empty()) report(slot, what);
  }
  for (std::size_t i = 1; i < order.size(); ++i) {
    const Slot& slot = plan.slots[order[i]];
    if (slot.name == plan.slots[order[i - 1]].name) report(slot, "the name occurs twice");
  }
  if (problems.empty()) return;
  throw Error(Errc::unsupported, fmt::format("{} of the {} tensors cannot be written to a TensorFlow checkpoint: {}",
                                             problems.size(), plan.slots.size(), problems.front()))
      .add(std::vector(problems.begin() + 1, problems.end()));
}

std::string index_bytes(const Plan& plan, std::span<const Extent> places, std::span<const std::uint32_t> crc32c) {
  wire::TableBuilder table;
  table.add("", header_bytes());
  for (const std::size_t i : sorted_by_name(plan)) {
    const Slot& slot = plan.slots[i];
    Entry entry;
    entry.data_type = data_type(slot.dtype)->number;
    entry.shape = slot.shape;
    entry.offset = places[i].offset;
    entry.size = places[i].size;
    entry.masked_crc32c = wire::mask_crc32c(crc32c[i]);
    table.add(slot.name, entry_bytes(entry));
  }
  return table.finish();
}

}  // namespace

Layout layout(const Plan& plan, const LayoutOptions& options) {
  const std::vector<std::size_t> order = sorted_by_name(plan);
  check(plan, order);

  Layout out;
  out.format = "tensor_bundle";
  out.checksum = Layout::Checksum::crc32c;
  out.slots.resize(plan.slots.size());
  std::uint64_t data_size = 0;
  for (const std::size_t i : order) {
    const std::uint64_t size = tensor_bytes(plan.slots[i].dtype, plan.slots[i].shape);
    out.slots[i] = {kDataFile, data_size, size};
    if (__builtin_add_overflow(data_size, size, &data_size)) {
      throw Error(Errc::unsupported, "all tensors together are larger than any file");
    }
  }
  std::vector<Variable> variables;  // in the order of the plan, as a program would create them
  for (const Slot& slot : plan.slots) variables.push_back({slot.name, data_type(slot.dtype)->number, slot.shape});
  std::string meta = meta_graph(variables);
  std::string checkpoint = checkpoint_text(options.absolute_prefix.empty() ? options.name : options.absolute_prefix);
  // Checksums are four bytes whatever their value.
  const std::vector<std::uint32_t> unknown(plan.slots.size());
  const std::uint64_t index_size = index_bytes(plan, out.slots, unknown).size();

  out.files = {{options.name + ".data-00000-of-00001", data_size, false, false},
               {options.name + ".meta", meta.size(), false, false},
               {options.name + ".index", index_size, true, false},
               {"checkpoint", checkpoint.size(), false, true}};
  out.fixed = {{kMetaFile, 0, std::move(meta)}, {kCheckpointFile, 0, std::move(checkpoint)}};
  return out;
}

std::vector<FixedBytes> finish(const Plan& plan, const Layout& layout, std::span<const std::uint32_t> crc32c) {
  if (crc32c.size() != plan.slots.size() || layout.slots.size() != plan.slots.size()) {
    throw Error(Errc::usage, "a bundle needs the checksum of each of its tensors");
  }
  return {{kIndexFile, 0, index_bytes(plan, layout.slots, crc32c)}};
}

}  // namespace transload::tensor_bundle
