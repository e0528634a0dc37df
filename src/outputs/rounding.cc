#include "outputs/rounding.h"

#include <span>

#include "plan/cast.h"

namespace transload::outputs {

bool loses(DType from, DType to) noexcept {
  if (from == to || !is_float(from) || !is_float(to) || to == DType::f64) return false;
  return to != DType::f32 || from == DType::f64;
}

std::optional<DType> round_like(forward::Tensor& first, const forward::Tensor& second) {
  if (first.empty() || second.empty() || !loses(first.stored, second.stored)) return std::nullopt;
  std::vector<std::byte> narrow(first.values.size() * element_bytes(second.stored));
  const std::span<double> values(first.values);
  cast(DType::f64, second.stored, std::as_bytes(values), narrow);
  cast(second.stored, DType::f64, narrow, std::as_writable_bytes(values));
  first.stored = second.stored;
  return first.stored;
}

bool Rounding::see(const forward::Tensor* first, const forward::Tensor* second) {
  if (first == nullptr || second == nullptr || first->empty() || second->empty()) return false;
  if (loses(second->stored, first->stored)) second_stores_more = true;
  if (!loses(first->stored, second->stored)) return false;
  if (!to || loses(*to, second->stored)) to = second->stored;
  return true;
}

}  // namespace transload::outputs
