// The special tokens of a vocabulary in files of its own are the usual ones, with their usual flags: what a
// configuration beside it says otherwise is refused. Source: transformers 4.37.2, tokenization_utils_base.py,
// _from_pretrained, and the fast tokenizers' __init__ (the flags of a token that is named by its text alone).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tokenizer/added_tokens.h"
#include "wire/json.h"

namespace transload::tokenizer {

// What a special token is for ("cls_token"), and the one text of it.
struct Role {
  std::string_view name;
  std::string_view usual;  // empty: the kind of tokenizer has none; it may name any token of `added`
};

// `configuration`: tokenizer_config.json or special_tokens_map.json, of the name `file`. `normalizes`: texts are
// normalized, so that it counts whether a token is looked for before that. Errc::unsupported where one of `roles`, of
// additional_special_tokens or of added_tokens_decoder is no token of `added` or has another id or another flag.
void check_special_tokens(const wire::Json& configuration, std::span<const Role> roles,
                          std::span<const AddedToken> added, bool normalizes, const std::string& file);

}  // namespace transload::tokenizer
