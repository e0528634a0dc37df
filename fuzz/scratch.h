// A folder for fuzzers that need real files: in memory where the system has such a place, gone at the end.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace transload::fuzz {

struct Scratch {
  std::filesystem::path folder = (std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                                      : std::filesystem::temp_directory_path()) /
                                 ("transload-fuzz-" + std::to_string(::getpid()));
  Scratch() { std::filesystem::create_directory(folder); }
  ~Scratch() { std::filesystem::remove_all(folder); }

  std::filesystem::path write(std::string_view name, std::string_view bytes) const {
    std::filesystem::path path = folder / name;
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path;
  }
};

}  // namespace transload::fuzz
