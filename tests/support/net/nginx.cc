#include "tests/support/net/nginx.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "tests/support/suites.h"

namespace sluice::support {
namespace {

constexpr const char* kProgram = "/usr/sbin/nginx";

std::string configuration(const std::string& folder, uint16_t port, uint16_t tls_port,
                          const std::string& locations, const std::string& cert_file,
                          const std::string& key_file, const std::string& tls_extra) {
  std::string tls;
  if (!cert_file.empty()) {
    tls = fmt::format(
        "ssl_protocols TLSv1.2 TLSv1.3;\nserver {{ listen 127.0.0.1:{} ssl; root {}/www; ssl_certificate {}; "
        "ssl_certificate_key "
        "{};\n{}\n{}\n}}\n",
        tls_port, folder, cert_file, key_file, tls_extra, locations);
  }
  // As root, nginx would give its workers to a user who may not read the temporary folder.
  const char* user = geteuid() == 0 ? "user root;\n" : "";
  return fmt::format(
      "{0}worker_processes 1;\ndaemon off;\npid {1}/pid;\nerror_log {1}/error.log;\n"
      "events {{ worker_connections 1024; }}\n"
      "http {{ access_log off; default_type text/plain; client_body_temp_path {1}/body; proxy_temp_path "
      "{1}/proxy;\n"
      "fastcgi_temp_path {1}/fastcgi; uwsgi_temp_path {1}/uwsgi; scgi_temp_path {1}/scgi;\n"
      "server {{ listen 127.0.0.1:{2} backlog=1024; root {1}/www;\n{3}\n}}\n{4}}}\n",
      user, folder, port, locations, tls);
}

}  // namespace

bool Nginx::available() {
  return access(kProgram, X_OK) == 0;
}

Nginx::Nginx(const std::string& locations, const std::string& cert_file, const std::string& key_file,
             const std::string& tls_extra)
    : port_(free_port()), tls_port_(cert_file.empty() ? 0 : free_port()) {
  mkdir(folder_.file("www").c_str(), 0755);
  write_file(folder_.file("nginx.conf"),
             configuration(folder_.path(), port_, tls_port_, locations, cert_file, key_file, tls_extra));
  ProcessOptions options;
  options.output_file = folder_.file("output");
  process_ = std::make_unique<Process>(
      std::vector<std::string>{kProgram, "-p", folder_.path(), "-c", folder_.file("nginx.conf")}, options);
  const bool up =
      eventually([&] { return port_answers(port_) && (tls_port_ == 0 || port_answers(tls_port_)); });
  SLUICE_CHECK(up, "nginx does not start: " + read_file(folder_.file("output")));
}

void Nginx::write(const std::string& name, const std::string& content) const {
  write_file(folder_.file("www/" + name), content);
}

}  // namespace sluice::support
