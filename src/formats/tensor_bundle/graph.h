// A TensorFlow graph in the making: nodes and their attributes, serialised as TensorFlow does it deterministically.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "transload/dtype.h"
#include "wire/proto.h"

namespace transload::tensor_bundle {

// Values of a node's attributes: serialised AttrValue messages (tensorflow/core/framework/attr_value.proto).
namespace attr {
wire::ProtoWriter boolean(bool value);
wire::ProtoWriter text(std::string_view value);
wire::ProtoWriter type(std::int32_t number);
wire::ProtoWriter types(std::span<const std::int32_t> numbers);
wire::ProtoWriter shape(const Shape& value);                     // -1: a dimension of any size
wire::ProtoWriter shapes(std::initializer_list<Shape> values);   // a list
wire::ProtoWriter unknown_shapes(std::size_t count);             // a list
wire::ProtoWriter location(std::string_view node);               // the list of "loc:@NODE"
wire::ProtoWriter zeros(std::int32_t type, const Shape& shape);  // a constant; the type must have a zero_field
wire::ProtoWriter dimensions(std::int32_t index_type, const Shape& shape);  // a shape as a vector of integers
wire::ProtoWriter strings(std::span<const std::string_view> values);        // a vector
wire::ProtoWriter string(std::string_view value);                           // a scalar
}  // namespace attr

// A GraphDef (graph.proto, node_def.proto).
class Graph {
 public:
  using Attributes = std::vector<std::pair<std::string_view, wire::ProtoWriter>>;

  // Attributes in any order: they are a map, which is written sorted.
  void add(std::string name, std::string_view op, std::span<const std::string> inputs, Attributes attributes,
           std::string_view device = {});
  // Two nodes had the same name: not a graph.
  bool clash() const noexcept { return clash_; }
  // `producer`: the version of graphs that the writer knows.
  wire::ProtoWriter finish(int producer) &&;

 private:
  wire::ProtoWriter nodes_;
  std::unordered_set<std::string> names_;
  bool clash_ = false;
};

}  // namespace transload::tensor_bundle
