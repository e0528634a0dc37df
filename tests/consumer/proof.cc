// Uses transload::proof: a checkpoint against itself. Exit 0: they compute the same.
#include <transload/prove_outputs.h>
#include <transload/transload.h>

#include <fstream>
#include <iostream>
#include <sstream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    std::ostringstream config;
    config << std::ifstream(argv[2]).rdbuf();
    transload::Model model;
    model.weights = transload::open(transload::locate(argv[1]));
    model.display = argv[1];
    model.family = "bert";
    model.dialect = "hf";
    model.config_json = config.str();
    model.config_name = argv[2];
    return transload::prove_outputs(model, model).holds() ? 0 : 1;
  } catch (const transload::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
