// Where a conversion goes: what DST and --to mean.
#pragma once

#include <string>

#include "transload/format.h"

namespace transload::cli {

struct TargetOptions {
  std::string path, dialect, format;  // DST, --to, --format; the last two may be empty
};

// The rules, in this order: a name that ends in .safetensors, .bin, .pt, .pth or .params is one weights file; `gluon`
// and .params together are that file with X.json beside it. `gluon` with another name is a folder with model.params and
// model.json. `tf1` means a TensorFlow prefix: DST itself, or model.ckpt in DST where that is a folder or ends in '/'.
// Everything else is a Hugging Face folder, with model.safetensors or, for the format torch, pytorch_model.bin.
struct Target {
  std::string dialect;  // empty: names are kept where no family is known, else resolved_dialect()
  const Format* format = nullptr;
  fs::path folder;
  std::string name;   // of the weights in the folder: "model.safetensors", "model.ckpt"
  bool bare = false;  // one weights file, without configuration
  // What an empty dialect stands for: gluon for MXNet's format, hf for all others.
  std::string resolved_dialect() const { return !dialect.empty() ? dialect : format->name == "mxnet" ? "gluon" : "hf"; }
  // The name of the configuration file that goes with the weights.
  std::string config_name() const;
  std::string display() const { return (folder / name).string(); }
};

// Errc::usage or Errc::unsupported with what to write instead.
Target target_of(const TargetOptions& options);

// The other weights in the folder that transformers will load instead of those that are written; empty: none.
std::string loaded_instead(const Target& target);

}  // namespace transload::cli
