// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "agent/base/text.h"
#include "agent/cli/commands/table.h"

extern char** environ;

int main(int argc, char** argv) {
  try {
    const int code = holdfast::cli::run(holdfast::cli::real_env(std::cout, std::cerr, environ),
                                        std::vector<std::string>(argv + 1, argv + argc));
    std::cout.flush();
    if (std::cout) return code;
    std::cerr << "holdfast: the output could not be written\n";
    return holdfast::cli::kFailed;
  } catch (const std::exception& error) {
    std::cerr << "holdfast: " << holdfast::printable(error.what()) << "\n";
    return holdfast::cli::kFailed;
  }
}
