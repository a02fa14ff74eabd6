#pragma once
// YAML as a tree that remembers where everything stood, and a reader that forgets no mistake.
//
// yaml-cpp parses; its own node type is too lenient for files that people debug at night (duplicate keys, an
// open quote that swallows the rest of the file, a line without a colon), so its events build the tree below
// and those are mistakes. A loader then walks the tree with `Fields`, one call per key, and at the end every
// key nobody asked for is reported with the nearest known one:
//
//     Fields fields(node, diagnostics, "global");
//     fields.duration("interval", config.interval);
//     fields.duration("timeout", config.timeout);
//     fields.done();                                  // sluice.yml:3:3: unknown key "intervall" in global,
//     did you mean "interval"?
//
// Bounds: 16 MiB of text, 64 levels, 500,000 nodes after aliases are expanded, 1,000 mistakes reported.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/mistake.h"
#include "core/time.h"

namespace sluice::config {

struct Mark {
  int line = 0;    // from 1
  int column = 0;  // from 1, in bytes
};

struct Entry;

struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  Mark mark;
  std::string scalar;          // for kScalar
  bool quoted = false;         // 'x', "x" or a block scalar: never a number, boolean or null
  std::vector<Node> items;     // for kSequence
  std::vector<Entry> entries;  // for kMap: in the file's order, keys unique

  bool is_null() const;  // nothing, or a plain `null` or `~`
  const Node* find(std::string_view key) const;
};

struct Entry {
  std::string key;
  Mark mark;
  Node value;
};

// Names of environment variables to their values.
using Environment = std::map<std::string, std::string, std::less<>>;

// Gathers the mistakes of one file.
class Diagnostics {
 public:
  explicit Diagnostics(std::string file) : file_(std::move(file)) {}
  void add(Mark mark, std::string message);
  const std::string& file() const { return file_; }
  const Mistakes& mistakes() const { return mistakes_; }
  // Moves the mistakes out; past 1,000 of them the last says how many more there are.
  Mistakes take();
  bool ok() const { return mistakes_.empty(); }

 private:
  std::string file_;
  Mistakes mistakes_;
  size_t more_ = 0;
};

// Parses one document. An empty document is a null node. With `environment`, `${NAME}` and `${NAME:-default}`
// in values are replaced (`$${` is a literal `${`); an unset name without default is a mistake. Empty on any
// mistake.
std::optional<Node> parse_yaml(std::string_view text, Diagnostics& diagnostics,
                               const Environment* environment = nullptr);

// One scalar as a number, boolean or duration; a mistake naming `what` when it is not one.
std::optional<int64_t> read_integer(const Node& node, Diagnostics& diagnostics, std::string_view what);
std::optional<double> read_number(const Node& node, Diagnostics& diagnostics, std::string_view what);
std::optional<bool> read_boolean(const Node& node, Diagnostics& diagnostics, std::string_view what);
std::optional<Duration> read_duration(const Node& node, Diagnostics& diagnostics, std::string_view what);
// Null reads as "", numbers and booleans as they are written.
std::optional<std::string> read_string(const Node& node, Diagnostics& diagnostics, std::string_view what);

// Reads the keys of one map. A key that is absent or null leaves the caller's default. Each call marks its
// key as known.
class Fields {
 public:
  // `what` names the map in messages: "global", "probes[0].health".
  Fields(const Node& node, Diagnostics& diagnostics, std::string what);

  // True when the key was there (and not null) and its value was valid and stored.
  bool string(std::string_view key, std::string& out);
  bool boolean(std::string_view key, bool& out);
  bool integer(std::string_view key, int64_t& out, int64_t min, int64_t max);
  bool integer(std::string_view key, int& out, int min, int max);
  bool size(std::string_view key, size_t& out, size_t min, size_t max);
  bool number(std::string_view key, double& out, double min, double max);
  bool duration(std::string_view key, Duration& out, Duration min = Duration::zero(),
                Duration max = Duration::max());
  bool optional_duration(std::string_view key, std::optional<Duration>& out, Duration min = Duration::zero());
  // Byte sizes as blackbox_exporter writes them: 10MB, 512KiB, 1000.
  bool bytes(std::string_view key, size_t& out);
  bool strings(std::string_view key, std::vector<std::string>& out);  // a list, or one scalar
  bool string_map(std::string_view key, std::map<std::string, std::string>& out);
  bool labels(std::string_view key, Labels& out);  // names are checked
  // One of the listed words.
  bool choice(std::string_view key, std::string& out, std::initializer_list<std::string_view> words);

  // The value of a key, or null when it is absent or null; for what needs its own loader.
  const Node* child(std::string_view key);
  // Calls `read` with each element of a list and its name, "probes[2]". An element that is null is a mistake.
  void each(std::string_view key, const std::function<void(const Node&, const std::string& name)>& read);
  // Reports that a required key is missing, at the map's own place.
  void require(std::string_view key);
  bool has(std::string_view key) const { return node_ != nullptr && node_->find(key) != nullptr; }

  // Adds a mistake at the key's value (at the map, if the key is absent).
  void mistake(std::string_view key, std::string message);
  std::string name(std::string_view key) const;  // "global.interval"
  Mark mark() const { return node_ == nullptr ? Mark{} : node_->mark; }
  Diagnostics& diagnostics() { return diagnostics_; }

  // Reports every key that no call named. Must be called once, last.
  void done();

 private:
  const Node* node_ = nullptr;  // null when the node was no map: everything reads as absent
  Diagnostics& diagnostics_;
  std::string what_;
  std::vector<std::string> known_;
};

}  // namespace sluice::config
