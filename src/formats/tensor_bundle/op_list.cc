#include "formats/tensor_bundle/op_list.h"

#include <initializer_list>
#include <string_view>

#include "formats/tensor_bundle/data_type.h"

namespace transload::tensor_bundle {
namespace {

using wire::ProtoWriter;

enum class Arg { typed, listed, string, reference };

// An input or output. Its type is that of the attribute `type`, a list of types for `listed`, fixed for `string`.
struct ArgDef {
  std::string_view name, type;
  Arg kind = Arg::typed;
};

struct AttrDef {
  std::string_view name, type;
  ProtoWriter default_value = {};
  bool at_least_one = false;
  ProtoWriter allowed = {};
};

enum class Traits { none, stateful, takes_uninitialized };

struct OpDef {
  std::string_view name;
  std::initializer_list<ArgDef> inputs, outputs;
  std::initializer_list<AttrDef> attrs;
  Traits traits = Traits::none;
};

ProtoWriter encode(const ArgDef& arg) {
  ProtoWriter out;
  out.bytes(1, arg.name);
  switch (arg.kind) {
    case Arg::typed: out.bytes(4, arg.type); break;
    case Arg::listed: out.bytes(6, arg.type); break;
    case Arg::string: out.varint(3, kString); break;
    case Arg::reference: out.bytes(4, arg.type).varint(16, 1); break;
  }
  return out;
}

ProtoWriter encode(const AttrDef& attr) {
  ProtoWriter out;
  out.bytes(1, attr.name).bytes(2, attr.type);
  if (!attr.default_value.text().empty()) out.message(3, attr.default_value);
  if (attr.at_least_one) out.varint(5, 1).varint(6, 1);  // has_minimum, minimum
  if (!attr.allowed.text().empty()) out.message(7, attr.allowed);
  return out;
}

ProtoWriter encode(const OpDef& op) {
  ProtoWriter out;
  out.bytes(1, op.name);
  for (const ArgDef& arg : op.inputs) out.message(2, encode(arg));
  for (const ArgDef& arg : op.outputs) out.message(3, encode(arg));
  for (const AttrDef& attr : op.attrs) out.message(4, encode(attr));
  if (op.traits == Traits::stateful) out.varint(17, 1);
  if (op.traits == Traits::takes_uninitialized) out.varint(19, 1);
  return out;
}

// AttrValue (tensorflow/core/framework/attr_value.proto): 1 list, 2 bytes, 5 bool, 6 type, 7 shape.
ProtoWriter is_true() { return ProtoWriter().varint(5, 1); }
ProtoWriter empty_text() { return ProtoWriter().bytes(2, ""); }
ProtoWriter a_type(std::int32_t number) { return ProtoWriter().int64(6, number); }
ProtoWriter unknown_shape() { return ProtoWriter().message(7, ProtoWriter().varint(3, 1)); }
ProtoWriter one_of_types(std::initializer_list<std::int32_t> numbers) {
  std::string packed;
  for (const std::int32_t number : numbers) wire::append_varint(packed, static_cast<std::uint64_t>(number));
  return ProtoWriter().message(1, ProtoWriter().bytes(6, packed));
}

}  // namespace

ProtoWriter op_list(bool fill) {
  const ArgDef typed_output{"output", "dtype"}, same_output{"output", "T"};
  const ArgDef prefix{"prefix", {}, Arg::string}, names{"tensor_names", {}, Arg::string};
  const ArgDef slices{"shape_and_slices", {}, Arg::string}, tensors{"tensors", "dtypes", Arg::listed};
  const AttrDef dtype{"dtype", "type"}, same{"T", "type"}, shape{"shape", "shape"};
  const AttrDef any_shape{"shape", "shape", unknown_shape()};
  const AttrDef dtypes{"dtypes", "list(type)", {}, true};

  ProtoWriter list;
  const auto add = [&](const OpDef& op) { list.message(1, encode(op)); };
  add({"Assign",
       {{"ref", "T", Arg::reference}, {"value", "T"}},
       {{"output_ref", "T", Arg::reference}},
       {same, {"validate_shape", "bool", is_true()}, {"use_locking", "bool", is_true()}},
       Traits::takes_uninitialized});
  add({"Const", {}, {typed_output}, {{"value", "tensor"}, dtype}});
  if (fill) {
    const AttrDef index{"index_type", "type", a_type(kInt32), false, one_of_types({kInt32, kInt64})};
    add({"Fill", {{"dims", "index_type"}, {"value", "T"}}, {same_output}, {same, index}});
  }
  add({"Identity", {{"input", "T"}}, {same_output}, {same}});
  add({"NoOp", {}, {}, {}});
  add({"Placeholder", {}, {typed_output}, {dtype, any_shape}});
  add({"PlaceholderWithDefault", {{"input", "dtype"}}, {typed_output}, {dtype, shape}});
  add({"RestoreV2", {prefix, names, slices}, {tensors}, {dtypes}, Traits::stateful});
  add({"SaveV2", {prefix, names, slices, tensors}, {}, {dtypes}, Traits::stateful});
  add({"VariableV2",
       {},
       {{"ref", "dtype", Arg::reference}},
       {shape, dtype, {"container", "string", empty_text()}, {"shared_name", "string", empty_text()}},
       Traits::stateful});
  return list;
}

}  // namespace transload::tensor_bundle
