#include "formats/numpy/element.h"

#include <array>

namespace transload::numpy {
namespace {

struct Row {
  std::string_view name;  // without the byte order
  DType type;
  std::uint8_t unit;  // bytes that a byte order applies to
};

constexpr std::array kRows{Row{"b1", DType::boolean, 1}, Row{"u1", DType::u8, 1},   Row{"u2", DType::u16, 2},
                           Row{"u4", DType::u32, 4},     Row{"u8", DType::u64, 8},  Row{"i1", DType::i8, 1},
                           Row{"i2", DType::i16, 2},     Row{"i4", DType::i32, 4},  Row{"i8", DType::i64, 8},
                           Row{"f2", DType::f16, 2},     Row{"f4", DType::f32, 4},  Row{"f8", DType::f64, 8},
                           Row{"c8", DType::c64, 4},     Row{"c16", DType::c128, 8}};

std::string_view why_not(char kind) {
  switch (kind) {
    case 'O': return "holds Python objects, pickled: they are never read";
    case 'U':
    case 'S':
    case 'a': return "holds text";
    case 'M':
    case 'm': return "holds dates or times";
    case 'V': return "holds bytes without a type";
    case 'f':
    case 'c': return "holds floating-point numbers of a size that only some machines have";
    default: return "has a type that is not known";
  }
}

}  // namespace

Element element_called(std::string_view descr) noexcept {
  if (descr == "bfloat16") return {.kind = Element::Kind::numbers, .type = DType::bf16, .swap = 0, .reason = {}};
  if (descr == "[...]") {
    return {.kind = Element::Kind::other, .type = {}, .swap = 0, .reason = "is a record array, of several fields"};
  }
  if (descr.size() < 2) return {.kind = Element::Kind::other, .type = {}, .swap = 0, .reason = why_not(0)};
  const char order = descr.front();
  for (const Row& row : kRows) {
    if (descr.substr(1) != row.name || (order != '<' && order != '>' && order != '|')) continue;
    if (row.unit > 1 && order == '|') break;
    const bool swap = row.unit > 1 && order == '>';
    return {.kind = Element::Kind::numbers, .type = row.type, .swap = swap ? row.unit : std::uint8_t{0}, .reason = {}};
  }
  const bool has_order = order == '<' || order == '>' || order == '|' || order == '=';
  const char kind = descr[has_order ? 1 : 0];
  return {.kind = kind == 'O' && descr.size() <= 3 ? Element::Kind::object : Element::Kind::other,
          .type = {},
          .swap = 0,
          .reason = has_order ? why_not(kind) : why_not(descr == "O" ? 'O' : char{0})};
}

}  // namespace transload::numpy
