// The one exception type of the library, and where in which file something is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace transload {

enum class Errc : std::uint8_t {
  io,           // the system refused; errno's text is in the message
  corrupt,      // the bytes break the rules of their own format
  unsupported,  // valid, but not something that Transload reads or writes
  unmapped,     // a tensor that no rule mentions, or a rule without its tensor
  mismatch,     // shapes, dtypes, sizes or values that must agree do not
  usage,        // the caller broke a documented condition
};

std::string_view name(Errc code) noexcept;

// Where something is wrong. Empty fields are unknown; outer frames fill them in.
struct Where {
  std::string file;                     // as the user named it; an entry inside: "model.pt!data.pkl"
  std::optional<std::uint64_t> offset;  // bytes from the start of `file`
  std::string tensor;
};

// Thrown for everything that can go wrong with a file, a system call or a condition. An answer that is
// expected ("no such tensor") is a value instead.
//
// what() is one line, "FILE @0xOFFSET, tensor 'NAME': MESSAGE", with every byte that could upset a terminal
// escaped. `advice` says what to do about it; `details` holds the other problems of the same kind, one line each,
// when several were found at once. `destination` says what now is where an output was to be ("nothing was written");
// empty: nothing was to be written.
class Error : public std::runtime_error {
 public:
  Error(Errc code, std::string_view message, Where where = {}, std::string_view advice = {});

  Errc code() const noexcept { return code_; }
  const Where& where() const noexcept { return where_; }
  const std::string& message() const noexcept { return message_; }
  const std::string& advice() const noexcept { return advice_; }
  const std::string& destination() const noexcept { return destination_; }
  const std::vector<std::string>& details() const noexcept { return details_; }
  const char* what() const noexcept override { return text_.c_str(); }

  // Fills the fields of `where` that are still empty. For use in `catch (Error& e) { e.in(...); throw; }`.
  Error& in(const Where& where);
  // Sets the advice unless an inner frame, which knows more, has set one.
  Error& advise(std::string_view advice);
  // Sets the destination unless an inner frame, which knows more, has set one.
  Error& leaves(std::string_view destination);
  Error& add(std::vector<std::string> details);

 private:
  void compose();

  Errc code_;
  Where where_;
  std::string message_, advice_, destination_, text_;
  std::vector<std::string> details_;
};

}  // namespace transload
