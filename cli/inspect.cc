// transload inspect: what a checkpoint holds (docs/inspect.md has the schema of --json).

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/text.h"
#include "output.h"
#include "sidecars.h"
#include "stats.h"
#include "transload/format.h"
#include "transload/mapping.h"
#include "verbs.h"

namespace transload::cli {
namespace {

struct Options {
  std::string path, key, filter, format;
  bool json = false, digest = false, stats = false, allow_opaque = false, dense = false;
};

struct Row {
  const TensorInfo* tensor = nullptr;
  std::uint64_t bytes = 0;
  const TensorInfo* tied_to = nullptr;
  std::string digest;
  std::optional<Stats> stats;
};

// A string tensor's bytes are those of its digest: a length of 8 bytes and the text, per element.
std::uint64_t bytes_of(const Index& index, const TensorInfo& tensor) {
  if (tensor.dtype != DType::string) return tensor_bytes(tensor.dtype, tensor.shape);
  std::uint64_t bytes = 0;
  for (const Chunk& chunk : tensor.chunks) bytes += index.storages[chunk.storage].size;
  return bytes;
}

std::vector<Row> rows_of(const Reader& reader, const Options& options) {
  std::vector<Row> rows;
  for (const TensorInfo& tensor : reader.index().tensors) {
    if (!options.filter.empty() && !glob_matches(options.filter, tensor.name)) continue;
    Row row{&tensor, bytes_of(reader.index(), tensor), reader.index().tied_to(tensor), {}, {}};
    if (options.digest) row.digest = tensor_digest(reader, tensor);
    if (options.stats) row.stats = stats_of(reader, tensor);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> notes_of(const Location& location, const Index& index) {
  std::vector<std::string> notes = location.notes;
  notes.insert(notes.end(), index.notes.begin(), index.notes.end());
  for (const LeftOut& left : index.left_out)
    notes.push_back(fmt::format("'{}' is left out: {}", left.tensor, left.reason));
  return notes;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Row& row) {
  Json json{{"name", row.tensor->name},
            {"dtype", name(row.tensor->dtype)},
            {"shape", row.tensor->shape},
            {"nbytes", row.bytes}};
  if (row.tied_to != nullptr) json["tied_to"] = row.tied_to->name;
  if (!row.digest.empty()) json["sha256"] = row.digest;
  if (row.stats) {
    json["stats"] = {{"min", number(row.stats->least)}, {"max", number(row.stats->greatest)},
                     {"mean", number(row.stats->mean)}, {"std", number(row.stats->deviation)},
                     {"zeros", row.stats->zeros},       {"nan", row.stats->nans},
                     {"inf", row.stats->infinities}};
  }
  return json;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

void print_table(const Output& out, const std::vector<Row>& rows) {
  std::size_t names = 4, dtypes = 5, shapes = 5;
  for (const Row& row : rows) {
    names = std::max(names, std::min<std::size_t>(72, escaped(row.tensor->name).size()));
    dtypes = std::max(dtypes, name(row.tensor->dtype).size());
    shapes = std::max(shapes, to_string(row.tensor->shape).size());
  }
  out.line("{:<{}}  {:<{}}  {:<{}}  {:>9}", "name", names, "dtype", dtypes, "shape", shapes, "bytes");
  for (const Row& row : rows) {
    std::string rest;
    if (row.tied_to != nullptr) rest += fmt::format("  = {}", shortened(row.tied_to->name));
    if (!row.digest.empty()) rest += fmt::format("  {}", row.digest);
    if (row.stats) {
      rest += fmt::format("  min {:.6g} max {:.6g} mean {:.6g} std {:.6g}", row.stats->least, row.stats->greatest,
                          row.stats->mean, row.stats->deviation);
      if (row.stats->nans + row.stats->infinities > 0) {
        rest += fmt::format(" nan {} inf {}", row.stats->nans, row.stats->infinities);
      }
    }
    out.line("{:<{}}  {:<{}}  {:<{}}  {:>9}{}", escaped(row.tensor->name), names, name(row.tensor->dtype), dtypes,
             to_string(row.tensor->shape), shapes, row.bytes, rest);
  }
}

// With the configuration that lies there, if one does: names alone do not tell all families apart.
Detected detected_in(const Location& location, const Index& index) {
  DetectOptions detecting;
  try {
    if (std::optional<TextFile> config = find_config(location)) detecting.config_json = std::move(config->text);
  } catch (const Error&) {
    // What is wrong with it is said where it is needed.
  }
  return detect(index, detecting);
}

std::string family_of(const Detected& detected) {
  if (!detected.undecided.empty()) {
    return fmt::format("family {}: nothing says which", fmt::join(detected.undecided, " or "));
  }
  if (detected.family.empty()) return "no known family";
  return fmt::format("family {}, dialect {}", detected.family, detected.dialect);
}

int inspect(const Options& options) {
  const Location location = locate(options.path, {.format = options.format, .hub_cache = {}});
  const std::shared_ptr<Reader> reader =
      open(location, {.key = options.key, .allow_opaque = options.allow_opaque, .dense = options.dense});
  const Index& index = reader->index();
  const Detected detected = detected_in(location, index);
  const std::vector<Row> rows = rows_of(*reader, options);
  const std::vector<std::string> notes = notes_of(location, index);
  std::uint64_t total = 0;
  for (const Row& row : rows) total += row.bytes;

  const Output out(options.json ? Verbosity::json : Verbosity::text);
  if (out.json()) {
    Json tensors = Json::array();
    for (const Row& row : rows) tensors.push_back(to_json(row));
    out.object({{"schema", 1},
                {"path", options.path},
                {"format", index.format},
                {"dialect", text_or_null(detected.dialect)},
                {"family", text_or_null(detected.family)},
                {"metadata", index.metadata},
                {"notes", notes},
                {"total_bytes", total},
                {"tensors", std::move(tensors)}});
    return kDone;
  }
  out.line("{}: {}, {}", escaped(location.display), index.format, family_of(detected));
  for (const auto& [key, value] : index.metadata) out.line("metadata: {} = {}", escaped(key), shortened(value));
  for (const std::string& note : notes) out.line("note: {}", escaped(note));
  print_table(out, rows);
  out.line("{}, {}", counted(rows.size(), "tensor"), human_bytes(total));
  return kDone;
}

}  // namespace

void add_inspect(CLI::App& app, Action& run, bool& json) {
  CLI::App* verb = app.add_subcommand("inspect", "Show what a checkpoint holds, without its framework");
  const auto options = std::make_shared<Options>();
  verb->add_option("PATH", options->path,
                   "A file, a folder, a TensorFlow prefix, a *.index.json, or a hub id in the local cache")
      ->required();
  verb->add_flag("--json", options->json, "One JSON object on stdout (docs/inspect.md)");
  verb->add_flag("--digest", options->digest, "SHA-256 of every tensor's values (C order, little endian)");
  verb->add_flag("--stats", options->stats, "Least, greatest, mean and standard deviation of every tensor");
  verb->add_option("--filter", options->filter, "Only tensors whose stored name matches ('**' crosses '/')")
      ->type_name("GLOB");
  verb->add_option("--key", options->key, "The container of a nested checkpoint, such as model/ema")->type_name("KEY");
  verb->add_flag(
      "--allow-opaque", options->allow_opaque,
      "Take names that a pickle should not hold for inert values, and read the tensors that do not depend on "
      "them");
  verb->add_flag("--dense", options->dense, "Sparse and quantised tensors of PyTorch as the dense ones they stand for");
  verb->add_option("--from", options->format, "Take this format where a folder holds several")->type_name("FORMAT");
  verb->footer(
      "Examples:\n"
      "  transload inspect pytorch_model.bin\n"
      "  transload inspect model.ckpt --filter '**/kernel' --stats\n"
      "  transload inspect google-bert/bert-base-uncased --json --digest");
  verb->callback([options, &run, &json] {
    json = options->json;
    run = [options] { return inspect(*options); };
  });
}

}  // namespace transload::cli
