// Standard input, output and error as the program was given them.
#pragma once

namespace transload::cli {

// Opens /dev/null in place of those that are closed: else the next file that is opened, perhaps an output, would get
// the number of one of them, and messages would be written into it.
void keep_standard_streams();

// What is still buffered for standard output is written. Errc::io where that, or any earlier write, did not succeed.
void flush_standard_output();

}  // namespace transload::cli
