// Damaged checkpoints of every format: cut at every byte, changed in every byte. Each is refused with an Error, or read
// with the same structure. Nothing else may happen: no other exception, no crash, no memory or time to speak of.
//
// Where a format has checksums (a zip's CRC-32, a table's and a tensor's CRC-32C), a change is found, or it was in a
// byte that says nothing (padding, a time stamp) and changes nothing. The others (the old streams of PyTorch,
// safetensors, MXNet, NumPy) have none: other values, other names, even another dtype or shape of the same size are
// what the file now says. There, a change among the values changes the values of the tensors that lie there, and
// nothing else.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <set>

#include "damage/damage.h"
#include "formats/sharded.h"
#include "support/files.h"
#include "support/stopwatch.h"
#include "transload/error.h"

namespace transload::damage {
namespace {

namespace fs = std::filesystem;

constexpr double kMostSeconds = 2;               // for one variant
constexpr long kMostGrowth = 256 << 10;          // KiB of resident memory over all variants of a format
constexpr std::size_t kLargestFile = 256 << 10;  // larger ones take long and show nothing new

Checkpoint checkpoint(const fs::path& path, std::string_view format) {
  Checkpoint made;
  made.title = path.lexically_relative(testing::golden("")).string();
  made.name = path.filename().string();
  made.files[made.name] = testing::read_file(path);
  made.open = [open = format_named(format)->open](std::shared_ptr<Store> store, std::string_view name) {
    return open(std::move(store), name, {});
  };
  return made;
}

bool readable(const Checkpoint& made) {
  try {
    seen(*made.read({}, {}));
    return true;
  } catch (const Error&) {
    return false;
  }
}

// The golden files of a format that can be read as they are.
std::vector<Checkpoint> golden_files(std::string_view format, const std::set<std::string>& extensions) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(testing::golden(""))) {
    if (entry.is_regular_file() && extensions.contains(entry.path().extension()) && entry.file_size() <= kLargestFile) {
      paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  std::vector<Checkpoint> found;
  for (const fs::path& path : paths) {
    if (Checkpoint made = checkpoint(path, format); readable(made)) found.push_back(std::move(made));
  }
  return found;
}

std::vector<Checkpoint> bundles() {
  std::vector<Checkpoint> found;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(testing::golden("tensorflow"))) {
    if (entry.path().extension() == ".index") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  for (const fs::path& path : paths) {
    Checkpoint made = checkpoint(path, "tensor_bundle");
    made.name = path.stem().string();
    for (const auto& entry : fs::directory_iterator(path.parent_path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(made.name + ".data-")) made.files[name] = testing::read_file(entry.path());
    }
    if (readable(made)) found.push_back(std::move(made));
  }
  return found;
}

std::vector<Checkpoint> sharded_sets() {
  std::vector<Checkpoint> found;
  const fs::path folder = testing::golden("pytorch/hf_sharded");
  Checkpoint made{"pytorch/hf_sharded", {}, "pytorch_model.bin.index.json", {}};
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".bin" || entry.path().filename() == made.name) {
      made.files[entry.path().filename().string()] = testing::read_file(entry.path());
    }
  }
  made.open = [](std::shared_ptr<Store> store, std::string_view name) {
    return open_sharded(std::move(store), name, {});
  };
  found.push_back(std::move(made));
  return found;
}

struct Counts {
  std::size_t files = 0, truncations = 0, flips = 0, refused = 0, unchanged = 0, values = 0, structures = 0;
};

// What a format has against damage.
enum class Guard {
  none,       // a stream that builds values step by step: a changed step may make another value of a tensor
  counts,     // tables: as many tensors as there were
  checksums,  // of all that matters
};

// One checkpoint, in every damaged form.
class Damager {
 public:
  Damager(const Checkpoint& checkpoint, Guard guard, Counts& counts)
      : checkpoint_(checkpoint), guard_(guard), counts_(counts) {
    const auto reader = checkpoint.read({}, {});
    whole_ = seen(*reader);
    const Index& index = reader->index();
    for (const TensorInfo& tensor : index.tensors) {
      if (element_count(tensor.shape) == 0) continue;
      for (const Chunk& chunk : tensor.chunks) {
        const Storage& storage = index.storages[chunk.storage];
        // Deflated bytes end in bits without meaning; a sparse array is made of several places.
        if (storage.codec == Codec::deflate || storage.at.size != storage.size) continue;
        const std::string& file = index.files[storage.at.file];
        const std::uint64_t begin = storage.at.offset;
        if (storage.checksum) {
          values_.push_back({file, begin, begin + storage.at.size});
        } else if (chunk.strides.empty()) {  // between the elements of others there may be bytes of nobody
          const std::uint64_t bytes = tensor_bytes(tensor.dtype, chunk.extent.empty() ? tensor.shape : chunk.extent);
          values_.push_back({file, begin + chunk.offset, begin + chunk.offset + bytes});
        }
      }
    }
  }

