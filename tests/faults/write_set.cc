// write_set FOLDER TAG SIZE NEW|FORCE NAME...: publishes files of SIZE bytes that hold TAG again and again, as one
// OutputSet. NAME is a name, with "!" at its end for an index (OutputSet::File::retract). For tests/faults: a set of
// many files that no verb writes yet, such as a sharded one.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "transload/error.h"
#include "transload/io.h"

int main(int argc, char** argv) {
  if (argc < 6) return 64;
  const std::string tag = argv[2];
  const std::size_t size = std::strtoul(argv[3], nullptr, 10);
  std::vector<transload::OutputSet::File> files;
  for (int i = 5; i < argc; ++i) {
    std::string name = argv[i];
    const bool index = name.ends_with('!');
    if (index) name.pop_back();
    files.push_back({.name = name, .size = size, .retract = index});
  }
  std::string block;
  while (block.size() < size) block += tag;
  block.resize(size);
  try {
    transload::OutputSet set(argv[1], files, std::string(argv[4]) == "FORCE");
    for (const std::string& note : set.notes()) std::fprintf(stderr, "note: %s\n", note.c_str());
    try {
      constexpr std::size_t kPiece = 1 << 16;
      for (std::size_t i = 0; i < files.size(); ++i) {
        for (std::size_t at = 0; at < size; at += kPiece) {
          const std::size_t end = at + kPiece < size ? at + kPiece : size;
          set.sink(i).write(at, transload::as_bytes(std::string_view(block).substr(at, end - at)));
        }
      }
    } catch (transload::Error& error) {
      error.leaves(set.unpublished());
      throw;
    }
    const std::string unconfirmed = set.publish();
    if (unconfirmed.empty()) return 0;
    std::fprintf(stderr, "written, durability not confirmed: %s\n", unconfirmed.c_str());
    return 1;
  } catch (const transload::Error& error) {
    std::fprintf(stderr, "error: %s; %s\n", error.what(), error.destination().c_str());
    for (const std::string& detail : error.details()) std::fprintf(stderr, "  %s\n", detail.c_str());
    return 2;
  }
}
