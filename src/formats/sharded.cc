#include "formats/sharded.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/text.h"
#include "formats/shard_index.h"
#include "formats/shard_name.h"
#include "transload/error.h"

namespace transload {
namespace {

ShardIndex read_shard_index(const Store& store, std::string_view name) {
  const std::shared_ptr<Source> source = store.open(name);
  if (source->size() > kMaxShardIndex) {
    throw Error(Errc::unsupported, fmt::format("{} bytes are too many for the index of a set", source->size()),
                {.file = source->name(), .offset = {}, .tensor = {}});
  }
  std::string json(source->size(), '\0');
  source->read(0, std::as_writable_bytes(std::span(json)));
  return parse_shard_index(json, source->name());
}

const Format& format_of(const ShardIndex& index, std::string_view name, const std::string& file) {
  const std::string_view wanted = shard_extension(index, name, file) == ".safetensors" ? "safetensors" : "torch";
  const Format* format = format_named(wanted);
  if (format == nullptr) {
    throw Error(Errc::unsupported, fmt::format("its shards are {} files, which this build does not read", wanted),
                {.file = file, .offset = {}, .tensor = {}});
  }
  return *format;
}

// Hands every call on to the reader of the shard that holds the storage.
class ShardedReader final : public Reader {
 public:
  struct Shard {
    std::string name;
    std::unique_ptr<Reader> reader;
    std::uint32_t first_storage = 0;
  };

  ShardedReader(Index index, std::vector<Shard> shards) : index_(std::move(index)), shards_(std::move(shards)) {}

  const Index& index() const noexcept override { return index_; }
  void read(std::uint32_t storage, std::uint64_t offset, MutableByteView out) const override {
    const Shard& shard = holder(storage);
    shard.reader->read(storage - shard.first_storage, offset, out);
  }
  Bytes view(std::uint32_t storage) const override {
    const Shard& shard = holder(storage);
    return shard.reader->view(storage - shard.first_storage);
  }

 private:
  const Shard& holder(std::uint32_t storage) const {
    return *std::prev(std::ranges::upper_bound(shards_, storage, {}, &Shard::first_storage));
  }

  Index index_;
  std::vector<Shard> shards_;  // those with storages, by first_storage
};

using Shards = std::vector<ShardedReader::Shard>;

void check_present(const Store& store, const std::set<std::string_view>& names, const std::string& file) {
  std::vector<std::string> missing;
  for (const std::string_view name : names) {
    if (!store.exists(name)) missing.push_back(shortened(store.describe(name)));
  }
  if (missing.empty()) return;
  Error error(
      Errc::io,
      fmt::format("{} of {} shards are missing; the first is '{}'", missing.size(), names.size(), missing.front()),
      {.file = file, .offset = {}, .tensor = {}}, "put all files of the set into the folder of its index");
  throw error.add(std::move(missing));
}

// A shard that counts itself into the set, lies beside it and is not named would take its tensors with it.
void check_none_forgotten(const Store& store, const std::set<std::string_view>& names, const std::string& file) {
  std::vector<ShardName> sets;
  for (const std::string_view name : names) {
    const std::optional<ShardName> shard = parse_shard_name(name);
    if (shard && (sets.empty() || !sets.back().same_set(*shard))) sets.push_back(*shard);  // names are sorted
  }
  std::vector<std::string> forgotten;
  for (const std::string& name : sets.empty() ? std::vector<std::string>() : store.list()) {
    const std::optional<ShardName> shard = parse_shard_name(name);
    if (shard && !names.contains(name) &&
        std::ranges::any_of(sets, [&](const ShardName& set) { return set.same_set(*shard); })) {
      forgotten.push_back(shortened(name));
    }
  }
  if (forgotten.empty()) return;
  Error error(Errc::corrupt,
              fmt::format("the index does not name the shard '{}', which belongs to its set", forgotten.front()),
              {.file = file, .offset = {}, .tensor = {}},
              "its tensors would be lost: take the index that belongs to these files");
  throw error.add(std::move(forgotten));
}

// Tensors that a reader knows of and cannot carry.
std::unordered_set<std::string_view> left_out(const Index& index) {
  std::unordered_set<std::string_view> names;
  for (const LeftOut& left : index.left_out) names.insert(left.tensor);
  return names;
}

// Compares the map with what the shards hold, both ways.
void check_map(const ShardIndex& map, const Shards& shards, const std::string& file) {
  std::unordered_map<std::string_view, std::size_t> holder;
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const TensorInfo& tensor : shards[i].reader->index().tensors) {
      const auto [first, is_new] = holder.emplace(tensor.name, i);
      if (is_new) continue;
      problems.push_back(fmt::format("tensor '{}' is in both '{}' and '{}'", shortened(tensor.name),
                                     shards[first->second].name, shards[i].name));
    }
  }
  std::unordered_map<std::string_view, std::size_t> by_name;
  std::vector<std::unordered_set<std::string_view>> skipped;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    by_name.emplace(shards[i].name, i);
    skipped.push_back(left_out(shards[i].reader->index()));
  }
  std::unordered_set<std::string_view> mapped;
  for (const ShardIndex::Placed& placed : map.weight_map) {
    mapped.insert(placed.tensor);
    const std::size_t shard = by_name.at(placed.shard);
    const auto found = holder.find(placed.tensor);
    if (found == holder.end()) {
      if (skipped[shard].contains(placed.tensor)) continue;
      problems.push_back(fmt::format("tensor '{}' is not in '{}', nor in another shard", shortened(placed.tensor),
                                     shortened(placed.shard)));
    } else if (shards[shard].reader->index().find(placed.tensor) == nullptr) {
      problems.push_back(fmt::format("tensor '{}' is not in '{}' but in '{}'", shortened(placed.tensor),
                                     shortened(placed.shard), shortened(shards[found->second].name)));
    }
  }
  for (const auto& shard : shards) {
    for (const TensorInfo& tensor : shard.reader->index().tensors) {
      if (mapped.contains(tensor.name)) continue;
      problems.push_back(
          fmt::format("tensor '{}' of '{}' is not in the index", shortened(tensor.name), shortened(shard.name)));
    }
  }
  if (problems.empty()) return;
  Error error(Errc::corrupt,
              problems.size() == 1 ? fmt::format("the index and its shards disagree: {}", problems.front())
                                   : fmt::format("the index and its shards disagree in {} points; the first: {}",
                                                 problems.size(), problems.front()),
              {.file = file, .offset = {}, .tensor = {}},
              "the files are not of one set: download or copy all of them again");
  if (problems.size() > 1) error.add(std::move(problems));
  throw error;
}

