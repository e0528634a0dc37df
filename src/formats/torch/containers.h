// From the top value of a checkpoint to its list of tensors, under the names that lead to them.
#pragma once

#include <string>

#include "formats/torch/rebuild.h"
#include "transload/index.h"
#include "wire/pickle.h"

namespace transload::torch {

// Adds the tensors below the pickle's root to `index`, in the order of the file: dicts by str(key), lists and tuples
// by position, joined with '/'; a tensor at the top has the name "". Tensors that cannot be carried go to left_out,
// what is no tensor to one note. Errc::corrupt for two keys of one dict that print the same; Errc::unsupported where
// there is no tensor at all (an empty container is fine) or where shared values stand for more names than the file
// has room for.
void list_tensors(const wire::Pickle& pickle, Rebuilder& rebuilder, Index& index);

// Keeps what is below the container `key` ("a/b") and takes its name off. Errc::usage, naming what there is, when
// nothing is.
void choose_container(Index& index, const std::string& key);

}  // namespace transload::torch
