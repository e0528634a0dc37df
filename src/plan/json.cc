// A plan as JSON, both ways (docs/plan.md).

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "transload/error.h"
#include "transload/plan.h"
#include "wire/json.h"

namespace transload {
namespace {

using wire::Json;

constexpr int kSchema = 1;

[[noreturn]] void fail(std::string_view message) {
  throw Error(Errc::corrupt, message, {.file = "plan", .offset = {}, .tensor = {}});
}

const Json& member(const Json& object, const char* key) {
  if (!object.is_object()) fail("an object is expected");
  const auto found = object.find(key);
  if (found == object.end()) fail(fmt::format("'{}' is missing", key));
  return *found;
}

const Json& array(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_array()) fail(fmt::format("'{}' must be a list", key));
  return value;
}

std::string text(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_string()) fail(fmt::format("'{}' must be a text", key));
  return value.get<std::string>();
}

bool boolean(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_boolean()) fail(fmt::format("'{}' must be true or false", key));
  return value.get<bool>();
}

std::int64_t natural(const Json& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX) fail("a natural number is expected");
  return value.get<std::int64_t>();
}

std::uint32_t source_number(const Json& object) {
  const std::int64_t value = natural(member(object, "source"));
  if (value > UINT32_MAX) fail("'source' is too large");
  return static_cast<std::uint32_t>(value);
}

Json to_json(const Piece& piece) {
  Json json{{"op", traits(piece.op).name}};
  if (piece.op != Op::zeros) {
    json["source"] = piece.source;
    json["tensor"] = piece.tensor;
  }
  json["axes"] = Json::array();
  for (const Axis& axis : piece.axes) json["axes"].push_back({axis.extent, axis.from, axis.to});
  json["from_offset"] = piece.from_offset;
  json["to_offset"] = piece.to_offset;
  if (!piece.rows.empty()) json["rows"] = piece.rows;
  return json;
}

Piece piece_from(const Json& json) {
  Piece piece;
  const std::string op = text(json, "op");
  bool known = false;
  for (const Op each : {Op::copy, Op::cast, Op::zeros}) {
    if (traits(each).name == op) {
      piece.op = each;
      known = true;
    }
  }
  if (!known) fail(fmt::format("'{}' is no operation", op));
  if (piece.op != Op::zeros) {
    piece.source = source_number(json);
    piece.tensor = text(json, "tensor");
  }
  for (const Json& axis : array(json, "axes")) {
    if (!axis.is_array() || axis.size() != 3) fail("an axis is [extent, from, to]");
    piece.axes.push_back({natural(axis[0]), natural(axis[1]), natural(axis[2])});
  }
  piece.from_offset = natural(member(json, "from_offset"));
  piece.to_offset = natural(member(json, "to_offset"));
  if (json.contains("rows")) {
    for (const Json& row : array(json, "rows")) {
      if (natural(row) > INT32_MAX) fail("a row is too large");
      piece.rows.push_back(static_cast<std::int32_t>(natural(row)));
    }
  }
  return piece;
}

Slot slot_from(const Json& json) {
  Slot slot;
  slot.name = text(json, "name");
  const std::string dtype = text(json, "dtype");
  const std::optional<DType> known = dtype_named(dtype);
  if (!known) fail(fmt::format("'{}' is no dtype", dtype));
  slot.dtype = *known;
  for (const Json& size : array(json, "shape")) slot.shape.push_back(natural(size));
  for (const Json& piece : array(json, "pieces")) slot.pieces.push_back(piece_from(piece));
  return slot;
}

}  // namespace

std::string to_json(const Plan& plan) {
  Json json{{"transload_plan", kSchema}};
  json["sources"] = Json::array();
  for (const PlanSource& source : plan.sources) {
    json["sources"].push_back({{"path", source.path}, {"format", source.format}, {"digest", source.digest}});
  }
  json["slots"] = Json::array();
  for (const Slot& slot : plan.slots) {
    Json pieces = Json::array();
    for (const Piece& piece : slot.pieces) pieces.push_back(to_json(piece));
    json["slots"].push_back(
        {{"name", slot.name}, {"dtype", name(slot.dtype)}, {"shape", slot.shape}, {"pieces", std::move(pieces)}});
  }
  json["drops"] = Json::array();
  for (const Drop& drop : plan.drops) {
    json["drops"].push_back({{"source", drop.source}, {"tensor", drop.tensor}, {"reason", drop.reason}});
  }
  json["equals"] = Json::array();
  for (const Equal& equal : plan.equals) {
    json["equals"].push_back({{"source", equal.source}, {"kept", equal.kept}, {"dropped", equal.dropped}});
  }
  json["zeros"] = Json::array();
  for (const MustBeZero& zeros : plan.zeros) {
    json["zeros"].push_back({{"source", zeros.source}, {"tensor", zeros.tensor}, {"reason", zeros.reason}});
  }
  json["notes"] = plan.notes;
  json["metadata"] = plan.metadata;
  json["allow_overflow"] = plan.allow_overflow;
  json["allow_nonfinite"] = plan.allow_nonfinite;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Plan plan_from_json(std::string_view text_of_plan) {
  const Json json = wire::parse_json(text_of_plan, "plan");
  if (natural(member(json, "transload_plan")) != kSchema) fail("another version of the schema");
  Plan plan;
  for (const Json& source : array(json, "sources")) {
    plan.sources.push_back({text(source, "path"), text(source, "format"), text(source, "digest")});
  }
  for (const Json& slot : array(json, "slots")) plan.slots.push_back(slot_from(slot));
  for (const Json& drop : array(json, "drops")) {
    plan.drops.push_back({source_number(drop), text(drop, "tensor"), text(drop, "reason")});
  }
  for (const Json& equal : array(json, "equals")) {
    plan.equals.push_back({source_number(equal), text(equal, "kept"), text(equal, "dropped")});
  }
  for (const Json& zeros : array(json, "zeros")) {
    plan.zeros.push_back({source_number(zeros), text(zeros, "tensor"), text(zeros, "reason")});
  }
  for (const Json& note : array(json, "notes")) {
    if (!note.is_string()) fail("a note must be a text");
    plan.notes.push_back(note.get<std::string>());
  }
  const Json& metadata = member(json, "metadata");
  if (!metadata.is_object()) fail("'metadata' must be an object");
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_string()) fail("metadata must be texts");
    plan.metadata[key] = value.get<std::string>();
  }
  plan.allow_overflow = boolean(json, "allow_overflow");
  plan.allow_nonfinite = boolean(json, "allow_nonfinite");
  return plan;
}

}  // namespace transload
