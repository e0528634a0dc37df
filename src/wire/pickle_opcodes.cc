#include "wire/pickle_opcodes.h"

namespace transload::wire {
namespace {

constexpr PickleOpcode kOpcodes[] = {
    {PickleOp::mark, "MARK", 0},
    {PickleOp::stop, "STOP", 0},
    {PickleOp::pop, "POP", 0},
    {PickleOp::pop_mark, "POP_MARK", 1},
    {PickleOp::dup, "DUP", 0},
    {PickleOp::float_text, "FLOAT", 0},
    {PickleOp::int_text, "INT", 0},
    {PickleOp::binint, "BININT", 1},
    {PickleOp::binint1, "BININT1", 1},
    {PickleOp::long_text, "LONG", 0},
    {PickleOp::binint2, "BININT2", 1},
    {PickleOp::none, "NONE", 0},
    {PickleOp::persid, "PERSID", 0},
    {PickleOp::binpersid, "BINPERSID", 1},
    {PickleOp::reduce, "REDUCE", 0},
    {PickleOp::string, "STRING", 0},
    {PickleOp::binstring, "BINSTRING", 1},
    {PickleOp::short_binstring, "SHORT_BINSTRING", 1},
    {PickleOp::unicode, "UNICODE", 0},
    {PickleOp::binunicode, "BINUNICODE", 1},
    {PickleOp::append, "APPEND", 0},
    {PickleOp::build, "BUILD", 0},
    {PickleOp::global, "GLOBAL", 0},
    {PickleOp::dict, "DICT", 0},
    {PickleOp::empty_dict, "EMPTY_DICT", 1},
    {PickleOp::appends, "APPENDS", 1},
    {PickleOp::get, "GET", 0},
    {PickleOp::binget, "BINGET", 1},
    {PickleOp::inst, "INST", 0},
    {PickleOp::long_binget, "LONG_BINGET", 1},
    {PickleOp::list, "LIST", 0},
    {PickleOp::empty_list, "EMPTY_LIST", 1},
    {PickleOp::obj, "OBJ", 1},
    {PickleOp::put, "PUT", 0},
    {PickleOp::binput, "BINPUT", 1},
    {PickleOp::long_binput, "LONG_BINPUT", 1},
    {PickleOp::setitem, "SETITEM", 0},
    {PickleOp::tuple, "TUPLE", 0},
    {PickleOp::empty_tuple, "EMPTY_TUPLE", 1},
    {PickleOp::setitems, "SETITEMS", 1},
    {PickleOp::binfloat, "BINFLOAT", 1},
    {PickleOp::proto, "PROTO", 2},
    {PickleOp::newobj, "NEWOBJ", 2},
    {PickleOp::ext1, "EXT1", 2},
    {PickleOp::ext2, "EXT2", 2},
    {PickleOp::ext4, "EXT4", 2},
    {PickleOp::tuple1, "TUPLE1", 2},
    {PickleOp::tuple2, "TUPLE2", 2},
    {PickleOp::tuple3, "TUPLE3", 2},
    {PickleOp::newtrue, "NEWTRUE", 2},
    {PickleOp::newfalse, "NEWFALSE", 2},
    {PickleOp::long1, "LONG1", 2},
    {PickleOp::long4, "LONG4", 2},
    {PickleOp::binbytes, "BINBYTES", 3},
    {PickleOp::short_binbytes, "SHORT_BINBYTES", 3},
    {PickleOp::short_binunicode, "SHORT_BINUNICODE", 4},
    {PickleOp::binunicode8, "BINUNICODE8", 4},
    {PickleOp::binbytes8, "BINBYTES8", 4},
    {PickleOp::empty_set, "EMPTY_SET", 4},
    {PickleOp::additems, "ADDITEMS", 4},
    {PickleOp::frozenset, "FROZENSET", 4},
    {PickleOp::newobj_ex, "NEWOBJ_EX", 4},
    {PickleOp::stack_global, "STACK_GLOBAL", 4},
    {PickleOp::memoize, "MEMOIZE", 4},
    {PickleOp::frame, "FRAME", 4},
    {PickleOp::bytearray8, "BYTEARRAY8", 5},
    {PickleOp::next_buffer, "NEXT_BUFFER", 5},
    {PickleOp::readonly_buffer, "READONLY_BUFFER", 5},
};

constexpr std::array<PickleOpcode, 256> by_byte() {
  std::array<PickleOpcode, 256> table{};
  for (const PickleOpcode& row : kOpcodes) table[static_cast<std::uint8_t>(row.op)] = row;
  return table;
}

constexpr std::array<PickleOpcode, 256> kByByte = by_byte();

}  // namespace

const PickleOpcode& pickle_opcode(std::uint8_t byte) noexcept { return kByByte[byte]; }

}  // namespace transload::wire
