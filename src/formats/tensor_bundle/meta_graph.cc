#include "formats/tensor_bundle/meta_graph.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "formats/tensor_bundle/data_type.h"
#include "formats/tensor_bundle/graph.h"
#include "formats/tensor_bundle/op_list.h"
#include "transload/error.h"

namespace transload::tensor_bundle {
namespace {

using wire::ProtoWriter;

// The version whose files these are equal to.
constexpr std::string_view kVersion = "2.15.1", kGitVersion = "v2.15.0-11-g63f5a65c7cd";
constexpr int kProducer = 1645;  // TF_GRAPH_DEF_VERSION
// tf.zeros() makes one constant of less, a Fill operation of more (array_ops.py, _constant_if_small).
constexpr std::uint64_t kSmall = 1000;
constexpr std::string_view kDevice = "/device:CPU:0";

// Names in one scope are made unique by a number from the second on.
std::string numbered(std::string_view base, std::size_t i) {
  return i == 0 ? std::string(base) : std::string(base) + '_' + std::to_string(i);
}

std::string join(std::string_view a, std::string_view b) { return std::string(a).append(b); }

bool is_small(const Variable& variable) { return element_count(variable.shape) < kSmall; }

void add_initializer(Graph& graph, const Variable& v) {
  const std::string zeros = join(v.name, "/Initializer/zeros");
  if (is_small(v)) {
    graph.add(zeros, "Const", {},
              {{"_class", attr::location(v.name)},
               {"_output_shapes", attr::shapes({v.shape})},
               {"dtype", attr::type(v.data_type)},
               {"value", attr::zeros(v.data_type, v.shape)}});
    return;
  }
  const bool wide = std::ranges::any_of(v.shape, [](auto size) { return size > std::numeric_limits<int>::max(); });
  const std::int32_t index_type = wide ? kInt64 : kInt32;
  const std::string inputs[] = {zeros + "/shape_as_tensor", zeros + "/Const"};
  graph.add(inputs[0], "Const", {},
            {{"_class", attr::location(v.name)},
             {"_output_shapes", attr::shapes({{static_cast<std::int64_t>(v.shape.size())}})},
             {"dtype", attr::type(index_type)},
             {"value", attr::dimensions(index_type, v.shape)}});
  graph.add(inputs[1], "Const", {},
            {{"_class", attr::location(v.name)},
             {"_output_shapes", attr::shapes({Shape{}})},
             {"dtype", attr::type(v.data_type)},
             {"value", attr::zeros(v.data_type, {})}});
  graph.add(zeros, "Fill", inputs,
            {{"T", attr::type(v.data_type)},
             {"_class", attr::location(v.name)},
             {"_output_shapes", attr::shapes({v.shape})},
             {"index_type", attr::type(index_type)}});
}

enum class Control { automatic, manual };

void add_assign(Graph& graph, std::string name, const Variable& v, std::string value, bool use_locking,
                Control control) {
  const std::string inputs[] = {std::string(v.name), std::move(value)};
  Graph::Attributes attributes{{"T", attr::type(v.data_type)},
                               {"_class", attr::location(v.name)},
                               {"_output_shapes", attr::shapes({v.shape})},
                               {"use_locking", attr::boolean(use_locking)},
                               {"validate_shape", attr::boolean(true)}};
  if (control == Control::manual) attributes.emplace_back("_has_manual_control_dependencies", attr::boolean(true));
  graph.add(std::move(name), "Assign", inputs, std::move(attributes));
}

// get_variable(), variables_initializer() and keras.backend.set_value(), for the i-th variable.
void add_variable(Graph& graph, const Variable& v, std::size_t i) {
  const std::string name(v.name);
  add_initializer(graph, v);
  graph.add(name, "VariableV2", {},
            {{"_class", attr::location(name)},
             {"_output_shapes", attr::shapes({v.shape})},
             {"container", attr::text("")},
             {"dtype", attr::type(v.data_type)},
             {"shape", attr::shape(v.shape)},
             {"shared_name", attr::text("")}});
  add_assign(graph, name + "/Assign", v, name + "/Initializer/zeros", true, Control::manual);
  graph.add(
      name + "/read", "Identity", std::span(&name, 1),
      {{"T", attr::type(v.data_type)}, {"_class", attr::location(name)}, {"_output_shapes", attr::shapes({v.shape})}});
  const std::string after = '^' + name + "/Assign";
  graph.add(numbered("init", i), "NoOp", std::span(&after, 1), {});
  const std::string placeholder = numbered("Placeholder", i);
  const Shape any(v.shape.size(), -1);
  graph.add(placeholder, "Placeholder", {},
            {{"_output_shapes", attr::shapes({any})}, {"dtype", attr::type(v.data_type)}, {"shape", attr::shape(any)}});
  add_assign(graph, numbered("Assign", i), v, placeholder, false, Control::automatic);
}

// tf.train.Saver() over `sorted` variables.
void add_saver(Graph& graph, std::span<const Variable* const> sorted) {
  const ProtoWriter scalar = attr::shapes({Shape{}}), text = attr::type(kString);
  const ProtoWriter vector = attr::shapes({{static_cast<std::int64_t>(sorted.size())}});
  std::vector<std::string_view> names;
  std::vector<std::int32_t> types;
  std::vector<std::string> save_inputs{"save/Const", "save/SaveV2/tensor_names", "save/SaveV2/shape_and_slices"};
  for (const Variable* v : sorted) {
    names.push_back(v->name);
    types.push_back(v->data_type);
    save_inputs.emplace_back(v->name);
  }
  const std::vector<std::string_view> whole(sorted.size());  // an empty text: not a slice

  const auto one = [](std::string input) { return std::vector<std::string>{std::move(input)}; };
  const auto add_texts = [&](std::string name, std::span<const std::string_view> values, std::string_view device) {
    graph.add(std::move(name), "Const", {},
              {{"_output_shapes", vector}, {"dtype", text}, {"value", attr::strings(values)}}, device);
  };
  graph.add("save/filename/input", "Const", {},
            {{"_output_shapes", scalar}, {"dtype", text}, {"value", attr::string("model")}});
  graph.add("save/filename", "PlaceholderWithDefault", one("save/filename/input"),
            {{"_output_shapes", scalar}, {"dtype", text}, {"shape", attr::shape({})}});
  graph.add("save/Const", "PlaceholderWithDefault", one("save/filename"),
            {{"_output_shapes", scalar}, {"dtype", text}, {"shape", attr::shape({})}});
  add_texts("save/SaveV2/tensor_names", names, {});
  add_texts("save/SaveV2/shape_and_slices", whole, {});
  graph.add("save/SaveV2", "SaveV2", save_inputs,
            {{"_has_manual_control_dependencies", attr::boolean(true)}, {"dtypes", attr::types(types)}});
  graph.add("save/control_dependency", "Identity", std::vector<std::string>{"save/Const", "^save/SaveV2"},
            {{"T", text}, {"_class", attr::location("save/Const")}, {"_output_shapes", scalar}});
  add_texts("save/RestoreV2/tensor_names", names, kDevice);
  add_texts("save/RestoreV2/shape_and_slices", whole, kDevice);
  graph.add("save/RestoreV2", "RestoreV2",
            std::vector<std::string>{"save/Const", "save/RestoreV2/tensor_names", "save/RestoreV2/shape_and_slices"},
            {{"_output_shapes", attr::unknown_shapes(sorted.size())}, {"dtypes", attr::types(types)}}, kDevice);

  std::vector<std::string> restored;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::string output = i == 0 ? "save/RestoreV2" : "save/RestoreV2:" + std::to_string(i);
    const std::string name = numbered("save/Assign", i);
    restored.push_back('^' + name);
    add_assign(graph, name, *sorted[i], output, true, Control::manual);
  }
  std::ranges::sort(restored);  // as texts: _1, _10, _11, ..., _2
  graph.add("save/restore_all", "NoOp", restored, {});
}

// SaverDef (saver.proto).
ProtoWriter saver_def() {
  constexpr float kHours = 10000;  // keep_checkpoint_every_n_hours
  ProtoWriter saver;
  saver.bytes(1, "save/Const:0").bytes(2, "save/control_dependency:0").bytes(3, "save/restore_all");
  saver.varint(4, 5).fixed32(6, std::bit_cast<std::uint32_t>(kHours)).varint(7, 2);  // max_to_keep, version V2
  return saver;
}

// A CollectionDef of VariableDef messages (variable.proto).
ProtoWriter collection(std::span<const Variable> variables) {
  ProtoWriter list;
  for (const Variable& v : variables) {
    ProtoWriter def;
    def.bytes(1, join(v.name, ":0")).bytes(2, join(v.name, "/Assign")).bytes(3, join(v.name, "/read:0"));
    def.bytes(6, join(v.name, "/Initializer/zeros:0")).varint(7, 1);  // trainable
    list.message(1, def);
  }
  return ProtoWriter().message(2, list);
}

ProtoWriter meta_info(const ProtoWriter* operations) {
  ProtoWriter out;
  if (operations != nullptr) out.message(2, *operations);
  return out.bytes(5, kVersion).bytes(6, kGitVersion);
}

std::string without_graph() {
  ProtoWriter meta;
  meta.message(1, meta_info(nullptr)).message(2, Graph().finish(kProducer));
  return std::move(meta).take();
}

bool can_be_variable(const Variable& variable) {
  const DataType* type = data_type(variable.data_type);
  return is_variable_name(variable.name) && type != nullptr && type->zero_field != 0;
}

}  // namespace

