// The local cache of the Hugging Face hub, read as huggingface_hub lays it out; the network is never asked.
// Rules: docs/formats/safetensors.md, "The hub cache".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transload/io.h"

namespace transload {

struct HubId {
  std::string name;      // "bert-base-uncased", "google/bert_uncased_L-2_H-128_A-2"
  std::string revision;  // what followed '@': a branch, a tag, a commit; empty: main
};

// nullopt where the text cannot be an id: more than one '/', characters that the hub does not allow, "..", "--".
std::optional<HubId> parse_hub_id(std::string_view text);

// The value of an environment variable; nullptr where it is not set.
using Environment = std::function<const char*(const char*)>;

// HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub: the
// first that is set. An empty variable counts as not set; a leading "~" is the home folder.
fs::path hub_cache_root(const Environment& environment);
fs::path hub_cache_root();  // of this process

struct HubSnapshot {
  fs::path folder;
  std::vector<std::string> notes;
};

// The snapshot of `id` below `root`. Without a revision and without refs/main, the only snapshot that there is is
// taken, with a note. nullopt: it is not there. Errc::corrupt when a ref names no commit.
std::optional<HubSnapshot> find_hub_snapshot(const HubId& id, const fs::path& root);

// The same, where it has to be there: Errc::io with the command that downloads it.
HubSnapshot hub_snapshot(const HubId& id, const fs::path& root);
// "if this is a model of the Hugging Face hub, download it first: ...".
std::string download_advice(const HubId& id);

// A model's own folder in a cache (models--ORG--NAME): the snapshot that it holds.
std::optional<HubSnapshot> find_snapshot_in(const fs::path& model_folder, std::string_view revision = {});

}  // namespace transload
