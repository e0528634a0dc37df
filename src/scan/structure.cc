#include "scan/structure.h"

#include <exception>
#include <memory>
#include <new>

namespace transload::scanning {
namespace {

void keep(const Index& index, Opened& opened) {
  for (const Storage& storage : index.storages) {
    if (storage.at.file == 0) opened.storages.insert(storage.at.offset);
  }
  opened.metadata = index.metadata;
}

}  // namespace

Opened try_to_open(const Location& location) {
  Opened opened;
  for (const bool allow_opaque : {false, true}) {
    std::optional<Error>& failed = allow_opaque ? opened.opaque_error : opened.error;
    try {
      const std::shared_ptr<Reader> reader = open(location, {.key = {}, .allow_opaque = allow_opaque, .dense = false});
      opened.readable = allow_opaque ? Readable::with_allow_opaque : Readable::yes;
      keep(reader->index(), opened);
      // Tensors that are left out are looked at only where they are asked for.
      if (!reader->index().left_out.empty()) {
        open(location, {.key = {}, .allow_opaque = allow_opaque, .dense = true});
      }
      return opened;
    } catch (const Error& error) {
      const bool was_read = opened.readable != Readable::not_tried;
      if (!was_read || error.code() == Errc::corrupt) failed = error;
      if (was_read) return opened;
    } catch (const std::bad_alloc&) {
      failed = Error(Errc::unsupported, "needs more memory than there is");
    }
  }
  opened.readable = Readable::no;
  return opened;
}

ScanProblem problem_of(const Error& error, const std::string& file, std::string_view entry) {
  const auto kind = error.code() == Errc::unsupported ? ScanProblem::Kind::refused : ScanProblem::Kind::broken;
  ScanProblem problem{
      .entry = std::string(entry), .offset = error.where().offset, .kind = kind, .message = error.message()};
  const std::string& where = error.where().file;
  if (where.size() > file.size() + 1 && where.starts_with(file) && where[file.size()] == '!') {
    if (!problem.entry.empty()) problem.entry += '!';
    problem.entry += where.substr(file.size() + 1);
  } else if (!where.empty() && where != file) {
    problem.message = where + ": " + problem.message;
    problem.offset.reset();
  }
  if (!error.where().tensor.empty()) problem.message = "tensor '" + error.where().tensor + "': " + problem.message;
  return problem;
}

}  // namespace transload::scanning
