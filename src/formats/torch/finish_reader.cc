#include <algorithm>
#include <utility>

#include "formats/sparse.h"
#include "formats/torch/containers.h"
#include "formats/torch/readers.h"
#include "formats/torch/rebuild.h"

namespace transload::torch {

std::unique_ptr<Reader> finish_reader(Index index, const std::shared_ptr<Source>& source, Rebuilder& rebuilder,
                                      const OpenOptions& options) {
  std::vector<SparseArray> arrays = rebuilder.take_dense(index);
  for (std::string& note : sparse_notes(arrays)) index.notes.push_back(std::move(note));
  choose_container(index, options.key);
  index.seal();
  return make_sparse_reader(std::move(index), {source}, std::move(arrays));
}

}  // namespace transload::torch
