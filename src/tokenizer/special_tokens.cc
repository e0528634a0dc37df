#include "tokenizer/special_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "tokenizer/json_fields.h"
#include "transload/error.h"

namespace transload::tokenizer {
namespace {

class Checker {
 public:
  Checker(const Fields& fields, std::span<const AddedToken> added, bool normalizes)
      : fields_(fields), added_(added), normalizes_(normalizes) {}

  // The token that `json` names: by its text, or by an object that must have its flags.
  const AddedToken& token(const wire::Json& json, std::string_view what) const {
    if (json.is_string()) return find(json.get<std::string>(), what);
    const Fields object(json, what, fields_.file());
    const AddedToken& token = find(object.text("content"), what);
    expect(object, token, "single_word", token.single_word);
    expect(object, token, "lstrip", token.lstrip);
    expect(object, token, "rstrip", token.rstrip);
    if (normalizes_) expect(object, token, "normalized", token.normalized);
    return token;
  }

  // Named outside of its role a text has no flags.
  const AddedToken& token_without_role(const wire::Json& json, std::string_view what) const {
    const AddedToken& found = token(json, what);
    if (json.is_string() && (found.lstrip || found.rstrip || found.single_word || (normalizes_ && found.normalized))) {
      refuse(fmt::format("{}: '{}' without its flags", what, shortened(found.content)));
    }
    return found;
  }

  [[noreturn]] void refuse(std::string_view message) const {
    throw Error(Errc::unsupported, message, {.file = fields_.file(), .offset = {}, .tensor = {}},
                "save the tokenizer as tokenizer.json");
  }

 private:
  const AddedToken& find(const std::string& content, std::string_view what) const {
    const auto found = std::ranges::find(added_, content, &AddedToken::content);
    if (found == added_.end()) refuse(fmt::format("{}: '{}' is not one of the usual", what, shortened(content)));
    return *found;
  }

  void expect(const Fields& object, const AddedToken& token, const char* flag, bool usual) const {
    if (object.find(flag) != nullptr && object.flag(flag) == usual) return;
    refuse(fmt::format("'{}' with another '{}' than {}, which is usual", shortened(token.content), flag, usual));
  }

  const Fields& fields_;
  std::span<const AddedToken> added_;
  bool normalizes_;
};

}  // namespace

void check_special_tokens(const wire::Json& configuration, std::span<const Role> roles,
                          std::span<const AddedToken> added, bool normalizes, const std::string& file) {
  const Fields fields(configuration, "configuration", file);
  const Checker checker(fields, added, normalizes);
  for (const Role& role : roles) {
    if (!configuration.contains(role.name)) continue;
    const wire::Json* json = fields.find(role.name);
    if (json == nullptr) {
      if (!role.usual.empty()) checker.refuse(fmt::format("no {}, where '{}' is usual", role.name, role.usual));
      continue;
    }
    if (role.usual.empty()) {
      checker.token_without_role(*json, role.name);
    } else if (checker.token(*json, role.name).content != role.usual) {
      checker.refuse(fmt::format("another {} than '{}', which is usual", role.name, role.usual));
    }
  }
  if (fields.find("additional_special_tokens") != nullptr) {
    for (const wire::Json& token : fields.array("additional_special_tokens")) {
      checker.token_without_role(token, "additional_special_tokens");
    }
  }
  if (const wire::Json* decoder = fields.find("added_tokens_decoder")) {
    if (!decoder->is_object()) fields.corrupt("'added_tokens_decoder' is no object");
    for (const auto& [id, json] : decoder->items()) {
      const AddedToken& token = checker.token_without_role(json, "added_tokens_decoder");
      if (id != std::to_string(token.id)) {
        checker.refuse(fmt::format("the id {} for '{}', whose place in the vocabulary is {}", shortened(id),
                                   shortened(token.content), token.id));
      }
    }
  }
}

}  // namespace transload::tokenizer
