// What a call refuses, as a value.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string_view>

#include "transload/error.h"

namespace transload {

inline void PrintTo(Errc code, std::ostream* out) { *out << name(code); }

}  // namespace transload

namespace transload::testing {

// The Error that `call` throws; nullopt when it throws none. Any other exception passes through and fails the test.
template <class Call>
std::optional<Error> error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

// `call` throws an Error with this code whose text contains `text`.
template <class Call>
::testing::AssertionResult refuses(const Call& call, Errc code, std::string_view text = {}) {
  const std::optional<Error> error = error_of(call);
  if (!error) return ::testing::AssertionFailure() << "nothing was refused";
  if (error->code() != code) {
    return ::testing::AssertionFailure() << "refused as '" << name(error->code()) << "', not as '" << name(code)
                                         << "': " << error->what();
  }
  if (std::string_view(error->what()).find(text) == std::string_view::npos) {
    return ::testing::AssertionFailure() << "'" << text << "' is not in: " << error->what();
  }
  return ::testing::AssertionSuccess();
}

}  // namespace transload::testing
