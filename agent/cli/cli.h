#pragma once
// The command line: one table of subcommands.

namespace sluice::cli {

// Parses argv, runs the subcommand, returns the exit code.
int main(int argc, char** argv);

}  // namespace sluice::cli
