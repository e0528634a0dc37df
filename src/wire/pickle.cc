#include "wire/pickle.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "core/text.h"
#include "transload/error.h"
#include "wire/pickle_opcodes.h"

namespace transload::wire {

std::string_view name(PickleKind kind) noexcept {
  switch (kind) {
    case PickleKind::none: return "None";
    case PickleKind::boolean: return "a boolean";
    case PickleKind::integer: return "an integer";
    case PickleKind::wide: return "a wide integer";
    case PickleKind::floating: return "a float";
    case PickleKind::text: return "a string";
    case PickleKind::bytes: return "bytes";
    case PickleKind::tuple: return "a tuple";
    case PickleKind::list: return "a list";
    case PickleKind::dict: return "a dict";
    case PickleKind::set: return "a set";
    case PickleKind::global: return "a global";
    case PickleKind::call: return "an object";
    case PickleKind::persistent: return "a storage";
  }
  return "unknown";
}

void Pickle::fail(PickleRef ref, std::string_view message, Errc code) const {
  throw Error(code, message, {.file = file_, .offset = offset(ref), .tensor = {}});
}

const PickleValue& Pickle::want(PickleRef ref, PickleKind kind) const {
  const PickleValue& value = values_.at(ref);
  if (value.kind != kind) {
    fail(ref, fmt::format("{} where {} was expected", name(value.kind), name(kind)), Errc::usage);
  }
  return value;
}

std::string_view Pickle::bytes_of(const PickleValue& value) const {
  if (value.span.count == 0) return {};
  if (value.span.first < data_.size()) return data_.text().substr(value.span.first, value.span.count);
  return std::string_view(decoded_).substr(value.span.first - data_.size(), value.span.count);
}

bool Pickle::boolean(PickleRef ref) const { return want(ref, PickleKind::boolean).flag; }

std::int64_t Pickle::integer(PickleRef ref) const { return want(ref, PickleKind::integer).integer; }

double Pickle::floating(PickleRef ref) const { return want(ref, PickleKind::floating).floating; }

std::string_view Pickle::text(PickleRef ref) const {
  if (kind(ref) == PickleKind::bytes) return bytes_of(values_[ref]);
  return bytes_of(want(ref, PickleKind::text));
}

ByteView Pickle::wide(PickleRef ref) const { return as_bytes(bytes_of(want(ref, PickleKind::wide))); }

bool Pickle::is_byte_text(PickleRef ref) const { return want(ref, PickleKind::text).flag; }

std::optional<std::uint64_t> Pickle::position(PickleRef ref) const {
  const PickleValue& value = kind(ref) == PickleKind::bytes ? values_[ref] : want(ref, PickleKind::text);
  if (value.span.first >= data_.size()) return std::nullopt;
  return value.span.first;
}

std::string_view Pickle::named(PickleRef ref) const {
  return kind(ref) == PickleKind::text ? bytes_of(values_[ref]) : "(made by a call)";
}

std::string_view Pickle::module(PickleRef ref) const {
  const PickleValue& value = want(ref, PickleKind::global);
  if (value.flag) return named(value.span.first);
  const std::string_view both = bytes_of(value);
  return both.substr(0, both.find('\n'));
}

std::string_view Pickle::global_name(PickleRef ref) const {
  const PickleValue& value = want(ref, PickleKind::global);
  if (value.flag) return named(value.span.count);
  const std::string_view both = bytes_of(value);
  return both.substr(both.find('\n') + 1);
}

void Pickle::collect_unknown() {
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> places;
  for (PickleRef ref = 0; ref < values_.size(); ++ref) {
    if (values_[ref].kind != PickleKind::global || !values_[ref].inert) continue;
    const std::pair key{module(ref), global_name(ref)};
    if (const auto found = places.find(key); found != places.end()) {
      ++unknown_[found->second].count;
    } else if (unknown_.size() < kMostUnknown) {
      places.emplace(key, unknown_.size());
      unknown_.push_back({shortened(fmt::format("{}.{}", key.first, key.second)), offset(ref), 1});
    } else {
      ++more_unknown_;
    }
  }
}

std::span<const PickleRef> Pickle::items(PickleRef ref) const {
  const PickleValue& value = values_.at(ref);
  switch (value.kind) {
    case PickleKind::tuple: return std::span{pool_}.subspan(value.span.first, value.span.count);
    case PickleKind::list:
    case PickleKind::dict:
    case PickleKind::set:
      if (value.span.first == 0) return {};
      return growing_[value.span.first - 1];
    default: fail(ref, fmt::format("{} has no items", name(value.kind)), Errc::usage);
  }
}

Pickle::Call Pickle::call(PickleRef ref) const {
  const CallRecord& record = calls_[want(ref, PickleKind::call).span.first];
  const auto grown = [&](std::uint32_t place) -> std::span<const PickleRef> {
    if (place == 0) return {};
    return growing_[place - 1];
  };
  return {record.callee, record.arguments, record.state, grown(record.elements), grown(record.entries)};
}

bool Pickle::is_new_object(PickleRef ref) const {
  const auto op = static_cast<PickleOp>(data_.view()[want(ref, PickleKind::call).offset]);
  return op == PickleOp::newobj || op == PickleOp::newobj_ex;
}

PickleRef Pickle::persistent_id(PickleRef ref) const { return want(ref, PickleKind::persistent).span.first; }

void Pickle::for_each_part(PickleRef ref, const std::function<void(PickleRef)>& visit) const {
  switch (kind(ref)) {
    case PickleKind::tuple:
    case PickleKind::list:
    case PickleKind::dict:
    case PickleKind::set:
      for (const PickleRef item : items(ref)) visit(item);
      return;
    case PickleKind::persistent: visit(persistent_id(ref)); return;
    case PickleKind::call: {
      const Call parts = call(ref);
      visit(parts.callee);
      visit(parts.arguments);
      if (parts.state) visit(*parts.state);
      for (const PickleRef item : parts.elements) visit(item);
      for (const PickleRef item : parts.entries) visit(item);
      return;
    }
    default: return;
  }
}

}  // namespace transload::wire
