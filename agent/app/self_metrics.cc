#include "agent/app/self_metrics.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace sluice::app {
namespace {

MetricType type_of(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return MetricType::kCounter;
    case prometheus::MetricType::Gauge:
      return MetricType::kGauge;
    case prometheus::MetricType::Histogram:
      return MetricType::kHistogram;
    case prometheus::MetricType::Summary:
      return MetricType::kSummary;
    case prometheus::MetricType::Untyped:
      break;
  }
  return MetricType::kUnknown;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double resident_bytes() {
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  if (statm == nullptr) return 0;
  long total = 0, resident = 0;
  const int read = std::fscanf(statm, "%ld %ld", &total, &resident);
  std::fclose(statm);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) : 0;
}

double open_descriptors() {
  std::error_code error;
  double count = -1;  // the listing itself opens one
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error))
    ++count;
  return count;
}

}  // namespace

Instruments::Instruments()
    : http_requests_(prometheus::BuildCounter()
                         .Name(std::string(kHttpRequests.name))
                         .Help(std::string(kHttpRequests.help))
                         .Register(registry_)),
      redis_errors_(prometheus::BuildCounter()
                        .Name(std::string(kRedisErrors.name))
                        .Help(std::string(kRedisErrors.help))
                        .Register(registry_)
                        .Add({})) {}

void Instruments::http_request(std::string_view path, int status) {
  http_requests_.Add({{"path", std::string(path)}, {"status", fmt::format("{}", status)}}).Increment();
}

std::vector<exposition::ExposedFamily> Instruments::collect() const {
  std::vector<exposition::ExposedFamily> out;
  for (const prometheus::MetricFamily& family : registry_.Collect()) {
    exposition::ExposedFamily exposed;
    exposed.name = family.name;
    exposed.type = type_of(family.type);
    exposed.help = family.help;
    for (const prometheus::ClientMetric& metric : family.metric) {
      exposition::ExposedSample sample;
      for (const auto& label : metric.label) sample.labels.set(label.name, label.value);
      sample.value =
          family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
      exposed.samples.push_back(std::move(sample));
    }
    out.push_back(std::move(exposed));
  }
  return out;
}

void FamilyList::add(const MetricFamily& family, double value, Labels labels) {
  if (families_.empty() || families_.back().name != family.name) {
    families_.push_back({std::string(family.name), family.type, std::string(family.help), {}});
  }
  families_.back().samples.push_back({"", std::move(labels), value, {}});
}

void add_process_metrics(FamilyList& out, double start_time) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  out.add(kStartTime, start_time);
  out.add(kCpuSeconds, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  out.add(kResidentBytes, resident_bytes());
  out.add(kOpenFds, open_descriptors());
  out.add(kMaxFds, static_cast<double>(files.rlim_cur));
}

void write_to_store(const std::vector<exposition::ExposedFamily>& families, const Labels& labels,
                    Timestamp at, store::SampleStore& store) {
  for (const exposition::ExposedFamily& family : families) {
    for (const exposition::ExposedSample& sample : family.samples) {
      Labels full = labels;
      for (const auto& label : sample.labels) full.set(label.name, label.value);
      full.set(kMetricName, family.name + sample.suffix);
      store.append(full, {at, sample.value});
    }
  }
}

}  // namespace sluice::app
