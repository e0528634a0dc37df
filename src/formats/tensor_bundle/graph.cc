#include "formats/tensor_bundle/graph.h"

#include <algorithm>

#include "formats/tensor_bundle/data_type.h"
#include "formats/tensor_bundle/entry.h"
#include "transload/error.h"

namespace transload::tensor_bundle {
namespace {

using wire::ProtoWriter;

// Bytes of a zero in the field of a TensorProto (tensor.proto) that holds values of a type. All are packed.
std::size_t zero_bytes(std::uint8_t field) {
  switch (field) {
    case 5: return 4;    // float_val
    case 6: return 8;    // double_val
    case 9: return 8;    // scomplex_val: two floats
    case 12: return 16;  // dcomplex_val: two doubles
    default: return 1;   // a varint
  }
}

ProtoWriter tensor(std::int32_t type, const Shape& shape) {
  ProtoWriter out;
  out.int64(1, type).bytes(2, shape_bytes(shape));
  return out;
}

ProtoWriter value(const ProtoWriter& tensor_message) { return ProtoWriter().message(8, tensor_message); }

}  // namespace

namespace attr {

ProtoWriter boolean(bool flag) { return ProtoWriter().varint(5, flag ? 1 : 0); }
ProtoWriter text(std::string_view bytes) { return ProtoWriter().bytes(2, bytes); }
ProtoWriter type(std::int32_t number) { return ProtoWriter().int64(6, number); }

ProtoWriter types(std::span<const std::int32_t> numbers) {
  std::string packed;
  for (const std::int32_t number : numbers) wire::append_varint(packed, static_cast<std::uint64_t>(number));
  return ProtoWriter().message(1, ProtoWriter().bytes(6, packed));
}

ProtoWriter shape(const Shape& dims) { return ProtoWriter().bytes(7, shape_bytes(dims)); }

ProtoWriter shapes(std::initializer_list<Shape> values) {
  ProtoWriter list;
  for (const Shape& dims : values) list.bytes(7, shape_bytes(dims));
  return ProtoWriter().message(1, list);
}

ProtoWriter unknown_shapes(std::size_t count) {
  ProtoWriter list;
  for (std::size_t i = 0; i < count; ++i) list.message(7, ProtoWriter().varint(3, 1));
  return ProtoWriter().message(1, list);
}

ProtoWriter location(std::string_view node) {
  return ProtoWriter().message(1, ProtoWriter().bytes(2, std::string("loc:@").append(node)));
}

ProtoWriter zeros(std::int32_t type_number, const Shape& dims) {
  const DataType* found = data_type(type_number);
  if (found == nullptr || found->zero_field == 0) throw Error(Errc::usage, "no graph holds a constant of this type");
  ProtoWriter out = tensor(type_number, dims);
  // One value stands for all equal ones.
  if (element_count(dims) != 0) {
    out.bytes(found->zero_field, std::string(zero_bytes(found->zero_field), '\0'));
  }
  return value(out);
}

ProtoWriter dimensions(std::int32_t index_type, const Shape& dims) {
  ProtoWriter out = tensor(index_type, {static_cast<std::int64_t>(dims.size())});
  std::string packed;
  if (dims.size() == 1) {
    wire::append_varint(packed, static_cast<std::uint64_t>(dims.front()));
    out.bytes(index_type == kInt64 ? 10 : 7, packed);
  } else {
    for (const std::int64_t size : dims) {
      if (index_type == kInt64) {
        wire::append_integer(packed, size);
      } else {
        wire::append_integer(packed, static_cast<std::int32_t>(size));
      }
    }
    out.bytes(4, packed);  // tensor_content
  }
  return value(out);
}

ProtoWriter strings(std::span<const std::string_view> values) {
  ProtoWriter out = tensor(kString, {static_cast<std::int64_t>(values.size())});
  for (const std::string_view text : values) out.bytes(8, text);
  return value(out);
}

ProtoWriter string(std::string_view bytes) { return value(tensor(kString, {}).bytes(8, bytes)); }

}  // namespace attr

void Graph::add(std::string name, std::string_view op, std::span<const std::string> inputs, Attributes attributes,
                std::string_view device) {
  ProtoWriter node;
  node.bytes(1, name).bytes(2, op);
  for (const std::string& input : inputs) node.bytes(3, input);
  if (!device.empty()) node.bytes(4, device);
  std::ranges::sort(attributes, {}, [](const auto& attribute) { return attribute.first; });
  for (const auto& [key, attribute] : attributes) {
    node.message(5, ProtoWriter().bytes(1, key).message(2, attribute));
  }
  nodes_.message(1, node);
  clash_ = !names_.insert(std::move(name)).second || clash_;
}

ProtoWriter Graph::finish(int producer) && {
  nodes_.message(4, ProtoWriter().int64(1, producer));
  return std::move(nodes_);
}

}  // namespace transload::tensor_bundle
