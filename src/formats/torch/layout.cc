#include "formats/torch/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/text.h"
#include "formats/check_slots.h"
#include "formats/torch/pickle_writer.h"
#include "formats/torch/serialization_id.h"
#include "transload/error.h"
#include "wire/crc.h"
#include "wire/zip_writer.h"

namespace transload::torch {
namespace {

// Why a file cannot hold a slot; empty if it can.
std::string problem(const Slot& slot) {
  if (!valid_utf8(slot.name)) return "its name is not UTF-8";
  if (!holds(slot.dtype)) return fmt::format("torch has no {}", name(slot.dtype));
  return {};
}

// Two slots to which the same elements are moved in the same way, given that their tensors are the same.
bool moved_alike(const Slot& a, const Slot& b) {
  const Piece &one = a.pieces.front(), &other = b.pieces.front();
  return a.dtype == b.dtype && one.op == other.op && one.axes == other.axes && one.from_offset == other.from_offset &&
         one.to_offset == other.to_offset && one.rows == other.rows;
}

// For each slot, the slot that owns its storage: itself, or an earlier one with the same values.
std::vector<std::size_t> owners_of(const Plan& plan) {
  std::vector<std::size_t> owners(plan.slots.size());
  using Tensor = std::pair<std::uint32_t, std::string_view>;  // source, name
  std::map<Tensor, Tensor> same;
  const auto first = [&](Tensor tensor) {
    for (auto next = same.find(tensor); next != same.end(); next = same.find(tensor)) tensor = next->second;
    return tensor;
  };
  for (const Equal& equal : plan.equals) {
    const Tensor kept = first({equal.source, equal.kept}), other = first({equal.source, equal.dropped});
    if (kept != other) same[other] = kept;
  }
  std::map<Tensor, std::vector<std::size_t>> by_tensor;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const Slot& slot = plan.slots[i];
    owners[i] = i;
    if (slot.pieces.size() != 1 || slot.pieces.front().op == Op::zeros) continue;
    std::vector<std::size_t>& earlier = by_tensor[first({slot.pieces.front().source, slot.pieces.front().tensor})];
    const auto alike =
        std::ranges::find_if(earlier, [&](std::size_t other) { return moved_alike(slot, plan.slots[other]); });
    if (alike != earlier.end()) {
      owners[i] = *alike;
    } else {
      earlier.push_back(i);
    }
  }
  return owners;
}

// A record, and what is in it: bytes, or the values of a slot.
struct Part {
  std::string bytes;
  std::optional<std::size_t> slot;
};

// The archive up to its directory, without checksums.
class Archive {
 public:
  Archive(const Plan& plan, std::string_view file_name) : prefix_(archive_folder(file_name) + "/") {
    const std::vector<std::size_t> owners = owners_of(plan);
    std::vector<Entry> entries;
    std::vector<std::size_t> stored;  // slots, by the key of their storage
    std::vector<std::size_t> keys(plan.slots.size());
    for (std::size_t i = 0; i < plan.slots.size(); ++i) {
      if (owners[i] == i) {
        keys[i] = stored.size();
        stored.push_back(i);
      }
      keys[i] = keys[owners[i]];
      entries.push_back({plan.slots[i].name, plan.slots[i].dtype, &plan.slots[i].shape, keys[i]});
    }
    add("data.pkl", pickle_of(entries));
    add(".format_version", "1");
    add(".storage_alignment", "64");
    add("byteorder", "little");
    std::vector<Extent> storages;
    for (std::size_t key = 0; key < stored.size(); ++key) {
      const Slot& slot = plan.slots[stored[key]];
      const std::uint64_t size = tensor_bytes(slot.dtype, slot.shape);
      const wire::ZipRecord& record = planner_.add(fmt::format("{}data/{}", prefix_, key), size);
      storages.push_back({0, record.offset, size});
      parts_.push_back({{}, stored[key]});
    }
    add("version", "3\n");
    for (const std::size_t key : keys) slots_.push_back(storages[key]);
  }

