// SPDX-License-Identifier: Apache-2.0
// Of a kubernetes source in the configuration.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace holdfast {

struct KubernetesSourceConfig {
  std::string kubeconfig;            // a file; "": the service account of the pod we run in
  std::vector<std::string> servers;  // URLs in order, instead of the ones found there
  // No event and no bookmark for so long: the watch is dead. The API sends a bookmark a minute.
  std::chrono::seconds silence{120};
  std::chrono::seconds compare_interval{600};  // the compare against lost events, jittered
};

}  // namespace holdfast
