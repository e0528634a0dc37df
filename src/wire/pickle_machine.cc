#include "wire/pickle_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/text.h"
#include "transload/error.h"
#include "wire/pickle_opcodes.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kLongestPickle = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint16_t kDeepest = 1000;
constexpr std::uint64_t kLongestDecimal = 20;

}  // namespace

PickleMachine::PickleMachine(Bytes data, const PickleOptions& options, const PickleAllowed& allowed)
    : cursor_(data, options.file, options.base), whole_(options.whole), allowed_(allowed) {
  out_.data_ = std::move(data);
  out_.file_ = options.file;
  out_.base_ = options.base;
  out_.opaque_ = options.opaque;
  if (out_.data_.size() > kLongestPickle) fail("pickles of more than 4 GiB are not read", Errc::unsupported);
}

Pickle PickleMachine::run() {
  try {
    run_opcodes();
    order_parts();
  } catch (const Error&) {
    // A stream that names something forbidden and is broken as well is refused for the worse of the two.
    out_.collect_unknown();
    if (refuses()) refuse_unknown();
    throw;
  }
  out_.collect_unknown();
  if (refuses()) refuse_unknown();
  out_.size_ = cursor_.position();
  return std::move(out_);
}

void PickleMachine::run_opcodes() {
  while (!stopped_) step();
}

void PickleMachine::step() {
  at_ = static_cast<std::uint32_t>(cursor_.position());
  const auto byte = argument<std::uint8_t>();
  if (const Handler handler = handler_of(byte)) return (this->*handler)();
  const PickleOpcode& opcode = pickle_opcode(byte);
  if (opcode.name.empty()) fail(fmt::format("0x{:02x} is not a pickle opcode", byte));
  fail(fmt::format("pickle opcode {} is not read: it stands for something that is not in the pickle", opcode.name),
       Errc::unsupported);
}

void PickleMachine::fail(std::string_view message, Errc code) const {
  cursor_.fail_at(out_.base_ + at_, message, code);
}

void PickleMachine::refuse_unknown() const {
  const std::vector<Pickle::Unknown>& unknown = out_.unknown_;
  std::vector<std::string> details;
  for (const Pickle::Unknown& one : unknown) {
    const std::string times = one.count == 1 ? std::string() : fmt::format(", {} times", one.count);
    details.push_back(fmt::format("{} at 0x{:x}{}", one.name, one.offset, times));
  }
  if (out_.more_unknown_ != 0) details.push_back(fmt::format("and others, {} times", out_.more_unknown_));
  const std::string others = details.size() == 1 ? std::string() : fmt::format(" (and {} more)", details.size() - 1);
  Error error(Errc::unsupported,
              fmt::format("the pickle names {}{}, which is not on the list of what a checkpoint of tensors needs",
                          unknown.front().name, others),
              {.file = out_.file_, .offset = unknown.front().offset, .tensor = {}},
              "nothing was run; transload scan says what such names do. --allow-opaque reads the tensors that do not "
              "depend on such names; in PyTorch, "
              "torch.save(model.state_dict(), path) saves without them");
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

std::uint32_t PickleMachine::decimal(std::string_view what) {
  const std::string_view digits = line(kLongestDecimal, what);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) fail(fmt::format("{} that is no number", what));
  return value;
}

PickleValue PickleMachine::span_at(PickleKind kind, std::string_view text) const {
  PickleValue value;
  value.kind = kind;
  value.span = {static_cast<std::uint32_t>(text.data() - out_.data_.text().data()),
                static_cast<std::uint32_t>(text.size())};
  return value;
}

PickleValue PickleMachine::decoded(PickleKind kind, std::string_view text) {
  const std::uint64_t first = out_.data_.size() + out_.decoded_.size();
  if (text.size() > kLongestPickle - std::min(first, kLongestPickle)) {
    fail("pickles of more than 4 GiB are not read", Errc::unsupported);
  }
  out_.decoded_ += text;
  PickleValue value;
  value.kind = kind;
  value.span = {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(text.size())};
  return value;
}

// Depth first without recursion. A value on the way down that is met again contains itself. Objects of a program may do
// so, a model that knows its trainer; a part that leads back to an inert value that is still open is passed over.
void PickleMachine::order_parts() {
  enum class State : std::uint8_t { unseen, open, done };
  std::vector<State> states(out_.values_.size(), State::unseen);
  std::vector<std::uint16_t> depths(out_.values_.size(), 0);
  // Of an open value: how many inert ones were open before it.
  std::vector<std::uint32_t> inert_above(out_.values_.size(), 0);
  std::uint32_t open_inert = 0;
  struct Item {
    PickleRef ref;
    bool leaving;
  };
  std::vector<Item> todo{{out_.root_, false}};
  while (!todo.empty()) {
    const Item item = todo.back();
    todo.pop_back();
    const bool inert = out_.values_[item.ref].inert;
    if (item.leaving) {
      std::uint16_t depth = 0;
      out_.for_each_part(item.ref, [&](PickleRef part) { depth = std::max(depth, depths[part]); });
      if (depth >= kDeepest) out_.fail(item.ref, fmt::format("values are nested more than {} deep", kDeepest));
      depths[item.ref] = static_cast<std::uint16_t>(depth + 1);
      states[item.ref] = State::done;
      open_inert -= inert ? 1 : 0;
      out_.order_.push_back(item.ref);
      continue;
    }
    if (states[item.ref] == State::done) continue;
    if (states[item.ref] == State::open) {
      if (open_inert > inert_above[item.ref]) continue;
      out_.fail(item.ref, "a value contains itself", Errc::unsupported);
    }
    states[item.ref] = State::open;
    inert_above[item.ref] = open_inert;
    open_inert += inert ? 1 : 0;
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
