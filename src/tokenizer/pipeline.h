// A tokenizer that is put together from its parts, in the order in which the tokenizers library runs them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/model.h"
#include "tokenizer/steps.h"
#include "transload/tokenizer.h"

namespace transload::tokenizer {

struct Parts {
  std::string kind{};
  std::unique_ptr<Model> model{};
  std::vector<Normalizer> normalizers{};
  std::vector<Splitter> splitters{};
  std::vector<AddedToken> added{};
  std::vector<std::uint32_t> before{}, after{};  // the special tokens around one sentence
  std::string pad{};                             // the padding token; empty: the usual names are tried
};

// Errc::corrupt in `file` where an id around the sentence is no token's.
std::unique_ptr<Tokenizer> make_tokenizer(Parts parts, const std::string& file);

}  // namespace transload::tokenizer
