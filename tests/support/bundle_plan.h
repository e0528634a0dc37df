// Writing a bundle by hand, without the engine that fills outputs.
#pragma once

#include <map>
#include <string>

#include "formats/tensor_bundle/tensor_bundle.h"
#include "transload/plan.h"
#include "wire/crc.h"

namespace transload::testing {

using Files = std::map<std::string, std::string>;  // name -> bytes

// What a run of `plan` would publish, when slot i has the bytes of `values` under its name.
inline Files written(const Plan& plan, const LayoutOptions& options, const std::map<std::string, std::string>& values) {
  const Format& format = tensor_bundle::tensor_bundle_format();
  const Layout layout = format.layout(plan, options);
  std::vector<std::string> files;
  for (const OutputSet::File& file : layout.files) files.emplace_back(file.size, '\0');
  const auto put = [&](std::uint32_t file, std::uint64_t offset, std::string_view bytes) {
    if (offset + bytes.size() > files.at(file).size()) throw std::runtime_error("written outside of a file");
    files[file].replace(offset, bytes.size(), bytes);
  };
  std::vector<std::uint32_t> sums;
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    const std::string& value = values.at(plan.slots[i].name);
    const Extent& place = layout.slots.at(i);
    if (value.size() != place.size) throw std::runtime_error("a slot of another size than its value");
    put(place.file, place.offset, value);
    sums.push_back(wire::crc32c(0, as_bytes(value)));
  }
  for (const FixedBytes& fixed : layout.fixed) put(fixed.file, fixed.offset, fixed.bytes);
  for (const FixedBytes& fixed : format.finish(plan, layout, sums)) put(fixed.file, fixed.offset, fixed.bytes);
  Files out;
  for (std::size_t i = 0; i < files.size(); ++i) out[layout.files[i].name] = std::move(files[i]);
  return out;
}

}  // namespace transload::testing
