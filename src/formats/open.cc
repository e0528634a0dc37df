// From a location to a reader.

#include "formats/sharded.h"
#include "transload/error.h"
#include "transload/format.h"

namespace transload {

std::shared_ptr<Reader> open(const Location& location, const OpenOptions& options) {
  if (location.store == nullptr || location.format == nullptr)
    throw Error(Errc::usage, "this location was not located");
  if (names_shard_index(location.name)) return open_sharded(location.store, location.name, options);
  return location.format->open(location.store, location.name, options);
}

}  // namespace transload
