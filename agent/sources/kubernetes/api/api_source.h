// SPDX-License-Identifier: Apache-2.0
// The Kubernetes source: Services, EndpointSlices and this node's Node, listed and watched.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "agent/net/http_stream.h"
#include "agent/sources/kubernetes/settings.h"
#include "agent/sources/source.h"

namespace holdfast {

class KubernetesSource : public Source {
 public:
  // `prepare`: called with each socket before it connects, so that the way to the API never goes
  // through our own frontends (design.md 4.14).
  KubernetesSource(boost::asio::io_context& loop, std::string name, KubernetesSourceConfig config,
                   std::string node_name, net::HttpStream::Prepare prepare);
  ~KubernetesSource() override;

  void start(Sink sink) override;
  void stop() override;
  SourceStatus status() const override;
  void heard(const Feedback& feedback) override;
  void remember(const std::vector<ServicePtr>& services,
                const std::map<std::string, Node>& nodes) override;
  std::string memory() const override;
  std::string cluster() const override;
  void restore(const std::string& memory) override;
  Result<> confirm() override;

  struct Core;  // private to this folder

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace holdfast
