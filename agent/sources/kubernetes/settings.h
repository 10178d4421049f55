// SPDX-License-Identifier: Apache-2.0
// A kubernetes source in the configuration.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace holdfast {

class Source;
struct SourceSurroundings;

struct KubernetesSourceConfig {
  static constexpr const char* kKind = "kubernetes";

  std::string kubeconfig;            // a file; "": the service account of the pod we run in
  bool in_cluster = false;           // the file says so; without a kubeconfig it is so anyway
  std::vector<std::string> servers;  // URLs in order, instead of the ones found there
  // No event and no bookmark for so long: the watch is dead. The API sends a bookmark a minute.
  std::chrono::seconds silence{120};
  std::chrono::seconds compare_interval{600};  // the compare against lost events, jittered

  // The keys of its section; `Loader` is agent/config's.
  template <class Loader>
  auto keys(Loader& loader) {
    return typename Loader::Keys{
        {"kubeconfig", loader.path(kubeconfig)},
        {"in_cluster", loader.implied(in_cluster, [this] { return kubeconfig.empty(); })},
        {"servers", loader.urls(servers)},
        {"silence_seconds", loader.duration(silence, 5, 3600)},
        {"compare_seconds", loader.duration(compare_interval, 5, 86400)}};
  }
  // What is wrong with the keys together, each being right; "": nothing.
  std::string problem() const {
    return in_cluster && !kubeconfig.empty() ? "kubeconfig and in_cluster exclude each other" : "";
  }
  // By agent/sources/kubernetes/api.
  std::unique_ptr<Source> make(const std::string& name, const SourceSurroundings& with) const;
};

}  // namespace holdfast
