#include "agent/config/alertmanager_file.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "agent/config/alertmanager_receivers.h"
#include "agent/config/alertmanager_text.h"
#include "agent/config/modules.h"
#include "agent/config/time_zones.h"
#include "alerts/matcher_text.h"
#include "alerts/notify/notifier.h"
#include "alerts/notify/render.h"
#include "core/file/file.h"

namespace sluice::config {
namespace {

using namespace alerts;

constexpr size_t kTemplateBytesMax = 4 << 20;

// "fields[0].title", "details.some key", "text" below an integration; null when it is not written there.
const Node* find_path(const Node& node, std::string_view path) {
  const size_t end = path.find_first_of(".[");
  const Node* child = node.find(path.substr(0, end));
  if (child == nullptr || end == std::string_view::npos) return child;
  if (path[end] == '.') {
    // Keys of details and headers may hold anything; names of headers are written in any letter case.
    const std::string_view rest = path.substr(end + 1);
    for (const Entry& entry : child->entries) {
      const bool same =
          std::equal(entry.key.begin(), entry.key.end(), rest.begin(), rest.end(), [](char a, char b) {
            return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
          });
      if (same) return &entry.value;
    }
    return find_path(*child, rest);
  }
  const size_t close = path.find(']', end);
  const size_t index =
      static_cast<size_t>(std::atoi(std::string(path.substr(end + 1, close - end - 1)).c_str()));
  if (index >= child->items.size()) return nullptr;
  return find_path(child->items[index], path.substr(std::min(close + 2, path.size())));
}

// Where each template of a receiver is written; one that is inherited, where its integration begins.
std::map<std::string, Mark> template_marks(const Node& root, const alerts::Config& config) {
  std::map<std::string, Mark> marks;
  const Node* receivers = root.find("receivers");
  for (size_t i = 0; i < config.receivers.size(); ++i) {
    for (const auto& integration : config.receivers[i].integrations) {
      const Node* list = receivers->items[i].find(std::string(integration->kind()) + "_configs");
      const Node& item = list->items[integration->index];
      notify::for_each_template(*integration, [&](const std::string& key, const std::string&) {
        const Node* at = find_path(item, key);
        marks.emplace(notify::template_name(*integration, key), (at == nullptr ? item : *at).mark);
      });
    }
  }
  return marks;
}

class Loader {
 public:
  Loader(Diagnostics& diagnostics, std::string folder)
      : diagnostics_(diagnostics), folder_(std::move(folder)) {}

  std::shared_ptr<const alerts::Config> load(const Node& root) {
    auto config = std::make_shared<alerts::Config>();
    Fields fields(root, diagnostics_, "");
    if (const Node* node = fields.child("global"))
      global_ = read_alertmanager_global(*node, diagnostics_, folder_);
    config->resolve_timeout = global_.resolve_timeout;
    fields.each("receivers", [&](const Node& node, const std::string& name) {
      config->receivers.push_back(read_receiver(node, name, diagnostics_, global_, folder_));
      add_name(receivers_, node, config->receivers.back().name, "notification config name {} is not unique");
    });
    for (const std::string_view key : {"mute_time_intervals", "time_intervals"}) {
      fields.each(key, [&](const Node& node, const std::string& name) {
        config->time_intervals.push_back(read_named_interval(node, name, key));
        add_name(intervals_, node, config->time_intervals.back().name, "time interval {} is not unique");
      });
    }
    if (const Node* route = fields.child("route")) {
      config->route = read_root(*route);
    } else if (root.kind == Node::Kind::kMap || root.is_null()) {
      diagnostics_.add(root.mark, "no route provided in config");
    }
    fields.each("inhibit_rules", [&](const Node& node, const std::string& name) {
      config->inhibit_rules.push_back(read_inhibit_rule(node, name));
    });
    read_templates(fields, *config);
    fields.done();
    config->original = masked_text(root);
    if (diagnostics_.ok()) check_templates(root, config);
    return config;
  }

