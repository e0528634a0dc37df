// Two folders that change places in one step.
#pragma once

#include <set>
#include <string>

#include "io/staging.h"

namespace transload::io {

// Whether a folder made beside `target` could take its place and nobody would see a difference but in its files: it
// holds nothing but regular files of these names, lies in `parent` on the same mount, is not the folder in which this
// process works, and has no extended attributes.
bool may_change_places(const Folder& parent, const Folder& target, const std::set<std::string>& names);
// Gives `fresh` the owner, group and mode of `target`; false: that is not allowed, or its flags (chattr) differ.
bool look_alike(const Folder& fresh, const Folder& target);

// renameat2(RENAME_EXCHANGE) of staging/new and parent/name; false: it is not to be had here. Errc::io.
bool change_places(const Staging& staging, const Folder& parent, const std::string& name);

// Removes `new` of a staging folder after it changed places with `target`: the files of these names. Whatever else is
// in it moves to `target`: somebody put it there in the moment before, or still holds the folder and puts it there now.
// False: a name was taken in `target`, there is no `target` (null), or it does not end; the folder stays. Errc::io.
bool remove_replaced(const Folder& staging, const Folder* target, const std::set<std::string>& names);

}  // namespace transload::io