void append(Index& index, const Index& shard) {
  const auto first_file = static_cast<std::uint32_t>(index.files.size());
  const auto first_storage = static_cast<std::uint32_t>(index.storages.size());
  index.files.insert(index.files.end(), shard.files.begin(), shard.files.end());
  for (Storage storage : shard.storages) {
    storage.at.file += first_file;
    index.storages.push_back(storage);
  }
  for (TensorInfo tensor : shard.tensors) {
    for (Chunk& chunk : tensor.chunks) chunk.storage += first_storage;
    index.tensors.push_back(std::move(tensor));
  }
  for (const auto& [key, value] : shard.metadata) {
    const auto [kept, is_new] = index.metadata.emplace(key, value);
    if (!is_new && kept->second != value) {
      index.notes.push_back(
          fmt::format("The shards disagree on the metadata '{}'; the first shard's is kept.", shortened(key)));
    }
  }
  for (const std::string& note : shard.notes) {
    if (std::ranges::find(index.notes, note) == index.notes.end()) index.notes.push_back(note);
  }
  index.left_out.insert(index.left_out.end(), shard.left_out.begin(), shard.left_out.end());
}

}  // namespace

bool names_shard_index(std::string_view name) noexcept { return name.ends_with(".index.json"); }

const Format& shards_format(const Store& store, std::string_view name) {
  return format_of(read_shard_index(store, name), name, store.describe(name));
}

std::unique_ptr<Reader> open_sharded(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options) {
  const ShardIndex map = read_shard_index(*store, name);
  const std::string file = store->describe(name);
  const Format& format = format_of(map, name, file);
  std::set<std::string_view> names;
  for (const ShardIndex::Placed& placed : map.weight_map) names.insert(placed.shard);
  check_present(*store, names, file);
  check_none_forgotten(*store, names, file);

  Shards shards;
  for (const std::string_view shard : names) {
    shards.push_back({std::string(shard), format.open(store, shard, options), 0});
  }
  check_map(map, shards, file);
  Index index;
  index.format = format.name;
  for (auto& shard : shards) {
    shard.first_storage = static_cast<std::uint32_t>(index.storages.size());
    append(index, shard.reader->index());
  }
  std::erase_if(shards, [](const auto& shard) { return shard.reader->index().storages.empty(); });
  index.seal();
  if (map.total_size && *map.total_size != index.total_bytes()) {
    index.notes.push_back(fmt::format("The index of the set says {} bytes in all; its tensors take {}.",
                                      *map.total_size, index.total_bytes()));
  }
  return std::make_unique<ShardedReader>(std::move(index), std::move(shards));
}

}  // namespace transload