  void all_of(const std::string& file) {
    counts_.files += 1;
    const std::string& bytes = checkpoint_.files.at(file);
    for (const std::size_t size : places(bytes.size())) {
      counts_.truncations += 1;
      EXPECT_FALSE(read(file, bytes.substr(0, size))) << checkpoint_.title << ", " << file << " cut to " << size;
      if (::testing::Test::HasFailure()) return;
    }
    for (const std::size_t at : places(bytes.size())) {
      for (const unsigned char pattern : patterns()) {
        flip(file, bytes, at, pattern);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }

 private:
  struct Range {
    std::string file;
    std::uint64_t begin, end;
  };

  std::optional<Seen> read(const std::string& file, const std::string& bytes) {
    const test::Stopwatch watch;
    std::optional<Seen> found;
    try {
      found = seen(*checkpoint_.read(file, bytes));
    } catch (const Error& error) {
      EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos) << error.what();
    }
    EXPECT_LT(watch.seconds(), kMostSeconds) << checkpoint_.title;
    return found;
  }

  // Whether a tensor's value certainly changes with this byte.
  bool among_values(const std::string& file, std::uint64_t at) const {
    return std::ranges::any_of(
        values_, [&](const Range& range) { return range.file == file && range.begin <= at && at < range.end; });
  }

  void flip(const std::string& file, const std::string& bytes, std::size_t at, unsigned char pattern) {
    SCOPED_TRACE(checkpoint_.title + ", " + file + " byte " + std::to_string(at) + " xor " + std::to_string(pattern));
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(pattern));
    const std::optional<Seen> found = read(file, changed);
    counts_.flips += 1;
    const bool value = among_values(file, at);
    if (!found) {
      counts_.refused += 1;
    } else if (*found == whole_) {
      counts_.unchanged += 1;
      EXPECT_FALSE(value) << "a changed value was not noticed";
    } else {
      EXPECT_NE(guard_, Guard::checksums) << "a change that a checksum covers was not noticed";
      const bool same = found->same_structure(whole_);
      (same ? counts_.values : counts_.structures) += 1;
      EXPECT_TRUE(same || !value) << "a changed value changed the structure";
      if (guard_ == Guard::none) return;
      EXPECT_EQ(found->tensors.size() + found->left_out.size(), whole_.tensors.size() + whole_.left_out.size());
    }
  }

  const Checkpoint& checkpoint_;
  const Guard guard_;
  Counts& counts_;
  Seen whole_;
  std::vector<Range> values_;
};

long resident() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

void damage(
    std::string_view title, const std::vector<Checkpoint>& checkpoints, Guard guard,
    const std::function<bool(const std::string&)>& wanted = [](const std::string&) { return true; }) {
  ASSERT_FALSE(checkpoints.empty());
  const long before = resident();
  Counts counts;
  for (const Checkpoint& each : checkpoints) {
    Damager damager(each, guard, counts);
    for (const auto& [file, bytes] : each.files) {
      if (wanted(file)) damager.all_of(file);
      if (::testing::Test::HasFailure()) return;
    }
  }
  EXPECT_LT(resident() - before, kMostGrowth * static_cast<long>(test::kSlowdown));
  EXPECT_GT(counts.refused, 0u);
  std::cout << "damage " << title << ": " << counts.files << " files, " << counts.truncations
            << " truncations, all refused; " << counts.flips << " flips: " << counts.refused << " refused, "
            << counts.unchanged << " change nothing, " << counts.values << " other values, " << counts.structures
            << " other names, dtypes or shapes\n";
}

// torch.save writes either kind; the first bytes tell.
std::vector<Checkpoint> torch_files(bool zip) {
  std::vector<Checkpoint> found = golden_files("torch", {".bin", ".pt", ".pth", ".tar"});
  std::erase_if(found, [&](const Checkpoint& c) { return c.files.begin()->second.starts_with("PK") != zip; });
  return found;
}

TEST(Damage, TorchZip) { damage("torch, zip", torch_files(true), Guard::checksums); }
TEST(Damage, TorchOldStreams) { damage("torch, old streams", torch_files(false), Guard::none); }
TEST(Damage, Safetensors) { damage("safetensors", golden_files("safetensors", {".safetensors"}), Guard::counts); }
TEST(Damage, TensorBundle) { damage("tensor_bundle", bundles(), Guard::checksums); }
TEST(Damage, Mxnet) { damage("mxnet", golden_files("mxnet", {".params"}), Guard::counts); }
TEST(Damage, Npz) { damage("npz", golden_files("npz", {".npz"}), Guard::checksums); }
TEST(Damage, Npy) { damage("npy", golden_files("npy", {".npy"}), Guard::counts); }
TEST(Damage, ShardIndex) {
  damage("index of shards", sharded_sets(), Guard::checksums,
         [](const std::string& file) { return file.ends_with(".json"); });
}

}  // namespace
}  // namespace transload::damage
