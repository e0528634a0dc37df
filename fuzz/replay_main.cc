// The main of a fuzzer in ordinary builds: runs it on files, and on a fixed number of mutations of them.
//
//   fuzz_NAME [--mutations N] [--longest BYTES] FILE-OR-FOLDER...
//
// Files of more bytes than that are run, not mutated.
//
// The same arguments give the same inputs. An input that crashes it, or takes longer than ten seconds, is written to
// ./crash-NAME. A run without any input fails.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// There in builds with a sanitizer, which ends the process without a signal.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));
// There where the format has a mutator of its own.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed)
    __attribute__((weak));
// What such a mutator calls for the plain mutations of libFuzzer.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

namespace fs = std::filesystem;
using Input = std::vector<std::uint8_t>;

constexpr unsigned kSeconds = 10;  // for one input; sanitizers and a busy machine included

// What is running now, for the handlers.
const Input* current = nullptr;
const char* crash_name = "crash-input";

void keep_input() {
  if (current == nullptr) return;
  const int file = ::open(crash_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  const auto written = ::write(file, current->data(), current->size());
  ::close(file);
  constexpr char kText[] = "replay: the input that failed is kept in ./";
  if (written < 0 || ::write(2, kText, sizeof kText - 1) < 0 || ::write(2, crash_name, std::strlen(crash_name)) < 0 ||
      ::write(2, "\n", 1) < 0) {
    return;
  }
}

extern "C" void on_signal(int number) {
  keep_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(const Input& input) {
  current = &input;
  ::alarm(kSeconds);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  ::alarm(0);
  current = nullptr;
}

// Random numbers that are the same everywhere; std::uniform_int_distribution is not.
class Random {
 public:
  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : engine_() % limit; }

 private:
  std::mt19937_64 engine_{20240229};
};

void put_integer(Input& input, std::size_t at, std::uint64_t value, std::size_t width, bool big) {
  for (std::size_t i = 0; i < width && at + i < input.size(); ++i) {
    const std::size_t shift = 8 * (big ? width - 1 - i : i);
    input[at + i] = static_cast<std::uint8_t>(value >> shift);
  }
}

// One to four changes of the kinds that break parsers: flipped bits, values at the edges of their types where a
// length may stand, cut ends, parts taken out, doubled, or brought in from another file.
Input mutate(const Input& seed, const Input& other, Random& random) {
  constexpr std::array<std::uint64_t, 12> kEdges = {
      0,    1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000,
      ~0ULL};
  Input out = seed;
  for (auto changes = 1 + random.below(4); changes > 0; --changes) {
    const auto at = static_cast<std::size_t>(random.below(out.size()));
    const auto length = static_cast<std::size_t>(random.below(std::min<std::size_t>(out.size() - at, 64) + 1));
    const auto from = out.begin() + static_cast<std::ptrdiff_t>(at);
    const auto to = from + static_cast<std::ptrdiff_t>(length);
    switch (random.below(8)) {
      case 0:
      case 1:
        if (!out.empty()) out[at] = static_cast<std::uint8_t>(out[at] ^ (1U << random.below(8)));
        break;
      case 2:
        if (!out.empty()) out[at] = static_cast<std::uint8_t>(random.below(256));
        break;
      case 3: {
        const std::size_t width = std::size_t{1} << random.below(4);
        put_integer(out, at, kEdges.at(random.below(kEdges.size())), width, random.below(2) == 1);
        break;
      }
      case 4: out.resize(at); break;
      case 5: out.erase(from, to); break;
      case 6: {
        const Input part(from, to);
        out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), part.begin(), part.end());
        break;
      }
      default: {
        const auto begin = static_cast<std::size_t>(random.below(other.size()));
        const auto count = static_cast<std::size_t>(random.below(std::min<std::size_t>(other.size() - begin, 256) + 1));
        const auto first = other.begin() + static_cast<std::ptrdiff_t>(begin);
        out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), first, first + static_cast<std::ptrdiff_t>(count));
      }
    }
  }
  return out;
}

// The plain mutations, or those of the format.
Input next_input(const Input& seed, const Input& other, Random& random) {
  if (LLVMFuzzerCustomMutator == nullptr) return mutate(seed, other, random);
  constexpr std::size_t kGrowth = 4096;
  Input out = seed;
  out.resize(seed.size() + kGrowth);
  const auto number = static_cast<unsigned>(random.below(1ULL << 32));
  out.resize(LLVMFuzzerCustomMutator(out.data(), seed.size(), out.size(), number));
  return out;
}

std::vector<fs::path> files_of(const std::vector<std::string>& arguments) {
  std::vector<fs::path> files;
  for (const std::string& argument : arguments) {
    if (!fs::is_directory(argument)) {
      files.emplace_back(argument);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(argument)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

Input contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    std::fprintf(stderr, "replay: cannot read %s\n", file.c_str());
    std::exit(2);
  }
  return Input(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most) {
  static Random random;
  const Input input(data, data + size);
  const Input out = mutate(input, input, random);
  const std::size_t count = std::min(out.size(), most);
  std::copy_n(out.begin(), count, data);
  return count;
}

int main(int argc, char** argv) {
  std::uint64_t mutations = 0, longest = 65536;
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--mutations") == 0 && i + 1 < argc) {
      mutations = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--longest") == 0 && i + 1 < argc) {
      longest = std::strtoull(argv[++i], nullptr, 10);
    } else {
      arguments.emplace_back(argv[i]);
    }
  }
  static const std::string name = "crash-" + fs::path(argv[0]).filename().string();
  crash_name = name.c_str();
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM}) std::signal(number, on_signal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_input);

  std::vector<Input> seeds;
  const auto files = files_of(arguments);
  for (const fs::path& file : files) {
    Input input = contents(file);
    run(input);
    if (input.size() <= longest) seeds.push_back(std::move(input));
  }
  if (files.empty() || (mutations > 0 && seeds.empty())) {
    std::fprintf(stderr, "replay: no input\n");
    return 2;
  }
  Random random;
  for (std::uint64_t i = 0; i < mutations; ++i) {
    run(next_input(seeds[i % seeds.size()], seeds[random.below(seeds.size())], random));
  }
  std::printf("%zu files and %llu mutations\n", files.size(), static_cast<unsigned long long>(mutations));
  return 0;
}