 private:
  void add_name(std::set<std::string>& names, const Node& node, const std::string& name,
                const char* message) {
    if (name.empty() || names.insert(name).second) return;
    const Node* at = node.find("name");
    diagnostics_.add(at == nullptr ? node.mark : at->mark, fmt::format(fmt::runtime(message), quote(name)));
  }

  // --- matchers ---

  void add_matcher(const Node& node, MatchOp op, const std::string& name, const std::string& value,
                   std::vector<Matcher>& out) {
    if (!is_classic_label_name(name)) {
      diagnostics_.add(node.mark, fmt::format("invalid label name {}", quote(name)));
      return;
    }
    auto matcher = Matcher::make(op, name, value);
    if (!matcher) {
      diagnostics_.add(node.mark, matcher.error().message);
    } else {
      out.push_back(std::move(*matcher));
    }
  }

  void read_match_map(Fields& fields, std::string_view key, MatchOp op, std::vector<Matcher>& out) {
    std::map<std::string, std::string> pairs;
    if (!fields.string_map(key, pairs)) return;
    for (const Entry& entry : fields.child(key)->entries)
      add_matcher(entry.value, op, entry.key, pairs[entry.key], out);
  }

  void read_matcher_list(Fields& fields, std::string_view key, std::vector<Matcher>& out) {
    std::vector<std::string> texts;
    if (!fields.strings(key, texts)) return;
    const Node& list = *fields.child(key);
    for (size_t i = 0; i < texts.size(); ++i) {
      auto matchers = parse_matchers(texts[i]);
      if (!matchers) {
        diagnostics_.add(i < list.items.size() ? list.items[i].mark : list.mark, matchers.error().message);
        continue;
      }
      for (Matcher& matcher : *matchers) out.push_back(std::move(matcher));
    }
  }

  std::vector<Matcher> read_matchers(Fields& fields, std::string_view equal, std::string_view regex,
                                     std::string_view list) {
    std::vector<Matcher> out;
    read_match_map(fields, equal, MatchOp::kEqual, out);
    read_match_map(fields, regex, MatchOp::kRegex, out);
    read_matcher_list(fields, list, out);
    std::sort(out.begin(), out.end(), [](const Matcher& a, const Matcher& b) {
      return std::tie(a.name(), a.value()) < std::tie(b.name(), b.value());
    });
    return out;
  }

  // --- routes ---

  Route read_root(const Node& node) {
    Fields fields(node, diagnostics_, "route");
    if (!fields.has("receiver")) fields.mistake("receiver", "root route must specify a default receiver");
    for (const std::string_view key : {"match", "match_re", "matchers"}) {
      const Node* value = node.find(key);
      if (value == nullptr || (value->items.empty() && value->entries.empty() && value->scalar.empty()))
        continue;
      fields.mistake(key, "root route must not have any matchers");
    }
    for (const std::string_view key : {"mute_time_intervals", "active_time_intervals"}) {
      const Node* value = node.find(key);
      if (value == nullptr || value->items.empty()) continue;
      fields.mistake(key, key == "mute_time_intervals"
                              ? "root route must not have any mute time intervals"
                              : "root route must not have any active time intervals");
    }
    return read_route(node, "route", Route{});
  }

  void read_group_by(Fields& fields, Route& route) {
    std::vector<std::string> names;
    if (!fields.strings("group_by", names)) return;
    const Node& list = *fields.child("group_by");
    route.group_by.clear();
    route.group_by_all = false;
    std::set<std::string> seen;
    for (size_t i = 0; i < names.size(); ++i) {
      const Mark mark = i < list.items.size() ? list.items[i].mark : list.mark;
      if (names[i] == "...") {
        route.group_by_all = true;
      } else if (!is_label_name(names[i])) {
        diagnostics_.add(mark, fmt::format("invalid label name {} in group_by list", quote(names[i])));
      } else if (!seen.insert(names[i]).second) {
        diagnostics_.add(mark, fmt::format("duplicated label {} in group_by", quote(names[i])));
      } else {
        route.group_by.push_back(names[i]);
      }
    }
    if (route.group_by_all && !route.group_by.empty()) {
      fields.mistake("group_by",
                     "cannot have wildcard group_by (`...`) and other other labels at the same time");
    }
  }

