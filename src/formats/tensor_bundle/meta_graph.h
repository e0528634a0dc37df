// The .meta beside a bundle: a graph that declares its variables, saves and restores them, for
// tf.train.import_meta_graph(). Nothing else reads it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "transload/dtype.h"

namespace transload::tensor_bundle {

struct Variable {
  std::string_view name;
  std::int32_t data_type;
  Shape shape;
};

// A MetaGraphDef, byte for byte what TensorFlow 2.15.1 writes for a program that creates these variables, in this
// order, with a zeros initializer, sets each with keras.backend.set_value(), and saves them with tf.train.Saver(): the
// conversion script of transformers up to 4.37 is such a program. Time and size grow with the number of variables.
//
// Where no TensorFlow program can have such variables (is_variable_name() is false; a variable has the name of another
// node, such as "a/read" beside "a"; a dtype without kernels, float8; no variable at all; a graph of more than 2 GiB)
// it is a MetaGraphDef without nodes and without a saver, from which import_meta_graph() makes no Saver (it returns
// None), instead of a graph that restores a part.
std::string meta_graph(std::span<const Variable> variables);

// Whether TensorFlow keeps it as the name of a node: letters, digits and "._-/>", beginning with a letter, digit or
// dot, also after ">", and not ending with "/".
bool is_variable_name(std::string_view name) noexcept;

}  // namespace transload::tensor_bundle
