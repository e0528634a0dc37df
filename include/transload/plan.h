// A plan: plain data that says what each output tensor is made of. Nothing in it depends on where the output goes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transload/dtype.h"
#include "transload/format.h"

namespace transload {

// What a piece does to the elements it moves. A closed set; see traits().
enum class Op : std::uint8_t {
  copy,   // elements as they are
  cast,   // to the slot's dtype, IEEE round to nearest, ties to even
  zeros,  // no source
};

enum class Fidelity : std::uint8_t { exact, rounding };

struct OpTraits {
  Op op;
  std::string_view name;
  Fidelity fidelity;
  bool invertible;
};
const OpTraits& traits(Op op) noexcept;

// One axis of a strided copy. Strides are in elements: `from` in the source tensor in its C order (not in how it is
// stored), `to` in the slot in C order.
struct Axis {
  std::int64_t extent, from, to;
  bool operator==(const Axis&) const = default;
};

// Moves a box of a source tensor to a box of a slot: for every coordinate of `axes`, one element.
struct Piece {
  Op op = Op::copy;
  std::uint32_t source = 0;                     // which of the plan's sources
  std::string tensor;                           // its name there
  std::vector<Axis> axes;                       // empty: one element
  std::int64_t from_offset = 0, to_offset = 0;  // in elements
  std::vector<std::int32_t> rows;               // source row for each target row of axis 0; empty: in order
};

// One tensor of the output. Its pieces fill it wholly and do not overlap.
struct Slot {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::vector<Piece> pieces;
};

// A tensor of a source that the output does not hold, and why.
struct Drop {
  std::uint32_t source = 0;
  std::string tensor, reason;
};

// Two tensors of a source that must hold the same bytes, because the output keeps only one of them (a tied decoder).
struct Equal {
  std::uint32_t source = 0;
  std::string kept, dropped;
};

// A tensor of a source that the output does not hold because the target computes
// as if it were zeros: so it must be zeros.
struct MustBeZero {
  std::uint32_t source = 0;
  std::string tensor, reason;
};

struct PlanSource {
  std::string path, format, digest;  // digest(Index)
};

struct Plan {
  std::vector<PlanSource> sources;
  std::vector<Slot> slots;  // in the order of the target's own class
  std::vector<Drop> drops;
  std::vector<Equal> equals;
  std::vector<MustBeZero> zeros;
  std::vector<std::string> notes;
  std::map<std::string, std::string> metadata;  // for the target's format
  bool allow_overflow = false;                  // a cast may turn a finite value into infinity
  bool allow_nonfinite = true;                  // a source may hold NaN or infinity
};

std::string to_json(const Plan& plan);       // schema: docs/plan.md
Plan plan_from_json(std::string_view json);  // Errc::corrupt; every number is checked
std::uint64_t total_bytes(const Plan& plan);

// A plan that keeps every name, dtype and value: a change of format only.
Plan identity_plan(const Reader& source, std::string_view path);
// Changes the dtype of all floating-point slots; pieces that then differ from their source become casts.
void set_float_dtype(Plan& plan, std::span<const Reader* const> sources, DType dtype);

// The output of a plan as a checkpoint, made on demand: index() describes the slots, read() converts just what is
// asked for. It keeps `sources` alive. Errc::mismatch when a source is not the one the plan was made for.
std::unique_ptr<Reader> view(const Plan& plan, std::vector<std::shared_ptr<const Reader>> sources);

}  // namespace transload
