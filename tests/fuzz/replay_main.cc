// Stands in for libFuzzer: runs a fuzz target over a corpus folder and over seeded mutations of it.
//
//   fuzz_promql CORPUS_FOLDER [MUTATIONS [SEED]]
//
// A finding aborts; the input that caused it was written to fuzz_finding in the working directory before it
// was run.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<std::string> read_corpus(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

// A few edits: bytes changed, pieces cut out, doubled, or spliced in from another input.
std::string mutate(sluice::Random& random, const std::vector<std::string>& corpus) {
  std::string input = corpus[random.below(corpus.size())];
  for (uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
    const size_t at = random.below(input.size() + 1);
    const size_t length = random.below(std::min<size_t>(16, input.size() - at) + 1);
    switch (random.below(5)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        input.erase(at, length);
        break;
      case 2:
        input.insert(at, input.substr(at, length));
        break;
      case 3: {
        static constexpr char kPunctuation[] = "(){}[]\"'`,:=!~<>+-*/%^@# \n\\.0e_x";
        input.insert(at, 1, kPunctuation[random.below(sizeof kPunctuation - 1)]);
        break;
      }
      default: {
        const std::string& other = corpus[random.below(corpus.size())];
        const size_t from = random.below(other.size() + 1);
        input.insert(at, other.substr(from, random.below(24)));
      }
    }
  }
  return input;
}

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [MUTATIONS [SEED]]\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> corpus = read_corpus(argv[1]);
  const uint64_t mutations = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5000;
  const uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  if (corpus.empty()) {
    std::fprintf(stderr, "%s is empty\n", argv[1]);
    return 2;
  }
  for (const std::string& input : corpus) run(input);
  sluice::Random random(seed);
  for (uint64_t i = 0; i < mutations; ++i) {
    const std::string input = mutate(random, corpus);
    std::ofstream("fuzz_finding", std::ios::binary) << input;
    run(input);
  }
  std::filesystem::remove("fuzz_finding");
  std::printf("%zu inputs and %llu mutations of seed %llu without a finding\n", corpus.size(),
              static_cast<unsigned long long>(mutations), static_cast<unsigned long long>(seed));
  return 0;
}
