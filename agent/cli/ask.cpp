// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/ask.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace holdfast::cli {

namespace json = boost::json;

Result<json::value> ask(const Env& env, const Options& options, const std::string& method,
                        const std::string& path) {
  const auto answer = env.request(options.config.admin_socket, {method, path, ""}, options.timeout);
  if (!answer) return tl::unexpected(answer.error());
  json::error_code error;
  json::value value = json::parse(answer->body, error);
  if (error) return fail(Errc::internal, "holdfastd answered what is no JSON: " + error.message());
  if (answer->status < 300) return value;
  const json::value* what = value.is_object() ? value.get_object().if_contains("error") : nullptr;
  return fail(answer->status == 404 ? Errc::not_found : Errc::internal,
              what ? cell(*what) : answer->body);
}

Result<json::array> ask_conflicts(const Env& env, const Options& options) {
  Options patience = options;
  patience.timeout = std::min(options.timeout, 1);
  auto answer = ask(env, patience, "GET", "/v1/conflicts");
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->is_array()) return fail(Errc::internal, "holdfastd answered what is no list");
  return std::move(answer->get_array());
}

}  // namespace holdfast::cli
