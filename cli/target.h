// Where a conversion goes: what DST and --to mean.
#pragma once

#include <string>

#include "transload/format.h"

namespace transload::cli {

struct TargetOptions {
  std::string path, dialect, format;  // DST, --to, --format; the last two may be empty
};

// The rules, in this order: a name that ends in .safetensors, .bin, .pt or .pth is one weights file. `tf1` means a
// TensorFlow prefix: DST itself, or model.ckpt in DST where that is a folder or ends in '/'. Everything else is a
// Hugging Face folder, with model.safetensors or, for the format torch, pytorch_model.bin.
struct Target {
  std::string dialect;  // empty: hf, or names are kept where no family is known
  const Format* format = nullptr;
  fs::path folder;
  std::string name;   // of the weights in the folder: "model.safetensors", "model.ckpt"
  bool bare = false;  // one weights file, without configuration
  std::string display() const { return (folder / name).string(); }
};

// Errc::usage or Errc::unsupported with what to write instead.
Target target_of(const TargetOptions& options);

// Says so where another file in the folder will be loaded instead of the one that is written; else empty.
std::string shadow_note(const Target& target);

}  // namespace transload::cli
