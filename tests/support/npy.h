// Reads and writes .npy files of tests, which are known to be sound: version 1.0, C order, little endian.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace transload::testing {

struct Npy {
  std::vector<std::int64_t> shape;
  std::vector<double> values;

  std::vector<std::int64_t> integers() const { return {values.begin(), values.end()}; }
};

template <class T>
std::vector<double> widened(const std::string& bytes, std::size_t at) {
  std::vector<T> values((bytes.size() - at) / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data() + at, values.size() * sizeof(T));
  return std::vector<double>(values.begin(), values.end());
}

// What stands between the first `begin` and the next `end`; empty where they are not there.
inline std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin);
  if (at == text.npos) return {};
  const std::size_t from = at + begin.size(), to = text.find(end, from);
  return to == text.npos ? std::string() : text.substr(from, to - from);
}

inline Npy read_npy(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.size() < 10 || !bytes.starts_with("\x93NUMPY")) throw std::runtime_error("no .npy: " + path.string());
  const std::size_t end = 10u + static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  const std::string header = bytes.substr(10, end - 10);
  const std::string shape = between(header, "'shape': (", ")"), type = between(header, "'descr': '<", "'");
  if (type.empty() || header.find("'fortran_order': False") == std::string::npos) {
    throw std::runtime_error("an unexpected .npy header: " + path.string());
  }
  Npy array;
  std::stringstream sizes(shape);
  for (std::string size; std::getline(sizes, size, ',');) {
    if (size.find_first_of("0123456789") != std::string::npos) array.shape.push_back(std::stoll(size));
  }
  if (type == "f4") {
    array.values = widened<float>(bytes, end);
  } else if (type == "f8") {
    array.values = widened<double>(bytes, end);
  } else if (type == "i4") {
    array.values = widened<std::int32_t>(bytes, end);
  } else if (type == "i8") {
    array.values = widened<std::int64_t>(bytes, end);
  } else {
    throw std::runtime_error("an unexpected type in " + path.string());
  }
  return array;
}

inline void write_npy(const std::filesystem::path& path, std::int64_t rows, std::int64_t columns,
                      std::span<const double> values) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::ofstream out(path, std::ios::binary);
  out.write("\x93NUMPY\x01\x00", 8);
  out.put(static_cast<char>(header.size() % 256)).put(static_cast<char>(header.size() / 256));
  out << header;
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace transload::testing
