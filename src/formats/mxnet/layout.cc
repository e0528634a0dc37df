#include "formats/mxnet/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "formats/check_slots.h"
#include "formats/mxnet/array_list.h"
#include "formats/mxnet/type_flag.h"
#include "transload/error.h"
#include "wire/write.h"

namespace transload::mxnet {
namespace {

constexpr std::int32_t kDense = 0, kCpu = 1, kDevice = 0;

// Why the format cannot hold a slot; empty if it can.
std::string problem(const Slot& slot) {
  if (const std::string_view name = name_problem(slot.name); !name.empty()) return fmt::format("its name {}", name);
  for (const std::string_view prefix : {"arg:", "aux:"}) {
    if (slot.name.starts_with(prefix)) return fmt::format("its name would lose '{}' when it is read again", prefix);
  }
  if (!flag_of_dtype(slot.dtype)) return fmt::format("there is no {}", name(slot.dtype));
  if (slot.shape.size() > kMaxRank) return fmt::format("it has more than {} dimensions", kMaxRank);
  if (slot.shape.empty()) return "it is a scalar, which version 2 of the format takes for an array without a value";
  if (std::ranges::find(slot.shape, 0) != slot.shape.end()) {
    return fmt::format(
        "shape {} has no elements; in version 2 of the format a dimension of 0 means that it is not known yet",
        to_string(slot.shape));
  }
  return {};
}

std::string header(const Slot& slot) {
  std::string out;
  wire::append_u32(out, kV2Magic);
  wire::append_integer(out, kDense);
  wire::append_integer(out, static_cast<std::int32_t>(slot.shape.size()));
  for (const std::int64_t size : slot.shape) wire::append_integer(out, size);
  wire::append_integer(out, kCpu);
  wire::append_integer(out, kDevice);
  wire::append_integer(out, *flag_of_dtype(slot.dtype));
  return out;
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum) || sum >> 63 != 0) {
    throw Error(Errc::unsupported, "all tensors together are larger than any file");
  }
  return sum;
}

}  // namespace

Layout layout(const Plan& plan, const LayoutOptions& options) {
  check_slots(plan, "an MXNet file", "leave such tensors out, rename them, change their dtype, or write safetensors",
              problem);
  Layout result;
  result.format = "mxnet";
  std::string bytes;  // the next fixed ones: what lies between two tensors' values
  wire::append_u64(bytes, kListMagic);
  wire::append_u64(bytes, 0);
  wire::append_u64(bytes, plan.slots.size());
  std::uint64_t end = 0;
  const auto put = [&] {
    const std::uint64_t begin = std::exchange(end, plus(end, bytes.size()));
    result.fixed.push_back({.file = 0, .offset = begin, .bytes = std::exchange(bytes, {})});
  };
  for (const Slot& slot : plan.slots) {
    bytes += header(slot);
    put();
    const std::uint64_t size = tensor_bytes(slot.dtype, slot.shape);
    result.slots.push_back({.file = 0, .offset = end, .size = size});
    end = plus(end, size);
  }
  wire::append_u64(bytes, plan.slots.size());
  for (const Slot& slot : plan.slots) {
    wire::append_u64(bytes, slot.name.size());
    bytes += slot.name;
  }
  put();
  result.files = {{.name = options.name, .size = end, .retract = false, .shared = false}};
  return result;
}

}  // namespace transload::mxnet
