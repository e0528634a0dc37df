// Small random models in transformers' names, to be changed before they are run.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plan/cast.h"
#include "support/memory_reader.h"
#include "transload/prove_outputs.h"

namespace transload::testing {

struct Sizes {
  std::int64_t layers = 3, hidden = 16, heads = 4, inner = 24, vocabulary = 50, positions = 40, types = 2;
};

// A tensor's values by name, and a configuration: what a mistake is planted in.
class TinyModel {
 public:
  struct Values {
    Shape shape;
    std::vector<float> data;
  };
  Sizes sizes;
  std::map<std::string, Values> tensors;
  std::map<std::string, std::string> config;  // key -> JSON
  std::string family = "bert", dialect = "hf";
  DType stored = DType::f32;

  explicit TinyModel(Sizes wanted = {}, bool heads = true) : sizes(wanted) {
    const auto [layers, hidden, attention, inner, vocabulary, positions, types] = sizes;
    config = {{"model_type", "\"bert\""},
              {"hidden_act", "\"gelu\""},
              {"layer_norm_eps", "1e-12"},
              {"num_attention_heads", std::to_string(attention)}};
    add("bert.embeddings.word_embeddings.weight", {vocabulary, hidden}, 0.5);
    add("bert.embeddings.position_embeddings.weight", {positions, hidden}, 0.5);
    add("bert.embeddings.token_type_embeddings.weight", {types, hidden}, 0.5);
    norm("bert.embeddings.LayerNorm", hidden);
    for (std::int64_t i = 0; i < layers; ++i) {
      const std::string at = fmt::format("bert.encoder.layer.{}.", i);
      for (const char* name : {"query", "key", "value"}) linear(at + "attention.self." + name, hidden, hidden);
      linear(at + "attention.output.dense", hidden, hidden);
      norm(at + "attention.output.LayerNorm", hidden);
      linear(at + "intermediate.dense", inner, hidden);
      linear(at + "output.dense", hidden, inner);
      norm(at + "output.LayerNorm", hidden);
    }
    linear("bert.pooler.dense", hidden, hidden);
    if (!heads) return;
    add("cls.predictions.bias", {vocabulary}, 0.3);
    linear("cls.predictions.transform.dense", hidden, hidden);
    norm("cls.predictions.transform.LayerNorm", hidden);
    linear("cls.seq_relationship", 2, hidden);
  }

  std::vector<float>& operator[](const std::string& name) { return tensors.at(name).data; }
  static std::string layer(std::int64_t i, const std::string& name) {
    return fmt::format("bert.encoder.layer.{}.{}", i, name);
  }
  void swap(const std::string& a, const std::string& b) { std::swap(tensors.at(a).data, tensors.at(b).data); }
  void transpose(const std::string& name) {
    auto& [shape, data] = tensors.at(name);
    const std::vector<float> was = data;
    const auto n = static_cast<std::size_t>(shape[0]);
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < n; ++c) data[r * n + c] = was[c * n + r];
    }
  }
  // Row r becomes what row r - by was, cyclically.
  void rotate_rows(const std::string& name, std::int64_t by) {
    auto& [shape, data] = tensors.at(name);
    const auto places = ((by % shape[0]) + shape[0]) % shape[0] * shape[1];
    std::rotate(data.begin(), data.end() - places, data.end());
  }

  // The same model as Google's code stores it: other names, kernels [in, out].
  TinyModel as_google() const {
    TinyModel other = *this;
    other.tensors.clear();
    other.dialect = "tf1";
    other.config = {{"hidden_act", config.at("hidden_act")}, {"num_attention_heads", config.at("num_attention_heads")}};
    for (const auto& [name, values] : tensors) {
      std::string to = name;
      const auto replace = [&](std::string_view what, std::string_view by) {
        for (std::size_t at = 0; (at = to.find(what, at)) != std::string::npos; at += by.size()) {
          to.replace(at, what.size(), by);
        }
      };
      const bool norm = name.find("LayerNorm") != std::string::npos;
      const bool table = name.find("embeddings.weight") != std::string::npos;
      replace("encoder.layer.", "encoder.layer_");
      replace("seq_relationship.weight", "seq_relationship.output_weights");
      replace("seq_relationship.bias", "seq_relationship.output_bias");
      replace("predictions.bias", "predictions.output_bias");
      replace(".", "/");
      Values moved = values;
      if (norm) {
        replace("/weight", "/gamma");
        replace("/bias", "/beta");
      } else if (table) {
        replace("/weight", "");
      } else if (to.ends_with("/weight")) {
        replace("/weight", "/kernel");
        const std::int64_t out = values.shape[0], in = values.shape[1];
        moved.shape = {in, out};
        for (std::int64_t o = 0; o < out; ++o) {
          for (std::int64_t i = 0; i < in; ++i) {
            moved.data[static_cast<std::size_t>(i * out + o)] = values.data[static_cast<std::size_t>(o * in + i)];
          }
        }
      }
      other.tensors.emplace(to, std::move(moved));
    }
    return other;
  }

  Model model(const std::string& display = "memory") const {
    MemoryCheckpoint checkpoint;
    for (const auto& [name, values] : tensors) {
      std::vector<std::byte> bytes(values.data.size() * element_bytes(stored));
      cast(DType::f32, stored, std::as_bytes(std::span(values.data)), bytes);
      checkpoint.add(name, stored, values.shape, bytes);
    }
    std::string json = "{";
    for (const auto& [key, value] : config)
      json += fmt::format("{}\"{}\": {}", json.size() > 1 ? ", " : "", key, value);
    return {checkpoint.reader(), display, family, dialect, "", json + "}", "config.json"};
  }

 private:
  void linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in}, 0.4);
    add(name + ".bias", {out}, 0.3);
  }
  void norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width}, 0.3, 1);
    add(name + ".bias", {width}, 0.3);
  }
  void add(const std::string& name, Shape shape, double spread, double middle = 0) {
    Values values{std::move(shape), {}};
    for (std::uint64_t i = 0; i < element_count(values.shape); ++i) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      const double uniform = static_cast<double>(state_ >> 11) / 9007199254740992.0;
      values.data.push_back(static_cast<float>(middle + spread * (2 * uniform - 1)));
    }
    tensors.emplace(name, std::move(values));
  }
  std::uint64_t state_ = 42;
};

}  // namespace transload::testing
