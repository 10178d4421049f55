// SPDX-License-Identifier: Apache-2.0
// Another product's file: keys that are not known are left alone, but what is read must be right.
#include <filesystem>
#include <iterator>

#include "agent/base/file.h"
#include "agent/net/pem.h"
#include "agent/sources/kubernetes/api/credentials.h"
#include "agent/sources/kubernetes/api/token.h"
#include "agent/sources/value.h"

namespace holdfast::kubernetes {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestFile = 4 << 20;  // bytes, of the kubeconfig or of a file it names

// What a user section may hold that this agent cannot do, and what can be done instead.
struct Unsupported {
  const char* key;
  const char* instead;
};
constexpr const char* kUseFiles = "use token, tokenFile, or client-certificate and client-key";
constexpr const char* kOwnUser = "give this agent a user of its own";
constexpr Unsupported kUnsupportedOfUser[] = {{"exec", kUseFiles},     {"auth-provider", kUseFiles},
                                              {"username", kUseFiles}, {"password", kUseFiles},
                                              {"as", kOwnUser},        {"as-uid", kOwnUser},
                                              {"as-groups", kOwnUser}, {"as-user-extra", kOwnUser}};
constexpr Unsupported kUnsupportedOfCluster[] = {
    {"proxy-url", "name a server that this host reaches directly"}};

bool is_set(const Value* value) {
  return value && !value->is_null() &&
         (value->type != Value::Type::string || !value->text.empty()) &&
         (value->type != Value::Type::sequence || !value->items.empty()) &&
         (value->type != Value::Type::mapping || !value->members.empty());
}

// Reads one kubeconfig; the first problem stops it.
class Kubeconfig {
 public:
  explicit Kubeconfig(std::string path) : path_(std::move(path)) {}

  Result<Credentials> read(const Value& root);

 private:
  // The text of a key, "" when it is not there.
  Result<std::string> text(const Value& in, const std::string& key) const;
  // The section `kind` of the entry named `name` in the list `list`.
  Result<const Value*> entry(const Value& root, const std::string& list, const std::string& kind,
                             const Value& named) const;
  // What `key`-data holds, else the content of the file that `key` names; "" for neither.
  Result<std::string> data_or_file(const Value& in, const std::string& key) const;
  template <std::size_t N>
  Result<> refuse(const Value& in, const Unsupported (&rows)[N]) const;
  Result<> read_cluster(const Value& cluster, Credentials& into) const;
  Result<> read_user(const Value& user, Credentials& into) const;
  Result<std::string> token(const Value& user) const;

  Failure bad(const Value& at, std::string message) const {
    return fail(Errc::invalid,
                Problem{path_, at.line, at.column, "", std::move(message)}.to_string());
  }
  std::string beside(const std::string& file) const {
    return (fs::path(path_).parent_path() / file).string();  // an absolute `file` stays itself
  }

