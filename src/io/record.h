// What is written down before files take their places one by one, so that another process can finish it.
#pragma once

#include <string>
#include <vector>

#include "io/folder.h"
#include "io/identity.h"

namespace transload::io {

// One file that is to take its place.
struct Placing {
  std::string name;
  bool key = false;      // goes first and comes last: without it a reader finds nothing
  bool replace = false;  // may take over an earlier file
  std::string fresh;     // identity() of the new file, and of what it replaces
  std::string old;
};

// Written to `folder`/record and synced, in place of an earlier one.
void write_record(const Folder& folder, const std::vector<Placing>& files);
// Errc::io: there is none. Errc::corrupt: it was not finished, or is not one of ours.
std::vector<Placing> read_record(const Folder& folder);

}  // namespace transload::io
