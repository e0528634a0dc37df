#include "wire/pickle_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/text.h"
#include "transload/error.h"
#include "wire/pickle_opcodes.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kLongestPickle = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint16_t kDeepest = 1000;

}  // namespace

PickleMachine::PickleMachine(Bytes data, const PickleOptions& options, const PickleAllowed& allowed)
    : cursor_(data, options.file, options.base), whole_(options.whole), allowed_(allowed) {
  out_.data_ = std::move(data);
  out_.file_ = options.file;
  out_.base_ = options.base;
  if (out_.data_.size() > kLongestPickle) fail("pickles of more than 4 GiB are not read", Errc::unsupported);
}

Pickle PickleMachine::run() {
  try {
    run_opcodes();
    if (denied_.empty()) order_parts();
  } catch (const Error&) {
    // A stream that names something forbidden and is broken as well is refused for the worse of the two.
    if (denied_.empty()) throw;
  }
  if (!denied_.empty()) refuse_denied();
  out_.size_ = cursor_.position();
  return std::move(out_);
}

void PickleMachine::run_opcodes() {
  need(2);
  if (out_.data_.view()[0] != std::byte{0x80}) {
    fail("not a pickle of protocol 2 or later (it does not begin with PROTO)", Errc::unsupported);
  }
  while (!stopped_) step();
}

void PickleMachine::step() {
  at_ = static_cast<std::uint32_t>(cursor_.position());
  const auto byte = argument<std::uint8_t>();
  if (const Handler handler = handler_of(byte)) return (this->*handler)();
  const PickleOpcode& opcode = pickle_opcode(byte);
  if (opcode.name.empty()) fail(fmt::format("0x{:02x} is not a pickle opcode", byte));
  fail(fmt::format("pickle opcode {} (protocol {}) is not read; protocols 2 and 3 are", opcode.name, opcode.protocol),
       Errc::unsupported);
}

void PickleMachine::fail(std::string_view message, Errc code) const {
  cursor_.fail_at(out_.base_ + at_, message, code);
}

void PickleMachine::refuse_denied() const {
  std::vector<std::string> details;
  for (const Denied& one : denied_) details.push_back(fmt::format("{} at 0x{:x}", one.name, one.offset));
  const std::string others = denied_.size() == 1 ? std::string() : fmt::format(" (and {} more)", denied_.size() - 1);
  Error error(Errc::unsupported,
              fmt::format("the pickle names {}{}, which is not on the list of what a checkpoint of tensors needs",
                          denied_.front().name, others),
              {.file = out_.file_, .offset = denied_.front().offset, .tensor = {}},
              "nothing was run. If this is a whole model, save its weights instead: torch.save(model.state_dict(), "
              "path); if it holds other objects, save without them");
  throw std::move(error.add(std::move(details)));
}

void PickleMachine::need(std::uint64_t bytes) {
  if (bytes <= cursor_.left()) return;
  if (!whole_) throw OutOfData{};
  cursor_.fail(fmt::format("the pickle is cut off: {} bytes are needed here and {} are left", bytes, cursor_.left()));
}

template <typename T>
T PickleMachine::argument() {
  need(sizeof(T));
  return cursor_.integer<T>();
}
template std::uint8_t PickleMachine::argument();
template std::uint16_t PickleMachine::argument();
template std::uint32_t PickleMachine::argument();
template std::int32_t PickleMachine::argument();
template std::uint64_t PickleMachine::argument();

PickleValue PickleMachine::span_of(PickleKind kind, std::uint64_t size) {
  need(size);
  PickleValue value;
  value.kind = kind;
  value.span = {static_cast<std::uint32_t>(cursor_.position()), static_cast<std::uint32_t>(size)};
  cursor_.skip(size);
  return value;
}

std::string_view PickleMachine::line(std::uint64_t most, std::string_view what) {
  const std::uint64_t start = cursor_.position();
  const std::string_view rest = out_.data_.text().substr(start, most + 1);
  const std::size_t end = rest.find('\n');
  if (end != std::string_view::npos) {
    cursor_.skip(end + 1);
    return rest.substr(0, end);
  }
  if (rest.size() > most) fail(fmt::format("{} of more than {} bytes", what, most));
  need(rest.size() + 1);
  fail("unreachable");
}

// Depth first without recursion. A value on the way down that is met again contains itself.
void PickleMachine::order_parts() {
  enum class State : std::uint8_t { unseen, open, done };
  std::vector<State> states(out_.values_.size(), State::unseen);
  std::vector<std::uint16_t> depths(out_.values_.size(), 0);
  struct Item {
    PickleRef ref;
    bool leaving;
  };
  std::vector<Item> todo{{out_.root_, false}};
  while (!todo.empty()) {
    const Item item = todo.back();
    todo.pop_back();
    if (item.leaving) {
      std::uint16_t depth = 0;
      out_.for_each_part(item.ref, [&](PickleRef part) { depth = std::max(depth, depths[part]); });
      if (depth >= kDeepest) out_.fail(item.ref, fmt::format("values are nested more than {} deep", kDeepest));
      depths[item.ref] = static_cast<std::uint16_t>(depth + 1);
      states[item.ref] = State::done;
      out_.order_.push_back(item.ref);
      continue;
    }
    if (states[item.ref] == State::done) continue;
    if (states[item.ref] == State::open) out_.fail(item.ref, "a value contains itself", Errc::unsupported);
    states[item.ref] = State::open;
    todo.push_back({item.ref, true});
    out_.for_each_part(item.ref, [&](PickleRef part) {
      if (states[part] != State::done) todo.push_back({part, false});
    });
  }
}

std::optional<Pickle> read_pickle(Bytes data, const PickleOptions& options, const PickleAllowed& allowed) {
  try {
    return PickleMachine(std::move(data), options, allowed).run();
  } catch (const PickleMachine::OutOfData&) {
    return std::nullopt;
  }
}

}  // namespace transload::wire
