// Pickles as data: a machine that builds values and never imports, calls or sets anything.
// Source of the format: CPython's Lib/pickletools.py. Which opcodes are interpreted: pickle_opcodes.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transload/bytes.h"
#include "transload/error.h"

namespace transload::wire {

// A value's place in its Pickle. Shared values are one value with several references to it.
using PickleRef = std::uint32_t;

enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,  // fits 64 bits with a sign
  wide,     // an integer that does not, of up to 16 bytes
  floating,
  text,   // not always valid UTF-8: Python 2 wrote any bytes as text
  bytes,  // of a bytearray too
  tuple,
  list,
  dict,
  set,         // of a frozenset too
  global,      // a name "module name": never looked up
  call,        // what was to be called, and with what: never done
  persistent,  // what the file calls a persistent id: a storage
};
std::string_view name(PickleKind kind) noexcept;

struct PickleValue {
  PickleKind kind = PickleKind::none;
  // boolean: the value; tuple: checked as a dict key; set: a frozenset; text: bytes of Python 2, not characters;
  // global: `span` holds the two values that name it.
  bool flag = false;
  bool inert = false;        // see Pickle::inert()
  std::uint32_t offset = 0;  // of the opcode that made it, from the start of the pickle
  union {
    std::int64_t integer = 0;
    double floating;
    struct {
      std::uint32_t first, count;  // bytes (see Pickle::bytes_of()), or items, or the place of a call's parts
    } span;
  };
};

// The values of one pickle. References are those that it handed out itself.
class Pickle {
 public:
  PickleRef root() const noexcept { return root_; }
  unsigned protocol() const noexcept { return protocol_; }  // what PROTO says; 0 where there is none
  std::uint64_t size() const noexcept { return size_; }     // bytes, STOP included
  std::size_t value_count() const noexcept { return values_.size(); }
  // Every value that can be reached from the root, parts before wholes. There are no cycles, except through inert
  // values: there the part that leads back comes after the whole.
  const std::vector<PickleRef>& parts_first() const noexcept { return order_; }

  PickleKind kind(PickleRef ref) const { return values_.at(ref).kind; }
  bool is_none(PickleRef ref) const { return kind(ref) == PickleKind::none; }
  const std::string& file() const noexcept { return file_; }
  // What nothing is known about: a global that is not allowed, the call of one, the call of a persistent id. There are
  // none but with PickleOptions::opaque.
  bool inert(PickleRef ref) const { return values_.at(ref).inert; }
  bool opaque() const noexcept { return opaque_; }  // PickleOptions::opaque
  // In the file named by fail(), for messages.
  std::uint64_t offset(PickleRef ref) const { return base_ + values_.at(ref).offset; }

  // Each wants the kind that it names (Errc::usage).
  bool boolean(PickleRef ref) const;
  std::int64_t integer(PickleRef ref) const;
  double floating(PickleRef ref) const;
  std::string_view text(PickleRef ref) const;         // text or bytes
  bool is_byte_text(PickleRef ref) const;             // text that Python 2 wrote as bytes
  ByteView wide(PickleRef ref) const;                 // two's complement, least significant byte first
  std::string_view module(PickleRef ref) const;       // of a global
  std::string_view global_name(PickleRef ref) const;  // of a global
  // Where text or bytes begin in the pickle, if they lie there as they are.
  std::optional<std::uint64_t> position(PickleRef ref) const;
  std::span<const PickleRef> items(
      PickleRef ref) const;  // tuple, list, set: elements; dict: key, value, key, value ...

  struct Call {
    PickleRef callee;                     // a global; of an inert call perhaps a call or a persistent id
    PickleRef arguments;                  // always a tuple; the last may be a dict of keyword arguments
    std::optional<PickleRef> state;       // given by BUILD
    std::span<const PickleRef> elements;  // given by APPEND(S)
    std::span<const PickleRef> entries;   // given by SETITEM(S): key, value, key, value ...
  };
  Call call(PickleRef ref) const;
  // Whether a call is only the class's __new__ (NEWOBJ, NEWOBJ_EX): containers of Python ignore its arguments.
  bool is_new_object(PickleRef ref) const;
  PickleRef persistent_id(PickleRef ref) const;
  // Calls `visit` for each direct part of a value: items, callee, arguments, state, persistent id.
  void for_each_part(PickleRef ref, const std::function<void(PickleRef)>& visit) const;

  // The names that are not allowed, each once, in the order of the file.
  struct Unknown {
    std::string name;          // "module.name", shortened
    std::uint64_t offset = 0;  // of the first, as in offset()
    std::uint64_t count = 0;
  };
  static constexpr std::size_t kMostUnknown = 100;
  const std::vector<Unknown>& unknown() const noexcept { return unknown_; }
  std::uint64_t more_unknown() const noexcept { return more_unknown_; }  // occurrences of names beyond kMostUnknown

  [[noreturn]] void fail(PickleRef ref, std::string_view message, Errc code = Errc::corrupt) const;

 private:
  friend class PickleMachine;
  struct CallRecord {
    PickleRef callee = 0, arguments = 0;
    std::optional<PickleRef> state;
    std::uint32_t elements = 0, entries = 0;  // index in growing_ plus 1; 0: none
  };

  const PickleValue& want(PickleRef ref, PickleKind kind) const;
  // Counted from the begin of the data on; what lies beyond its end is in decoded_.
  std::string_view bytes_of(const PickleValue& value) const;
  // Half of the name of a global.
  std::string_view named(PickleRef ref) const;
  void collect_unknown();

  Bytes data_;
  std::string decoded_;  // text that is not in the data as it is
  std::string file_;
  std::uint64_t base_ = 0, size_ = 0;
  unsigned protocol_ = 0;
  bool opaque_ = false;
  PickleRef root_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickleRef> pool_;                  // items of tuples
  std::vector<std::vector<PickleRef>> growing_;  // items of lists, dicts, sets, calls
  std::vector<CallRecord> calls_;
  std::vector<PickleRef> order_;
  std::vector<Unknown> unknown_;
  std::uint64_t more_unknown_ = 0;
};

// Whether a global may occur. It decides what a reader knows how to interpret; nothing is looked up or run either way.
using PickleAllowed = std::function<bool(std::string_view module, std::string_view name)>;

struct PickleOptions {
  std::string file;        // for messages
  std::uint64_t base = 0;  // where the data begins in `file`
  bool whole = true;       // the data is all there is; otherwise running out of it gives no value
  bool opaque = false;     // names that are not allowed become inert values, and so does what is made of them
};

// Reads the pickle at the start of `data`. Bytes may follow its end (see Pickle::size()). Errc::corrupt and
// Errc::unsupported with the offset for everything else than a pickle of protocol 0 to 5 within the bounds of
// docs/formats/torch.md: depth 1000, a stack of a million, integers of 16 bytes, names of 512, plain dict keys, no
// cycles. What lies outside of the pickle is not read: the extension registry, buffers, persistent ids as text.
// Globals that are not allowed are collected over the whole pickle and refused together (Error::details), or inert.
// Work and memory are linear in the size of the data.
std::optional<Pickle> read_pickle(Bytes data, const PickleOptions& options, const PickleAllowed& allowed);

}  // namespace transload::wire