  void read_interval_names(Fields& fields, std::string_view key, std::vector<std::string>& out) {
    if (!fields.strings(key, out)) return;
    const Node& list = *fields.child(key);
    for (size_t i = 0; i < out.size(); ++i) {
      if (intervals_.contains(out[i])) continue;
      diagnostics_.add(i < list.items.size() ? list.items[i].mark : list.mark,
                       fmt::format("undefined time interval {} used in route", quote(out[i])));
    }
  }

  // `inherited` is the parent: receiver, grouping and timing pass down, matchers and time intervals do not.
  Route read_route(const Node& node, const std::string& name, const Route& inherited) {
    Route route;
    route.receiver = inherited.receiver;
    route.group_by = inherited.group_by;
    route.group_by_all = inherited.group_by_all;
    route.group_wait = inherited.group_wait;
    route.group_interval = inherited.group_interval;
    route.repeat_interval = inherited.repeat_interval;

    Fields fields(node, diagnostics_, name);
    if (fields.string("receiver", route.receiver) && !receivers_.contains(route.receiver)) {
      fields.mistake("receiver", fmt::format("undefined receiver {} used in route", quote(route.receiver)));
    }
    route.matchers = read_matchers(fields, "match", "match_re", "matchers");
    fields.boolean("continue", route.continue_matching);
    read_group_by(fields, route);
    fields.duration("group_wait", route.group_wait);
    fields.duration("group_interval", route.group_interval);
    if (route.group_interval == Duration::zero())
      fields.mistake("group_interval", "group_interval cannot be zero");
    fields.duration("repeat_interval", route.repeat_interval);
    if (route.repeat_interval == Duration::zero())
      fields.mistake("repeat_interval", "repeat_interval cannot be zero");
    read_interval_names(fields, "mute_time_intervals", route.mute_time_intervals);
    read_interval_names(fields, "active_time_intervals", route.active_time_intervals);
    fields.each("routes", [&](const Node& child, const std::string& child_name) {
      route.routes.push_back(read_route(child, child_name, route));
    });
    fields.done();
    return route;
  }

  // --- inhibition ---

  InhibitRule read_inhibit_rule(const Node& node, const std::string& name) {
    Fields fields(node, diagnostics_, name);
    InhibitRule rule;
    rule.source = read_matchers(fields, "source_match", "source_match_re", "source_matchers");
    rule.target = read_matchers(fields, "target_match", "target_match_re", "target_matchers");
    if (fields.strings("equal", rule.equal)) {
      for (const std::string& label : rule.equal) {
        if (!is_label_name(label)) {
          fields.mistake("equal", fmt::format("invalid label name {}", quote(label)));
        }
      }
    }
    fields.done();
    return rule;
  }

  // --- time intervals ---

  NamedTimeInterval read_named_interval(const Node& node, const std::string& name, std::string_view key) {
    Fields fields(node, diagnostics_, name);
    NamedTimeInterval named;
    fields.string("name", named.name);
    if (named.name.empty()) {
      fields.mistake("name", key == "time_intervals" ? "missing name in time interval"
                                                     : "missing name in mute time interval");
    }
    fields.each("time_intervals", [&](const Node& item, const std::string& item_name) {
      named.intervals.push_back(read_interval(item, item_name));
    });
    fields.done();
    return named;
  }

  void read_ranges(Fields& fields, std::string_view key, Result<Range> (*parse)(std::string_view),
                   std::vector<Range>& out) {
    std::vector<std::string> texts;
    if (!fields.strings(key, texts)) return;
    const Node& list = *fields.child(key);
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto range = parse(texts[i]);
      if (range) {
        out.push_back(*range);
      } else {
        diagnostics_.add(i < list.items.size() ? list.items[i].mark : list.mark, range.error().message);
      }
    }
  }

