// From text to token ids, as the models of the BERT family do it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transload/io.h"

namespace transload {

// A vocabulary with its rules. Immutable, thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // The ids of `text`, valid UTF-8, with the special tokens that the model expects around one sentence ([CLS] ...
  // [SEP], <s> ... </s>). Errc::usage where the vocabulary has no id for a piece and no unknown token.
  virtual std::vector<std::int64_t> encode(std::string_view text) const = 0;
  virtual std::int64_t size() const noexcept = 0;        // ids are below it
  virtual std::int64_t pad() const noexcept = 0;         // the padding token's id, -1 without one
  virtual const std::string& kind() const noexcept = 0;  // "byte-level BPE", "WordPiece"
};

// Byte-level BPE (GPT-2, RoBERTa) from vocab.json and merges.txt. Errc::corrupt.
std::unique_ptr<Tokenizer> byte_level_bpe(const Source& vocab_json, const Source& merges_txt);
// WordPiece (BERT) from vocab.txt. `lower_case`: also strips accents, as the uncased models do.
std::unique_ptr<Tokenizer> wordpiece(const Source& vocab_txt, bool lower_case);
// Either kind from tokenizer.json. Errc::unsupported for other kinds.
std::unique_ptr<Tokenizer> tokenizer_from_json(const Source& tokenizer_json);
// What lies in `folder`: tokenizer.json, else vocab.json with merges.txt, else vocab.txt (tokenizer_config.json says
// whether it is cased). Null where there is none of them.
std::unique_ptr<Tokenizer> find_tokenizer(const Store& folder);

}  // namespace transload
