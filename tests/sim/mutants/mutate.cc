// Makes a copy of a source file with the mistakes of mutants.txt planted: each "-" line must occur exactly
// once and is replaced by its "+" line, in which "$" stands for "this mutant is active".
//
//   mutate mutants.txt agent/gate/decide.cc out/decide.cc      writes the copy
//   mutate mutants.txt --names out/names.h                     writes the table of names

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Mutant {
  std::string name;
  std::string file;
  std::string old_text;
  std::string new_text;
};

std::vector<Mutant> read_mutants(const std::string& path) {
  std::vector<Mutant> mutants;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("name: ")) mutants.push_back({line.substr(6), "", "", ""});
    if (line.starts_with("file: ")) mutants.back().file = line.substr(6);
    for (const auto& [mark, text] :
         {std::pair("- ", &Mutant::old_text), std::pair("+ ", &Mutant::new_text)}) {
      if (!line.starts_with(mark)) continue;
      if (!(mutants.back().*text).empty()) {
        fmt::print(stderr, "mutant {}: more than one \"{}\"\n", mutants.back().name, mark);
        std::exit(1);
      }
      mutants.back().*text = line.substr(2);
    }
  }
  return mutants;
}

// White space is free: the formatter may break a line where it likes. Returns begin and end of the only
// match.
bool find_once(std::string_view text, std::string_view wanted, size_t& begin, size_t& end) {
  int found = 0;
  const auto is_space = [](char c) { return c == ' ' || c == '\n'; };
  for (size_t start = 0; start < text.size(); ++start) {
    size_t at = start;
    size_t i = 0;
    while (i < wanted.size() && at < text.size()) {
      if (is_space(wanted[i])) {
        if (!is_space(text[at])) break;
        while (at < text.size() && is_space(text[at])) ++at;
        ++i;
      } else if (wanted[i] == text[at]) {
        ++i, ++at;
      } else {
        break;
      }
    }
    if (i < wanted.size()) continue;
    begin = start;
    end = at;
    ++found;
  }
  return found == 1;
}

std::string plant(std::string text, const Mutant& mutant, size_t number) {
  size_t begin = 0;
  size_t end = 0;
  if (!find_once(text, mutant.old_text, begin, end)) {
    fmt::print(stderr, "mutant {}: \"{}\" does not occur exactly once in {}\n", mutant.name, mutant.old_text,
               mutant.file);
    std::exit(1);
  }
  std::string replacement;
  for (const char c : mutant.new_text) {
    replacement += c == '$' ? fmt::format("::sluice::sim::mutant_is({})", number) : std::string(1, c);
  }
  return text.replace(begin, end - begin, replacement);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto mutants = read_mutants(argv[1]);
  const std::string source = argv[2];
  std::ofstream out(argv[3]);
  if (source == "--names") {
    out << "#pragma once\nnamespace sluice::sim {\ninline constexpr const char* kMutants[] = {\"none\"";
    for (const Mutant& mutant : mutants) out << ", \"" << mutant.name << "\"";
    out << "};\n}\n";
    return 0;
  }
  std::ifstream in(source);
  std::stringstream buffer;
  buffer << in.rdbuf();
  std::string text = buffer.str();
  for (size_t i = 0; i < mutants.size(); ++i) {
    if (source.ends_with("/" + mutants[i].file)) text = plant(std::move(text), mutants[i], i + 1);
  }
  out << "#include \"tests/sim/mutants/active.h\"\n" << text;
  return 0;
}
