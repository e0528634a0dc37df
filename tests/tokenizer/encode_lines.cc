// A tokenizer as a filter, for the peer tests: encode_lines FOLDER | encode_lines wordpiece|wordpiece-cased VOCAB_TXT |
// encode_lines bpe VOCAB_JSON MERGES_TXT | encode_lines json TOKENIZER_JSON. One text a line on stdin, as a JSON
// string; its ids on stdout, or "error: ...".
#include <cstdint>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "transload/error.h"
#include "transload/tokenizer.h"

namespace {

std::unique_ptr<transload::Tokenizer> open(const std::vector<std::string>& args) {
  using namespace transload;
  if (args.size() == 1) return find_tokenizer(*open_folder(args[0]));
  if (args[0] == "bpe" && args.size() == 3) return byte_level_bpe(*open_file(args[1]), *open_file(args[2]));
  if (args[0] == "json") return tokenizer_from_json(*open_file(args[1]));
  return wordpiece(*open_file(args[1]), args[0] == "wordpiece");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    if (args.empty()) return 2;
    const auto tokenizer = open(args);
    if (!tokenizer) {
      std::cout << "none\n";
      return 0;
    }
    std::cout << nlohmann::json{{"kind", tokenizer->kind()}, {"size", tokenizer->size()}, {"pad", tokenizer->pad()}}
              << '\n';
    for (std::string line; std::getline(std::cin, line);) {
      try {
        std::cout << nlohmann::json(tokenizer->encode(nlohmann::json::parse(line).get<std::string>())) << '\n';
      } catch (const transload::Error& e) {
        std::cout << "error: " << e.what() << '\n';
      }
    }
  } catch (const transload::Error& e) {
    std::cerr << "error: " << name(e.code()) << ": " << e.what() << '\n';
    return 2;
  }
  return 0;
}
