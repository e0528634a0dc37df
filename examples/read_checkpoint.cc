// Prints the name, dtype and shape of every tensor of a checkpoint: PyTorch, safetensors or TensorFlow alike.
#include <transload/transload.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: read_checkpoint PATH\n";
    return 2;
  }
  try {
    const auto reader = transload::open(transload::locate(argv[1]));
    for (const transload::TensorInfo& tensor : reader->index().tensors) {
      std::cout << tensor.name << ' ' << transload::name(tensor.dtype) << ' ' << transload::to_string(tensor.shape)
                << '\n';
    }
    return 0;
  } catch (const transload::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
