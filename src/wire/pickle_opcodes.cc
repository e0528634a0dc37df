#include "wire/pickle_opcodes.h"

namespace transload::wire {
namespace {

constexpr PickleOpcode kOpcodes[] = {
    {PickleOp::mark, "MARK", 0, PickleArgument::none},
    {PickleOp::stop, "STOP", 0, PickleArgument::none},
    {PickleOp::pop, "POP", 0, PickleArgument::none},
    {PickleOp::pop_mark, "POP_MARK", 1, PickleArgument::none},
    {PickleOp::dup, "DUP", 0, PickleArgument::none},
    {PickleOp::float_text, "FLOAT", 0, PickleArgument::line},
    {PickleOp::int_text, "INT", 0, PickleArgument::line},
    {PickleOp::binint, "BININT", 1, PickleArgument::i32},
    {PickleOp::binint1, "BININT1", 1, PickleArgument::u8},
    {PickleOp::long_text, "LONG", 0, PickleArgument::line},
    {PickleOp::binint2, "BININT2", 1, PickleArgument::u16},
    {PickleOp::none, "NONE", 0, PickleArgument::none},
    {PickleOp::persid, "PERSID", 0, PickleArgument::line},
    {PickleOp::binpersid, "BINPERSID", 1, PickleArgument::none},
    {PickleOp::reduce, "REDUCE", 0, PickleArgument::none},
    {PickleOp::string, "STRING", 0, PickleArgument::line},
    {PickleOp::binstring, "BINSTRING", 1, PickleArgument::bytes_i32},
    {PickleOp::short_binstring, "SHORT_BINSTRING", 1, PickleArgument::bytes_u8},
    {PickleOp::unicode, "UNICODE", 0, PickleArgument::line},
    {PickleOp::binunicode, "BINUNICODE", 1, PickleArgument::bytes_u32},
    {PickleOp::append, "APPEND", 0, PickleArgument::none},
    {PickleOp::build, "BUILD", 0, PickleArgument::none},
    {PickleOp::global, "GLOBAL", 0, PickleArgument::two_lines},
    {PickleOp::dict, "DICT", 0, PickleArgument::none},
    {PickleOp::empty_dict, "EMPTY_DICT", 1, PickleArgument::none},
    {PickleOp::appends, "APPENDS", 1, PickleArgument::none},
    {PickleOp::get, "GET", 0, PickleArgument::line},
    {PickleOp::binget, "BINGET", 1, PickleArgument::u8},
    {PickleOp::inst, "INST", 0, PickleArgument::two_lines},
    {PickleOp::long_binget, "LONG_BINGET", 1, PickleArgument::u32},
    {PickleOp::list, "LIST", 0, PickleArgument::none},
    {PickleOp::empty_list, "EMPTY_LIST", 1, PickleArgument::none},
    {PickleOp::obj, "OBJ", 1, PickleArgument::none},
    {PickleOp::put, "PUT", 0, PickleArgument::line},
    {PickleOp::binput, "BINPUT", 1, PickleArgument::u8},
    {PickleOp::long_binput, "LONG_BINPUT", 1, PickleArgument::u32},
    {PickleOp::setitem, "SETITEM", 0, PickleArgument::none},
    {PickleOp::tuple, "TUPLE", 0, PickleArgument::none},
    {PickleOp::empty_tuple, "EMPTY_TUPLE", 1, PickleArgument::none},
    {PickleOp::setitems, "SETITEMS", 1, PickleArgument::none},
    {PickleOp::binfloat, "BINFLOAT", 1, PickleArgument::f64},
    {PickleOp::proto, "PROTO", 2, PickleArgument::u8},
    {PickleOp::newobj, "NEWOBJ", 2, PickleArgument::none},
    {PickleOp::ext1, "EXT1", 2, PickleArgument::u8},
    {PickleOp::ext2, "EXT2", 2, PickleArgument::u16},
    {PickleOp::ext4, "EXT4", 2, PickleArgument::i32},
    {PickleOp::tuple1, "TUPLE1", 2, PickleArgument::none},
    {PickleOp::tuple2, "TUPLE2", 2, PickleArgument::none},
    {PickleOp::tuple3, "TUPLE3", 2, PickleArgument::none},
    {PickleOp::newtrue, "NEWTRUE", 2, PickleArgument::none},
    {PickleOp::newfalse, "NEWFALSE", 2, PickleArgument::none},
    {PickleOp::long1, "LONG1", 2, PickleArgument::bytes_u8},
    {PickleOp::long4, "LONG4", 2, PickleArgument::bytes_i32},
    {PickleOp::binbytes, "BINBYTES", 3, PickleArgument::bytes_u32},
    {PickleOp::short_binbytes, "SHORT_BINBYTES", 3, PickleArgument::bytes_u8},
    {PickleOp::short_binunicode, "SHORT_BINUNICODE", 4, PickleArgument::bytes_u8},
    {PickleOp::binunicode8, "BINUNICODE8", 4, PickleArgument::bytes_u64},
    {PickleOp::binbytes8, "BINBYTES8", 4, PickleArgument::bytes_u64},
    {PickleOp::empty_set, "EMPTY_SET", 4, PickleArgument::none},
    {PickleOp::additems, "ADDITEMS", 4, PickleArgument::none},
    {PickleOp::frozenset, "FROZENSET", 4, PickleArgument::none},
    {PickleOp::newobj_ex, "NEWOBJ_EX", 4, PickleArgument::none},
    {PickleOp::stack_global, "STACK_GLOBAL", 4, PickleArgument::none},
    {PickleOp::memoize, "MEMOIZE", 4, PickleArgument::none},
    {PickleOp::frame, "FRAME", 4, PickleArgument::u64},
    {PickleOp::bytearray8, "BYTEARRAY8", 5, PickleArgument::bytes_u64},
    {PickleOp::next_buffer, "NEXT_BUFFER", 5, PickleArgument::none},
    {PickleOp::readonly_buffer, "READONLY_BUFFER", 5, PickleArgument::none},
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
