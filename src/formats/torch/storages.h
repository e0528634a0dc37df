// The storages that a pickle refers to by persistent ids, before it is known where their bytes lie.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "formats/torch/globals.h"
#include "wire/pickle.h"

namespace transload::torch {

// What one persistent id gives to look into: a storage, or in a legacy stream a part of one.
struct StorageView {
  std::uint32_t storage = 0;
  const Global* type = nullptr;
  std::uint64_t offset = 0, size = 0;  // in bytes
};

struct DeclaredStorage {
  std::string key;
  const Global* type = nullptr;
  std::uint64_t numel = 0, size = 0;
  wire::PickleRef declared = 0;  // the first persistent id, for messages
};

// Whether persistent ids have the sixth item of the stream from before 1.6, the view.
enum class PersistentIds : bool { zip, legacy };

class Storages {
 public:
  // Those of a file whose persistent ids are something else: `views` has what each that is a storage gives.
  Storages(std::vector<DeclaredStorage> all, std::unordered_map<wire::PickleRef, StorageView> views)
      : all_(std::move(all)), views_(std::move(views)) {}
  // Reads every persistent id of the pickle, in the order of the file. Errc::corrupt for ids that are not
  // ("storage", class, key, location, count[, view]), for keys that are not [A-Za-z0-9_.-]{1,64}, and for one key
  // with two types or counts; Errc::unsupported for modules saved whole. Where the pickle may hold inert values, an id
  // with one in it, or of a module, is inert as well.
  Storages(const wire::Pickle& pickle, PersistentIds kind);

  const std::vector<DeclaredStorage>& all() const noexcept { return all_; }
  const StorageView& view(wire::PickleRef persistent) const { return views_.at(persistent); }  // of one that is_storage
  bool is_storage(wire::PickleRef persistent) const { return views_.contains(persistent); }
  // The number of the storage with this key; -1 where no persistent id has it.
  std::int64_t find(std::string_view key) const;

 private:
  void declare(const wire::Pickle& pickle, wire::PickleRef ref, PersistentIds kind);

  std::vector<DeclaredStorage> all_;
  std::map<std::string, std::uint32_t, std::less<>> by_key_;
  std::unordered_map<wire::PickleRef, StorageView> views_;
};

}  // namespace transload::torch
