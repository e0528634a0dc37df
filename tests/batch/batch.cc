// Reads and writes many checkpoints in one process, for the tests of tests/peers that compare thousands of files with
// the real frameworks. Not installed. One JSON request a line on stdin, one answer a line on stdout:
//
//   {"read": PATH}
//     {"format", "metadata", "notes", "left_out": [[tensor, reason]], "tensors": [[name, dtype, shape, sha256]]},
//     tensors in the order of the file
//   {"write": FORMAT, "folder": PATH, "name": NAME, "metadata": {}, "tensors": [[name, dtype, shape, hex of the
//   bytes]]}
//     {}: written, as `transload convert` would a source that held those tensors
//
// or {"error": {"code", "message"}}. What is not an Error ends the program: no file may do that.

#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "support/memory_reader.h"
#include "transload/error.h"
#include "transload/format.h"
#include "transload/plan.h"
#include "transload/run.h"

namespace {

using nlohmann::json;
using namespace transload;

json read(const json& request) {
  const std::shared_ptr<Reader> reader = open(locate(request.at("read").get<std::string>()));
  const Index& index = reader->index();
  json left_out = json::array(), tensors = json::array();
  for (const LeftOut& left : index.left_out) left_out.push_back({left.tensor, left.reason});
  for (const TensorInfo& tensor : index.tensors) {
    tensors.push_back({tensor.name, name(tensor.dtype), tensor.shape, tensor_digest(*reader, tensor)});
  }
  return {{"format", index.format},
          {"metadata", index.metadata},
          {"notes", index.notes},
          {"left_out", std::move(left_out)},
          {"tensors", std::move(tensors)}};
}

unsigned digit(char c) {
  const std::size_t value = std::string_view("0123456789abcdef").find(c);
  if (value == std::string_view::npos) throw std::runtime_error("not a digit of hex");
  return static_cast<unsigned>(value);
}

std::vector<std::byte> from_hex(const std::string& text) {
  std::vector<std::byte> bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
  }
  return bytes;
}

json write(const json& request) {
  testing::MemoryCheckpoint checkpoint;
  for (const json& tensor : request.at("tensors")) {
    const auto dtype = dtype_named(tensor.at(1).get<std::string>());
    if (!dtype) throw std::runtime_error("there is no " + tensor.at(1).get<std::string>());
    checkpoint.add(tensor.at(0).get<std::string>(), *dtype, tensor.at(2).get<Shape>(),
                   from_hex(tensor.at(3).get<std::string>()));
  }
  const std::shared_ptr<Reader> reader = checkpoint.reader();
  Plan plan = identity_plan(*reader, "memory");
  plan.metadata = request.value("metadata", std::map<std::string, std::string>());
  const Format* format = format_named(request.at("write").get<std::string>());
  if (format == nullptr || format->layout == nullptr) throw std::runtime_error("not a format that is written");
  const LayoutOptions options{.name = request.at("name"), .absolute_prefix = {}};
  run(plan, {reader}, *format, format->layout(plan, options), {.folder = request.at("folder").get<std::string>()}, {},
      {.threads = 1, .progress = {}, .stop = {}});
  return json::object();
}

json answer(const json& request) {
  try {
    return request.contains("read") ? read(request) : write(request);
  } catch (const Error& error) {
    return {{"error", {{"code", name(error.code())}, {"message", error.what()}}}};
  }
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << answer(json::parse(line)).dump() << std::endl;
  }
}
