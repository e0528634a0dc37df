// What the program reads of the files beside the weights: the sizes of vocabularies, and generation_config.json as it
// follows from config.json.
#include <cstddef>
#include <cstdint>
#include <string>

#include "generation_config.h"
#include "transload/error.h"
#include "vocabulary_size.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const char* name : {"vocab.txt", "vocab.json", "x.vocab"}) {
    try {
      cli::vocabulary_entries(name, text);
    } catch (const Error&) {
    }
  }
  try {
    cli::generation_config({}, text);
  } catch (const Error&) {
  }
  return 0;
}
