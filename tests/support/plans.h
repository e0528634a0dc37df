// Plans as a format's layout() needs them, and the files that a layout describes, without the planner and the runner.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transload/format.h"
#include "transload/plan.h"
#include "wire/crc.h"

namespace transload::testing {

// The slots and metadata that would write `reader` again; their pieces are left empty.
inline Plan slots_of(const Reader& reader) {
  Plan plan;
  plan.metadata = reader.index().metadata;
  for (const TensorInfo& tensor : reader.index().tensors) {
    plan.slots.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape, .pieces = {}});
  }
  return plan;
}

// The files of `plan` in `format`, each slot filled from the tensor of the same name: name -> bytes.
inline std::map<std::string, std::string> written_files(const Format& format, const Plan& plan, const Reader& reader,
                                                        std::string_view name) {
  const Layout layout = format.layout(plan, {.name = std::string(name), .absolute_prefix = {}});
  std::vector<std::string> files;
  for (const auto& file : layout.files) files.emplace_back(file.size, '\xEE');
  const auto put = [&](const FixedBytes& fixed) {
    files.at(fixed.file).replace(fixed.offset, fixed.bytes.size(), fixed.bytes);
  };
  for (const FixedBytes& fixed : layout.fixed) put(fixed);
  std::vector<std::uint32_t> sums;
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    const Extent& at = layout.slots[i];
    const auto bytes = std::as_writable_bytes(std::span(files.at(at.file))).subspan(at.offset, at.size);
    read_tensor(reader, *reader.index().find(plan.slots[i].name), bytes);
    sums.push_back(layout.checksum == Layout::Checksum::crc32 ? wire::crc32(0, bytes) : wire::crc32c(0, bytes));
  }
  if (format.finish != nullptr) {
    for (const FixedBytes& fixed : format.finish(plan, layout, sums)) put(fixed);
  }
  std::map<std::string, std::string> result;
  for (std::size_t i = 0; i < files.size(); ++i) result[layout.files[i].name] = files[i];
  return result;
}

}  // namespace transload::testing
