// What the program reads of the files beside the weights: the sizes of vocabularies, and generation_config.json as it
// lies there, or follows from config.json.
#include <cstddef>
#include <cstdint>
#include <string>

#include "generation_config.h"
#include "scratch.h"
#include "transload/error.h"
#include "vocabulary_size.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  static const fuzz::Scratch scratch;
  const std::string text(reinterpret_cast<const char*>(data), size);
  Location location;
  location.name = "x.params";
  location.folder = scratch.folder;
  for (const char* name : {"vocab.txt", "vocab.json", "x.vocab"}) {
    scratch.write(name, text);
    try {
      cli::check_vocabularies(location, 10);
    } catch (const Error&) {
    }
    fs::remove(scratch.folder / name);
  }
  scratch.write("generation_config.json", text);
  const std::string decoder = R"({"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": true})";
  for (const auto& [from, config] : {std::pair(Location(), text), {location, decoder}}) {
    try {
      cli::generation_config(from, config);
    } catch (const Error&) {
    }
  }
  return 0;
}