  TimeInterval read_interval(const Node& node, const std::string& name) {
    Fields fields(node, diagnostics_, name);
    TimeInterval interval;
    fields.each("times", [&](const Node& item, const std::string& item_name) {
      Fields inner(item, diagnostics_, item_name);
      std::string start, end;
      inner.string("start_time", start);
      inner.string("end_time", end);
      const auto range = parse_time_range(start, end);
      if (range) {
        interval.times.push_back(*range);
      } else {
        inner.mistake("start_time", start.empty() || end.empty() ? "both start and end times must be provided"
                                                                 : range.error().message);
      }
      inner.done();
    });
    read_ranges(fields, "weekdays", parse_weekday_range, interval.weekdays);
    read_ranges(fields, "days_of_month", parse_day_of_month_range, interval.days_of_month);
    read_ranges(fields, "months", parse_month_range, interval.months);
    read_ranges(fields, "years", parse_year_range, interval.years);
    if (fields.string("location", interval.location)) {
      auto zone = zones_.find(interval.location);
      if (zone) {
        interval.zone = *zone;
      } else {
        fields.mistake("location", zone.error().message);
      }
    }
    fields.done();
    return interval;
  }

  // --- templates ---

  void read_templates(Fields& fields, alerts::Config& config) {
    std::vector<std::string> patterns;
    if (!fields.strings("templates", patterns)) return;
    const Node& list = *fields.child("templates");
    templates_mark_ = list.mark;
    for (size_t i = 0; i < patterns.size(); ++i) {
      const Mark mark = i < list.items.size() ? list.items[i].mark : list.mark;
      glob_t found{};
      // As in Alertmanager, a pattern that matches nothing is no mistake.
      if (::glob(resolve_path(folder_, patterns[i]).c_str(), 0, nullptr, &found) == 0) {
        for (size_t k = 0; k < found.gl_pathc; ++k) read_template(found.gl_pathv[k], mark, config);
      }
      ::globfree(&found);
    }
  }

  void read_template(const std::string& path, Mark mark, alerts::Config& config) {
    auto text = file::read(path, kTemplateBytesMax);
    if (text) {
      config.templates.push_back({path, std::move(*text)});
    } else {
      diagnostics_.add(mark, text.error().message);
    }
  }

  // Templates are parsed here once, so that a wrong one is found before it costs a page.
  void check_templates(const Node& root, const std::shared_ptr<const alerts::Config>& config) {
    Mistakes mistakes;
    notify::Notifier::make(config, {}, mistakes);
    if (mistakes.empty()) return;
    const std::map<std::string, Mark> marks = template_marks(root, *config);
    for (const Mistake& mistake : mistakes) {
      const auto mark = marks.find(mistake.file);
      diagnostics_.add(mark == marks.end() ? templates_mark_ : mark->second, mistake.message);
    }
  }

  Diagnostics& diagnostics_;
  std::string folder_;
  AlertmanagerGlobal global_;
  std::set<std::string> receivers_, intervals_;
  Mark templates_mark_;
  TimeZones zones_;
};

}  // namespace

std::shared_ptr<const alerts::Config> parse_alertmanager_file(const std::string& path, std::string_view text,
                                                              const std::string& folder, Mistakes& mistakes,
                                                              const Environment* environment) {
  Diagnostics diagnostics(path);
  std::shared_ptr<const alerts::Config> config;
  if (const auto root = parse_yaml(text, diagnostics, environment))
    config = Loader(diagnostics, folder).load(*root);
  if (diagnostics.ok()) return config;
  for (Mistake& mistake : diagnostics.take()) mistakes.push_back(std::move(mistake));
  return nullptr;
}

std::shared_ptr<const alerts::Config> load_alertmanager_file(const std::string& path, Mistakes& mistakes) {
  const Result<std::string> text = file::read(path);
  if (!text) {
    mistakes.push_back({path, 0, 0, text.error().message});
    return nullptr;
  }
  return parse_alertmanager_file(path, *text, std::filesystem::path(path).parent_path().string(), mistakes);
}

}  // namespace sluice::config