  std::string path_;
};

Result<std::string> Kubeconfig::text(const Value& in, const std::string& key) const {
  const Value* value = in.find(key);
  if (!value || value->is_null()) return std::string();
  if (value->type != Value::Type::string)
    return bad(*value, key + ": expected a string, not " + std::string(to_string(value->type)));
  return value->text;
}

Result<const Value*> Kubeconfig::entry(const Value& root, const std::string& list,
                                       const std::string& kind, const Value& named) const {
  const Value* entries = root.find(list);
  if (!entries || entries->is_null())
    return bad(named, kind + " '" + named.text + "': there are no " + list);
  if (entries->type != Value::Type::sequence) return bad(*entries, list + ": expected a list");
  for (const Value& one : entries->items) {
    if (one.type != Value::Type::mapping)
      return bad(one, list + ": expected entries with name and " + kind);
    const auto name = text(one, "name");
    if (!name) return Failure(name.error());
    if (*name != named.text) continue;
    const Value* section = one.find(kind);
    if (!section || section->type != Value::Type::mapping)
      return bad(section ? *section : one, kind + " '" + *name + "': expected a mapping " + kind);
    return section;
  }
  return bad(named, kind + " '" + named.text + "' is not among the " + list);
}

Result<std::string> Kubeconfig::data_or_file(const Value& in, const std::string& key) const {
  const auto data = text(in, key + "-data");
  if (!data) return Failure(data.error());
  if (!data->empty()) {
    auto decoded = net::decode_base64(*data);
    if (!decoded) return bad(*in.find(key + "-data"), key + "-data: " + decoded.error().what);
    return decoded;
  }
  const auto file = text(in, key);
  if (!file) return Failure(file.error());
  if (file->empty()) return std::string();
  auto content = read_file(beside(*file), kLongestFile);
  if (!content) return bad(*in.find(key), key + ": " + content.error().what);
  if (content->empty()) return bad(*in.find(key), key + ": " + beside(*file) + " is empty");
  return content;
}

template <std::size_t N>
Result<> Kubeconfig::refuse(const Value& in, const Unsupported (&rows)[N]) const {
  for (const Unsupported& row : rows) {
    if (const Value* value = in.find(row.key); is_set(value))
      return bad(*value, std::string(row.key) + " is not supported; " + row.instead);
  }
  return {};
}

Result<> Kubeconfig::read_cluster(const Value& cluster, Credentials& into) const {
  if (auto none = refuse(cluster, kUnsupportedOfCluster); !none) return none;
  const auto url = text(cluster, "server");
  if (!url) return Failure(url.error());
  if (url->empty()) return bad(cluster, "server: expected the URL of an API server");
  auto server = net::parse_server(*url);
  if (!server) return bad(*cluster.find("server"), server.error().what);
  into.servers = {*server};
  auto authorities = data_or_file(cluster, "certificate-authority");
  if (!authorities) return Failure(authorities.error());
  into.tls.ca_pem = *authorities;
  const auto name = text(cluster, "tls-server-name");
  if (!name) return Failure(name.error());
  into.tls.server_name = *name;
  const Value* insecure = cluster.find("insecure-skip-tls-verify");
  if (!insecure || insecure->is_null()) return {};
  if (insecure->type != Value::Type::boolean)
    return bad(*insecure, "insecure-skip-tls-verify: expected true or false");
  into.tls.verify = !insecure->boolean;
  if (insecure->boolean && !into.tls.ca_pem.empty())
    return bad(*insecure, "insecure-skip-tls-verify beside a certificate-authority: expected one");
  return {};
}

Result<std::string> Kubeconfig::token(const Value& user) const {
  const auto written = text(user, "token");
  if (!written) return Failure(written.error());
  const auto file = text(user, "tokenFile");
  if (!file) return Failure(file.error());
  if (!file->empty()) {
    auto read = read_token(beside(*file));
    // As kubectl: the file is newer, if it can be read.
    if (read) return read;
    if (written->empty()) return bad(*user.find("tokenFile"), "tokenFile: " + read.error().what);
  }
  if (written->empty()) return std::string();
  auto clean = clean_token(*written);
  if (!clean) return bad(*user.find("token"), "token: " + clean.error().what);
  return clean;
}

Result<> Kubeconfig::read_user(const Value& user, Credentials& into) const {
  if (auto none = refuse(user, kUnsupportedOfUser); !none) return none;
  auto bearer = token(user);
  if (!bearer) return Failure(bearer.error());
  auto certificate = data_or_file(user, "client-certificate");
  if (!certificate) return Failure(certificate.error());
  auto key = data_or_file(user, "client-key");
  if (!key) return Failure(key.error());
  into.token = std::move(*bearer);
  into.tls.client_cert_pem = std::move(*certificate);
  into.tls.client_key_pem = std::move(*key);
  return {};
}

Result<Credentials> Kubeconfig::read(const Value& root) {
  if (root.type != Value::Type::mapping) return bad(root, "expected a kubeconfig, a mapping");
  const auto kind = text(root, "kind");
  if (!kind) return Failure(kind.error());
  if (!kind->empty() && *kind != "Config")
    return bad(*root.find("kind"), "kind: expected Config, not " + *kind);
  const auto current = text(root, "current-context");
  if (!current) return Failure(current.error());
  if (current->empty()) return bad(root, "current-context: expected the name of a context");
  const auto context = entry(root, "contexts", "context", *root.find("current-context"));
  if (!context) return Failure(context.error());

  Credentials credentials;
  const auto section = [&](const char* list, const char* of) -> Result<const Value*> {
    const auto name = text(**context, of);
    if (!name) return Failure(name.error());
    if (name->empty())
      return bad(**context, "context '" + *current + "': expected the name of a " + of);
    return entry(root, list, of, *(*context)->find(of));
  };
  const auto cluster = section("clusters", "cluster");
  if (!cluster) return Failure(cluster.error());
  if (auto read = read_cluster(**cluster, credentials); !read) return Failure(read.error());
  if (is_set((*context)->find("user"))) {
    const auto user = section("users", "user");
    if (!user) return Failure(user.error());
    if (auto read = read_user(**user, credentials); !read) return Failure(read.error());
  }
  if (const auto good = net::check_tls(credentials.tls); !good)
    return bad(**context, "context '" + *current + "': " + good.error().what);
  return credentials;
}

}  // namespace

Result<Credentials> load_kubeconfig(const std::string& path) {
  const auto content = read_file(path, kLongestFile);
  if (!content) return within("kubeconfig", content.error());
  ParseLimits limits;
  limits.bytes = kLongestFile;
  limits.nodes = 100'000;
  const ParseOutcome parsed = parse_documents(*content, path, limits);
  if (parsed.problem) return fail(Errc::invalid, parsed.problem->to_string());
  if (parsed.documents.size() != 1)
    return fail(Errc::invalid,
                path + ": expected one document, found " + std::to_string(parsed.documents.size()));
  return Kubeconfig(path).read(parsed.documents.front());
}

}  // namespace holdfast::kubernetes
