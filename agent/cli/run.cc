#include "agent/app/app.h"
#include "agent/cli/commands.h"
#include "agent/cli/load.h"
#include "agent/config/web_file.h"

namespace sluice::cli {
namespace {

LogLevel level_of(const std::string& word) {
  if (word == "debug") return LogLevel::kDebug;
  if (word == "warn") return LogLevel::kWarn;
  return word == "error" ? LogLevel::kError : LogLevel::kInfo;
}

// What the command line says wins over the file, at start and on every reload.
config::Loaded load_with_flags(const RunOptions& options) {
  config::Loaded loaded = load(options.config_file, options.env_file);
  if (loaded.config == nullptr) return loaded;
  auto config = std::make_shared<config::Config>(*loaded.config);
  if (!options.listen_address.empty()) config->web.listen_address = options.listen_address;
  if (!options.store_path.empty()) config->store.path = options.store_path;
  if (!options.web_config_file.empty()) {
    config->web.config_file = options.web_config_file;
    if (auto access = config::load_web_file(options.web_config_file, loaded.mistakes))
      config->web.access = *access;
  }
  loaded.config = loaded.mistakes.empty() ? config : nullptr;
  return loaded;
}

}  // namespace

int run(const RunOptions& options) {
  app::AppOptions app_options;
  app_options.load = [options] { return load_with_flags(options); };
  app_options.log_level = level_of(options.log_level);
  app_options.log_json = options.log_format == "json";
  return app::App(std::move(app_options)).run();
}

}  // namespace sluice::cli
