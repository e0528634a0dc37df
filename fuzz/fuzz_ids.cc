// Token ids from a text or, where the input begins like one, from an .npy: an Error, or a batch of that many ids.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "token_inputs.h"
#include "transload/error.h"

namespace {

namespace fs = std::filesystem;

// In memory where the system has such a folder; gone at the end.
struct Scratch {
  fs::path folder = (fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                    ("transload-fuzz-ids-" + std::to_string(::getpid()));
  Scratch() { fs::create_directory(folder); }
  ~Scratch() { fs::remove_all(folder); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scratch scratch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const fs::path path = scratch.folder / (text.starts_with("\x93NUMPY") ? "ids.npy" : "ids.txt");
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(size));
  try {
    const transload::TokenBatch batch = transload::cli::read_ids(path.string());
    const auto ids = static_cast<std::size_t>(batch.sequences * batch.length);
    if (batch.ids.size() != ids) std::abort();
  } catch (const transload::Error&) {
  }
  return 0;
}
