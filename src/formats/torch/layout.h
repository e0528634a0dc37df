// Writing: where every byte of a PyTorch zip file goes (docs/formats/torch.md, section 4).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transload/format.h"
#include "transload/plan.h"

namespace transload::torch {

// The bytes are those of torch.save for a plain dict of contiguous tensors with these names, in the plan's order.
// Slots that are made in the same way of one tensor, or of tensors that the plan calls equal, share a storage, and with
// it their place.
Layout layout(const Plan& plan, const LayoutOptions& options);
// The descriptors between the tensors, the fingerprint and the directory. `crcs`: CRC-32 per slot; of slots that share
// a place only the first one's counts.
std::vector<FixedBytes> finish(const Plan& plan, const Layout& layout, std::span<const std::uint32_t> crcs);

// The folder inside the archive: the file's name without its last extension, or "archive" where torch.save or a reader
// of zip files would not take that.
std::string archive_folder(std::string_view file_name);

}  // namespace transload::torch