  const std::vector<Extent>& slots() const { return slots_; }

  // Every byte that is no tensor's, in runs; the first begins at 0 and ends where the first tensor begins.
  std::vector<FixedBytes> around(std::span<const std::uint32_t> crc_of_slot) {
    std::vector<FixedBytes> runs(1);
    std::vector<std::uint32_t> crcs;
    const auto finish_record = [&](const wire::ZipRecord& record, const Part& part) {
      if (part.slot && record.size > 0) {
        runs.push_back({0, record.offset + record.size, {}});
      } else {
        runs.back().bytes += part.bytes;
      }
      crcs.push_back(part.slot ? (record.size > 0 ? crc_of_slot[*part.slot] : 0)
                               : wire::crc32(0, as_bytes(part.bytes)));
      runs.back().bytes += wire::zip_descriptor(record, crcs.back());
    };
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      runs.back().bytes += wire::zip_local_header(planner_.records()[i]);
      finish_record(planner_.records()[i], parts_[i]);
    }
    wire::ZipPlanner whole = planner_;
    Part id{fingerprint(crcs), {}};
    const wire::ZipRecord& record = whole.add(prefix_ + ".data/serialization_id", id.bytes.size());
    runs.back().bytes += wire::zip_local_header(record);
    finish_record(record, id);
    runs.back().bytes += wire::zip_directory(whole.records(), crcs, whole.end());
    return runs;
  }

 private:
  void add(std::string_view name, std::string bytes) {
    planner_.add(prefix_ + std::string(name), bytes.size());
    parts_.push_back({std::move(bytes), {}});
  }

  std::string fingerprint(const std::vector<std::uint32_t>& crcs) const {
    std::vector<std::string_view> names;
    std::vector<std::uint32_t> of_content;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      names.push_back(std::string_view(planner_.records()[i].name).substr(prefix_.size()));
      if (planner_.records()[i].size > 0) of_content.push_back(crcs[i]);
    }
    return serialization_id(names, of_content);
  }

  std::string prefix_;
  wire::ZipPlanner planner_;
  std::vector<Part> parts_;  // one per record
  std::vector<Extent> slots_;
};

}  // namespace

std::string archive_folder(std::string_view file_name) {
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::ranges::all_of(file_name, ascii)) return "archive";
  std::string_view base = file_name.substr(file_name.find_last_of("/\\") + 1);
  base = base.substr(0, base.rfind('.'));
  const bool drive = base.size() > 1 && base[1] == ':';
  return base.empty() || base == "." || base == ".." || drive ? "archive" : std::string(base);
}

Layout layout(const Plan& plan, const LayoutOptions& options) {
  check_slots(plan, "a PyTorch file", "choose another format, or change the dtype", problem);
  Archive archive(plan, options.name);
  // Checksums are as long whatever their value, so the places of the runs are known; the first needs none.
  std::vector<FixedBytes> runs = archive.around(std::vector<std::uint32_t>(plan.slots.size()));
  const FixedBytes& last = runs.back();
  Layout out;
  out.format = "torch";
  out.checksum = Layout::Checksum::crc32;
  out.slots = archive.slots();
  out.files = {{.name = options.name, .size = last.offset + last.bytes.size(), .retract = false, .shared = false}};
  out.fixed = {std::move(runs.front())};
  return out;
}

std::vector<FixedBytes> finish(const Plan& plan, const Layout& layout, std::span<const std::uint32_t> crcs) {
  if (crcs.size() != plan.slots.size() || layout.slots.size() != plan.slots.size()) {
    throw Error(Errc::usage, "a PyTorch file needs the checksum of each of its tensors");
  }
  std::vector<FixedBytes> runs = Archive(plan, layout.files.front().name).around(crcs);
  runs.erase(runs.begin());
  return runs;
}

}  // namespace transload::torch
