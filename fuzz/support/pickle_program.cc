#include "support/pickle_program.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

using namespace std::literals;

namespace transload::fuzz {
namespace {

// What follows an opcode.
enum class Argument : std::uint8_t { none, fixed, line, two_lines, counted };

struct Kind {
  Argument argument = Argument::none;
  std::size_t bytes = 0;  // of a fixed argument, or of the count before a counted one
};

// Source: CPython's Lib/pickletools.py.
Kind kind_of(std::uint8_t op) {
  switch (op) {
    case 'K':
    case 'h':
    case 'q':
    case 0x80:
    case 0x82: return {Argument::fixed, 1};
    case 'M':
    case 0x83: return {Argument::fixed, 2};
    case 'J':
    case 'j':
    case 'r':
    case 0x84: return {Argument::fixed, 4};
    case 'G':
    case 0x95: return {Argument::fixed, 8};
    case 'F':
    case 'I':
    case 'L':
    case 'S':
    case 'V':
    case 'P':
    case 'g':
    case 'p': return {Argument::line, 0};
    case 'c':
    case 'i': return {Argument::two_lines, 0};
    case 'U':
    case 'C':
    case 0x8a:
    case 0x8c: return {Argument::counted, 1};
    case 'T':
    case 'X':
    case 'B':
    case 0x8b: return {Argument::counted, 4};
    case 0x8d:
    case 0x8e:
    case 0x96: return {Argument::counted, 8};
    default: return {};
  }
}

constexpr std::uint8_t kFrame = 0x95, kMemoize = 0x94;

struct Step {
  std::uint8_t op = '.';
  std::string argument;  // without the count; lines with their ends
  bool cut = false;      // the program ends within it: it is kept as it is
};

std::vector<Step> steps_of(std::string_view bytes) {
  std::vector<Step> steps;
  while (!bytes.empty()) {
    Step step{.op = static_cast<std::uint8_t>(bytes[0]), .argument = {}};
    bytes.remove_prefix(1);
    const Kind kind = kind_of(step.op);
    std::size_t head = 0, size = 0;
    switch (kind.argument) {
      case Argument::none: break;
      case Argument::fixed: size = kind.bytes; break;
      case Argument::line:
      case Argument::two_lines:
        for (int lines = kind.argument == Argument::line ? 1 : 2; lines > 0; --lines) {
          const std::size_t end = bytes.find('\n', size);
          size = end == bytes.npos ? bytes.size() + 1 : end + 1;
        }
        break;
      case Argument::counted: {
        std::uint64_t count = 0;
        head = std::min(kind.bytes, bytes.size());
        std::memcpy(&count, bytes.data(), head);
        size = head < kind.bytes || count > bytes.size() ? bytes.size() + 1 : static_cast<std::size_t>(count);
      }
    }
    step.cut = head > bytes.size() || size > bytes.size() - head;
    if (step.cut) head = 0, size = bytes.size();
    step.argument = bytes.substr(head, size);
    bytes.remove_prefix(head + size);
    steps.push_back(std::move(step));
    if (steps.back().op == '.') break;
  }
  return steps;
}

constexpr std::array<std::string_view, 46> kGlobals{"collections\nOrderedDict\n",
                                                    "collections\nCounter\n",
                                                    "collections\ndefaultdict\n",
                                                    "builtins\nset\n",
                                                    "builtins\nfrozenset\n",
                                                    "builtins\nbytearray\n",
                                                    "builtins\ncomplex\n",
                                                    "builtins\neval\n",
                                                    "builtins\ngetattr\n",
                                                    "__builtin__\nset\n",
                                                    "__builtin__\nobject\n",
                                                    "_codecs\nencode\n",
                                                    "copyreg\n_reconstructor\n",
                                                    "copy_reg\n_reconstructor\n",
                                                    "torch\nSize\n",
                                                    "torch\ndevice\n",
                                                    "torch\ndtype\n",
                                                    "torch.serialization\n_get_layout\n",
                                                    "torch._utils\n_rebuild_tensor\n",
                                                    "torch._utils\n_rebuild_tensor_v2\n",
                                                    "torch._utils\n_rebuild_tensor_v3\n",
                                                    "torch._utils\n_rebuild_parameter\n",
                                                    "torch._utils\n_rebuild_parameter_with_state\n",
                                                    "torch._tensor\n_rebuild_from_type_v2\n",
                                                    "torch._utils\n_rebuild_sparse_tensor\n",
                                                    "torch._utils\n_rebuild_sparse_csr_tensor\n",
                                                    "torch._utils\n_rebuild_qtensor\n",
                                                    "torch._utils\n_rebuild_meta_tensor_no_storage\n",
                                                    "torch._utils\n_rebuild_nested_tensor\n",
                                                    "torch._utils\n_rebuild_wrapper_subclass\n",
                                                    "torch\nTensor\n",
                                                    "torch\nFloatTensor\n",
                                                    "torch.nn.parameter\nParameter\n",
                                                    "torch\nper_tensor_affine\n",
                                                    "torch\nper_channel_affine\n",
                                                    "torch\nFloatStorage\n",
                                                    "torch\nLongStorage\n",
                                                    "torch\nHalfStorage\n",
                                                    "torch\nQInt8Storage\n",
                                                    "torch.storage\nUntypedStorage\n",
                                                    "torch.storage\n_load_from_bytes\n",
                                                    "torch\nfloat16\n",
                                                    "numpy.core.multiarray\n_reconstruct\n",
                                                    "numpy.core.multiarray\nscalar\n",
                                                    "numpy\ndtype\n",
                                                    "argparse\nNamespace\n"};

constexpr std::array<std::string_view, 21> kTexts{
    "storage",          "cpu",        "cuda:0", "meta", "0",         "1",          "a.weight", "little_endian",
    "protocol_version", "type_sizes", "conj",   "neg",  "_metadata", "state_dict", "latin1",   "requires_grad",
    "torch.sparse_coo", "f4",         "<",      "",     "\xc3\xa9"};

// Pieces of programs as torch writes them: each leaves one value on the stack.
constexpr std::array<std::string_view, 12> kPieces{
    // A storage, and the tensors that the rebuilders make of it.
    "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
    "0X\x03\0\0\0cpuK\x04tQ"sv,
    "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
    "0X\x03\0\0\0cpuK\x04tQK\0K\x04\x85K\x01\x85\x89"
    "ccollections\nOrderedDict\n)RtR"sv,
    "ctorch._utils\n_rebuild_tensor\n((X\x07\0\0\0storagectorch\nLongStorage\nX\x01\0\0\0"
    "1X\x03\0\0\0cpuK\x04tQK\0K\x02K\x02\x86K\x02K\x01\x86tR"sv,
    "ccollections\nOrderedDict\n)R"sv,
    "c_codecs\nencode\nX\x02\0\0\0\xc3\xa9X\x06\0\0\0latin1\x86R"sv,
    "ctorch\nSize\nK\x02K\x03\x86\x85R"sv,
    "ctorch\ndevice\nX\x03\0\0\0cpu\x85R"sv,
    "c__builtin__\nset\n](K\x01K\x02"
    "e\x85R"sv,
    "\x8f(K\x01K\x02\x90"sv,
    "}(X\x01\0\0\0aK\x01X\x01\0\0\0bNu"sv,
    "(K\x01K\x02K\x03l"sv,
    "\x8c\x05torch\x8c\x04Size\x93)R"sv,
};

std::string number_text(Random& random) {
  switch (random.below(4)) {
    case 0: return "01";
    case 1: return "-" + std::to_string(odd_number(random));
    case 2: return std::to_string(odd_number(random)) + "L";
    default: return std::to_string(odd_number(random));
  }
}

std::string little(std::uint64_t value, std::size_t width) {
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out.push_back(static_cast<char>(i < 8 ? value >> (8 * i) : 0));
  return out;
}

Step random_step(Random& random) {
  static constexpr std::string_view kOps =
      "(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrst)"
      "uG\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x42\x43\x8c\x8d\x8e\x8f\x90"
      "\x91\x92\x93\x94\x95\x96\x97\x98";
  Step step{.op = static_cast<std::uint8_t>(kOps[random.below(kOps.size())]), .argument = {}};
  const Kind kind = kind_of(step.op);
  switch (kind.argument) {
    case Argument::none: break;
    case Argument::fixed:
      step.argument = little(step.op == 0x80 ? random.below(7) : odd_number(random), kind.bytes);
      break;
    case Argument::line:
      switch (step.op) {
        case 'S': step.argument = "'" + std::string(random.pick(kTexts)) + "'"; break;
        case 'V':
        case 'P': step.argument = random.pick(kTexts); break;
        default: step.argument = number_text(random);
      }
      step.argument += '\n';
      break;
    case Argument::two_lines: step.argument = random.pick(kGlobals); break;
    case Argument::counted:
      step.argument = step.op == 0x8a || step.op == 0x8b ? little(odd_number(random), random.below(11))
                                                         : std::string(random.pick(kTexts));
  }
  return step;
}

void change_argument(Step& step, Random& random) {
  const Kind kind = kind_of(step.op);
  switch (kind.argument) {
    case Argument::none: step = random_step(random); break;
    case Argument::fixed: step.argument = little(odd_number(random), kind.bytes); break;
    case Argument::two_lines: step.argument = random.pick(kGlobals); break;
    case Argument::line:
      if (!step.argument.empty() && step.argument.back() == '\n') step.argument.pop_back();
      step.argument = mutated(step.argument, 256);
      std::erase(step.argument, '\n');
      step.argument += '\n';
      break;
    case Argument::counted:
      step.argument = random.one_in(2) ? mutated(step.argument, 256) : std::string(random.pick(kTexts));
  }
}

void insert(std::vector<Step>& steps, std::size_t at, const std::vector<Step>& what) {
  steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(at), what.begin(), what.end());
}

void change(std::vector<Step>& steps, Random& random) {
  const std::size_t at = random.below(steps.size());
  const std::size_t count = 1 + random.below(std::min<std::size_t>(steps.size() - at, random.one_in(4) ? 24 : 3));
  const auto from = steps.begin() + static_cast<std::ptrdiff_t>(at), to = from + static_cast<std::ptrdiff_t>(count);
  switch (random.below(8)) {
    case 0: insert(steps, at, {random_step(random)}); break;
    case 1: steps[at] = random_step(random); break;
    case 2:
    case 3: change_argument(steps[at], random); break;
    case 4: steps.erase(from, to); break;
    case 5: insert(steps, random.below(steps.size()), std::vector<Step>(from, to)); break;
    case 6: std::swap(steps[at], steps[random.below(steps.size())]); break;
    default: {
      std::vector<Step> piece = steps_of(random.pick(kPieces));
      insert(steps, at, piece);
    }
  }
}

// Where the memo is written, and GETs led there.
void mend_memo(std::vector<Step>& steps, Random& random) {
  std::vector<std::uint64_t> written;
  for (Step& step : steps) {
    std::uint64_t slot = 0;
    const std::size_t width = kind_of(step.op).bytes;
    switch (step.op) {
      case 'q':
      case 'r':
        if (step.argument.size() == width) std::memcpy(&slot, step.argument.data(), width), written.push_back(slot);
        break;
      case kMemoize: written.push_back(written.size()); break;
      case 'p': written.push_back(std::strtoull(step.argument.c_str(), nullptr, 10)); break;
      case 'h':
      case 'j':
        if (step.argument.size() != width || written.empty() || random.one_in(32)) break;
        std::memcpy(&slot, step.argument.data(), width);
        if (std::ranges::find(written, slot) == written.end()) step.argument = little(random.pick(written), width);
        break;
      default: break;
    }
  }
}

Input bytes_of(const std::vector<Step>& steps, Random& random) {
  Input out;
  std::size_t frame = 0;  // where the length of the last frame stands; 0: none
  const auto close = [&] {
    if (frame == 0 || random.one_in(64)) return;
    const std::uint64_t size = out.size() - frame - 8;
    std::memcpy(out.data() + frame, &size, 8);
  };
  for (const Step& step : steps) {
    if (step.op == kFrame && !step.cut) close();
    out.push_back(step.op);
    if (step.op == kFrame && !step.cut) frame = out.size();
    const Kind kind = kind_of(step.op);
    if (kind.argument == Argument::counted && !step.cut) {
      const std::uint64_t size = random.one_in(512) ? odd_number(random) : step.argument.size();
      put_text(out, little(size, kind.bytes));
    }
    put_text(out, step.argument);
  }
  close();
  return out;
}

}  // namespace

std::size_t pickle_size(std::string_view bytes) {
  std::size_t size = 0;
  for (const Step& step : steps_of(bytes)) {
    size += 1 + step.argument.size();
    const Kind kind = kind_of(step.op);
    if (kind.argument == Argument::counted && !step.cut) size += kind.bytes;
  }
  return size;
}

Input mutated_pickle(std::string_view pickle, Random& random, std::size_t most) {
  std::vector<Step> steps = steps_of(pickle);
  if (steps.empty()) steps.push_back({});
  for (std::size_t changes = 1 + random.below(4); changes > 0; --changes) {
    if (steps.empty()) steps.push_back({});
    change(steps, random);
  }
  mend_memo(steps, random);
  if (steps.empty() || (steps.back().op != '.' && !random.one_in(16))) steps.push_back({});
  Input out = bytes_of(steps, random);
  if (out.size() > most) out.resize(most);
  return out;
}

}  // namespace transload::fuzz
