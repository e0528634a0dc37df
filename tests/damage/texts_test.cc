// Damaged texts beside the weights: the configuration of a model, and TensorFlow's `checkpoint`.
#include <gtest/gtest.h>

#include <iostream>
#include <optional>

#include "core/text.h"
#include "damage/damage.h"
#include "formats/tensor_bundle/checkpoint_file.h"
#include "support/files.h"
#include "support/stopwatch.h"
#include "transload/error.h"
#include "transload/mapping.h"

namespace transload::damage {
namespace {

namespace fs = std::filesystem;

struct Counts {
  std::size_t variants = 0, refused = 0;
};

// Every damaged form of a text is given to `read`, which says whether it was refused.
Counts each_damage(const std::string& text, const std::function<bool(const std::string&, bool cut)>& refused) {
  Counts counts;
  const auto one = [&](const std::string& changed, bool cut) {
    const test::Stopwatch watch;
    counts.variants += 1;
    counts.refused += refused(changed, cut) ? 1 : 0;
    EXPECT_LT(watch.seconds(), 2);
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    one(text.substr(0, at), true);
    for (unsigned char bit = 1; bit != 0; bit = static_cast<unsigned char>(bit << 1)) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(bit));
      one(changed, false);
    }
  }
  return counts;
}

TEST(Damage, Configuration) {
  const fs::path tiny = testing::golden("tensorflow/tiny");
  const auto reader = format_named("safetensors")->open(open_folder(tiny), "model.safetensors", {});
  const std::string config = testing::read_file(tiny / "config.json");
  const Mapping& bert = Mapping::builtin("bert");
  const auto bind = [&](const std::string& text) {
    BindOptions options;
    options.dialect = "hf";
    options.config_json = text;
    options.config_name = "config.json";
    return bert.bind(reader->index(), options);
  };
  const auto whole = bind(config).config;
  const std::size_t end = config.find_last_of('}');
  const Counts counts = each_damage(config, [&](const std::string& text, bool cut) {
    try {
      const auto read = bind(text).config;
      // What the tensors show cannot be told otherwise.
      for (const char* size : {"V", "H", "P", "T", "F", "L"}) {
        EXPECT_TRUE(whole.contains(size));
        EXPECT_EQ(whole.at(size), read.contains(size) ? read.at(size) : "") << text;
      }
      EXPECT_TRUE(!cut || text.size() > end) << "cut and not refused:\n" << text;
      return false;
    } catch (const Error& error) {
      EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
      return true;
    }
  });
  EXPECT_GT(counts.refused, counts.variants / 4);
  std::cout << "damage config.json: " << counts.variants << " variants, " << counts.refused << " refused\n";
}

TEST(Damage, CheckpointFile) {
  Counts all;
  for (const char* file : {"tensorflow/tiny/expected_tf/checkpoint", "tensorflow/tf2_object/checkpoint"}) {
    const Counts counts = each_damage(testing::read_file(testing::golden(file)), [](const std::string& text, bool) {
      try {
        const fs::path named = tensor_bundle::checkpoint_prefix(text, "checkpoint");
        EXPECT_FALSE(named.empty());
        EXPECT_TRUE(named.is_absolute() || std::ranges::none_of(named, [](const fs::path& p) { return p == ".."; }));
        EXPECT_EQ(named.string().find('\0'), std::string::npos);
        return false;
      } catch (const Error& error) {
        EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
        return true;
      }
    });
    all.variants += counts.variants;
    all.refused += counts.refused;
  }
  EXPECT_GT(all.refused, all.variants / 4);
  std::cout << "damage checkpoint: " << all.variants << " variants, " << all.refused << " refused\n";
}

}  // namespace
}  // namespace transload::damage
