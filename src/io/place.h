// Files that take their places one by one, in a folder that holds other files too.
//
// The steps, each of which leaves the old set, no set, or the new one for a reader to find:
//   1. the new files are on disk; the record is written; `new` is renamed to `ready`
//   2. the key files of the old set (its index) move to `old`: from here on a reader finds no set
//   3. its other files move to `old`
//   4. the new files take their names, the key files last: a reader finds the new set
//   5. the folder is synced; `old` is removed
// A failure in 2 to 4 undoes them. A process that ends there leaves `ready` and the record, and the next one goes on.
#pragma once

#include <vector>

#include "io/record.h"
#include "io/staging.h"

namespace transload::io {

// Steps 1 to 4, with the lock on `target` held. Fills in the identities of `files`. A single file is renamed, which is
// one step. Errc::usage where a name is taken that may not be replaced. After an Error all is as it was before; where
// that could not be had, Error::destination says what is there, and `staging` is kept.
void place(Staging& staging, const Folder& target, std::vector<Placing> files);

// Whether `target` holds what it held before, because nothing has moved yet or everything moved back.
bool nothing_moved(const Folder& target, const std::vector<Placing>& files);
// Whether the files of a dead process can go on from where they stand: nobody else changed any of them since.
bool can_go_on(const Folder& staging, const Folder& target, const std::vector<Placing>& files);
// Steps 2 to 4 from where they stand. The key files are the last of `files`, as place() has recorded them.
void go_on(const Folder& staging, const Folder& target, const std::vector<Placing>& files);

}  // namespace transload::io
