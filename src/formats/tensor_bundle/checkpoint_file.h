// The text file `checkpoint`, which names the latest checkpoint of a folder
// (tensorflow/python/training/checkpoint_state.proto, in protobuf's text format).
#pragma once

#include <string>
#include <string_view>

namespace transload::tensor_bundle {

// What tf.train.Saver writes: the prefix twice. `prefix` is a name beside the file, or an absolute path.
std::string checkpoint_text(std::string_view prefix);

// model_checkpoint_path: relative to the file's folder, or absolute; the caller decides whether it follows an absolute
// one. Fields that it does not know (timestamps) are skipped. Errc::corrupt with `file` and the offset where the text
// is none of a checkpoint state, Errc::unsupported where the path has a component "..".
std::string checkpoint_prefix(std::string_view text, const std::string& file);

}  // namespace transload::tensor_bundle
