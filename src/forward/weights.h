// The tensors of a Model by their own names, as doubles.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "forward/parameters.h"
#include "transload/error.h"
#include "transload/prove_outputs.h"

namespace transload::forward {

// How a dialect stores the matrix of y = W x + b.
enum class Orientation : std::uint8_t { out_in, in_out };

// Names are given without the model's prefix. Reads any floating-point type with any strides and chunks; large tensors
// by several threads, without a second copy in memory. Thread-safe. Errc::unmapped for a name that is missing,
// Errc::mismatch for another shape than the one asked for, Errc::unsupported for a type that holds no floating-point
// numbers.
class Weights {
 public:
  explicit Weights(const Model& model);

  bool has(std::string_view name) const;
  std::string full(std::string_view name) const;  // as it is stored
  // Number of the last `BEFORE<number>AFTER` that starts a name, plus 1; 0: there is none. For counting layers.
  std::int64_t count(std::string_view before, std::string_view after) const;
  // Sizes of a matrix: [rows, columns] as stored.
  struct Area {
    std::int64_t rows, columns;
  };
  Area area(std::string_view name) const;

  Tensor vector(std::string_view name, std::int64_t size) const;
  // [rows, columns] is the result's shape; with in_out the file holds its transpose.
  Tensor matrix(std::string_view name, std::int64_t rows, std::int64_t columns,
                Orientation orientation = Orientation::out_in) const;
  // Only the given rows of a matrix of `columns` columns, in the order of `rows`. Errc::usage beyond its last.
  Tensor rows(std::string_view name, std::int64_t columns, std::span<const std::int64_t> rows) const;
  Tensor rows(std::string_view name, std::int64_t columns, std::int64_t first, std::int64_t count) const;

 private:
  const TensorInfo& find(std::string_view name, std::size_t rank) const;
  Where where(const TensorInfo& tensor) const;

  std::shared_ptr<const Reader> reader_;
  std::string prefix_, display_;
};

}  // namespace transload::forward