// tensorflow/core/framework/node_def_util.cc, IsValidNodeName, and no '/' at the end: there TensorFlow's Python takes
// it for the end of a scope, and the variable gets another name.
bool is_variable_name(std::string_view name) noexcept {
  bool first = true;  // of the name, or of a part after '>'
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    const bool inner = c == '_' || c == '-' || c == '/' || c == '>';
    if (!plain && (!inner || first)) return false;
    first = c == '>';
  }
  return !first && name.back() != '/';
}

std::string meta_graph(std::span<const Variable> variables) {
  if (variables.empty() || !std::ranges::all_of(variables, can_be_variable)) return without_graph();
  std::vector<const Variable*> sorted;
  for (const Variable& variable : variables) sorted.push_back(&variable);
  std::ranges::sort(sorted, {}, [](const Variable* v) { return v->name; });

  Graph graph;
  for (std::size_t i = 0; i < variables.size(); ++i) add_variable(graph, variables[i], i);
  add_saver(graph, sorted);
  if (graph.clash()) return without_graph();

  const ProtoWriter operations = op_list(!std::ranges::all_of(variables, is_small));
  const ProtoWriter variable_list = collection(variables);
  ProtoWriter meta;
  meta.message(1, meta_info(&operations)).message(2, std::move(graph).finish(kProducer)).message(3, saver_def());
  for (const std::string_view key : {"trainable_variables", "variables"}) {
    meta.message(4, ProtoWriter().bytes(1, key).message(2, variable_list));
  }
  // What protobuf itself can read.
  if (meta.text().size() > std::numeric_limits<std::int32_t>::max()) return without_graph();
  return std::move(meta).take();
}

}  // namespace transload::tensor_bundle
