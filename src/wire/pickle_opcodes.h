// The opcodes of pickle protocols 0 to 5: their names, and how their argument is stored.
// Source: CPython's Lib/pickletools.py.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace transload::wire {

enum class PickleOp : std::uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  float_text = 'F',
  int_text = 'I',
  binint = 'J',
  binint1 = 'K',
  long_text = 'L',
  binint2 = 'M',
  none = 'N',
  persid = 'P',
  binpersid = 'Q',
  reduce = 'R',
  string = 'S',
  binstring = 'T',
  short_binstring = 'U',
  unicode = 'V',
  binunicode = 'X',
  append = 'a',
  build = 'b',
  global = 'c',
  dict = 'd',
  empty_dict = '}',
  appends = 'e',
  get = 'g',
  binget = 'h',
  inst = 'i',
  long_binget = 'j',
  list = 'l',
  empty_list = ']',
  obj = 'o',
  put = 'p',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  empty_tuple = ')',
  setitems = 'u',
  binfloat = 'G',
  // protocol 2
  proto = 0x80,
  newobj = 0x81,
  ext1 = 0x82,
  ext2 = 0x83,
  ext4 = 0x84,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  long4 = 0x8b,
  // protocol 3
  binbytes = 'B',
  short_binbytes = 'C',
  // protocol 4
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  binbytes8 = 0x8e,
  empty_set = 0x8f,
  additems = 0x90,
  frozenset = 0x91,
  newobj_ex = 0x92,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  // protocol 5
  bytearray8 = 0x96,
  next_buffer = 0x97,
  readonly_buffer = 0x98,
};

// What follows an opcode in the stream. Integers are little endian.
enum class PickleArgument : std::uint8_t {
  none,
  u8,
  u16,
  i32,
  u32,
  u64,
  f64,        // 8 bytes, big endian
  line,       // text up to '\n', which belongs to it
  two_lines,  // module and name, each up to '\n'
  bytes_u8,   // a length in so many bits, then as many bytes
  bytes_i32,  // the length has a sign, and must not be below 0
  bytes_u32,
  bytes_u64,
};

struct PickleOpcode {
  PickleOp op;
  std::string_view name;  // as pickletools calls it; empty: there is no such opcode
  std::uint8_t protocol;  // the first that has it
  PickleArgument argument;
};

// The row of a byte; its name is empty where no protocol knows it.
const PickleOpcode& pickle_opcode(std::uint8_t byte) noexcept;

}  // namespace transload::wire
