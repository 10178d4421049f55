// SPDX-License-Identifier: Apache-2.0
// What a set of files says, as the files change. Pure: bytes in, updates out. What a change costs
// is a look at every byte, the parsing of the pieces that differ, and the assembling of all.
//
// A file that cannot be read or parsed changes nothing: its last good objects stay. So does an
// object that cannot be read; one that cannot even be named puts the file's absences in doubt. A
// file that vanished or lists nothing takes its objects with it, in doubt: the guard holds what
// goes with them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/update.h"
#include "agent/sources/allowance.h"
#include "agent/sources/file/file_text.h"
#include "agent/sources/kubernetes/last_known.h"
#include "agent/sources/kubernetes/objects.h"
#include "agent/sources/said.h"

namespace holdfast {

// The files there are, by path: their bytes, or why they cannot be read.
using FileTexts = std::map<std::string, Result<std::string>>;

class FileSet {
 public:
  // Without a gate, whatever comes is taken for what fits into memory.
  explicit FileSet(std::string source, std::shared_ptr<MemoryGate> gate = nullptr);

  // Before the first observe(): what this source said in an earlier life, for objects that cannot
  // be read now.
  void remember(const std::vector<ServicePtr>& services,
                const std::map<std::string, Node>& nodes = {}) {
    last_known_.remember(services, nodes);
  }

  // nullopt: nothing changed since the last call, or it was stopped. A listing that failed as a
  // whole is `listing_error`.
  std::optional<SourceUpdate> observe(FileTexts&& files, const std::string& listing_error,
                                      const std::stop_token& stop = {});
  bool doubtful() const { return !doubts_.empty(); }
  // Of the files that do not fit into memory, what the one that needs least needs, its text
  // included. So much may come to be left, and no file changes.
  std::optional<std::uint64_t> needed_memory() const;
  std::size_t refused_for_memory() const;               // files
  std::uint64_t refusals() const { return refusals_; }  // in this life
  // A file that vanished is in doubt while something of it is held that nobody has decided about:
  // `undecided` names such files, "" any. True: the next observe() has something to tell.
  bool forget_vanished(const std::set<std::string>& undecided);

 private:
  struct File {
    std::uint64_t hash = 0;
    std::vector<Entry> entries;  // the last good
    std::vector<Problem>
        problems;       // that it cannot be read or parsed now; else entries have theirs
    std::string doubt;  // "": trusted
    std::optional<Refusal> refusal;  // as it is now it does not fit into memory
    std::size_t size = 0;            // bytes
    bool ever_good = false;
    bool present = false;
  };

  bool take(const std::string& path, const Result<std::string>& content,
            const std::stop_token& stop, Allowance& allowance);
  void parse(const std::string& path, std::string_view content, File& file,
             const std::stop_token& stop, Allowance& allowance);
  bool cannot_read(const std::string& path, File& file, const Error& error);
  bool vanish(File& file);
  SourceUpdate assemble(const std::string& listing_error);
  ServicePtr as_known(ServicePtr service) const;
  void say_nodes(std::vector<NodeChange>&& now, SourceUpdate& update);

  std::string source_;
  std::shared_ptr<MemoryGate> gate_;
  std::map<std::string, File> files_;
  Said said_;
  std::map<std::string, Node> last_nodes_;
  kubernetes::LastKnown last_known_;
  std::vector<Doubt> doubts_;
  bool news_ = true;       // to tell, though no file changes
  bool complete_ = false;  // every file there is was good once, in this life
  std::string listing_error_;
  std::uint64_t revision_ = 0, refusals_ = 0;
};

}  // namespace holdfast
