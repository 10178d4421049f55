// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/redact.h"

#include <algorithm>
#include <cctype>

namespace holdfast::cli {
namespace {

constexpr std::string_view kRedacted = "[redacted]";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("_-./+=:@%~").find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool is_scheme(const std::string& word) {
  return word == "bearer" || word == "basic";
}

bool names_secret(std::string key) {
  while (!key.empty() && key.back() == ':') key.pop_back();
  for (const char* end : {"token", "password", "passwd", "passphrase", "secret", "authorization",
                          "credential", "credentials", "key-data", "apikey", "api-key", "api_key",
                          "private-key", "private_key", "privatekey"}) {
    if (key.ends_with(end)) return true;
  }
  return false;
}

bool looks_random(std::string_view word) {
  if (word.starts_with("eyJ") && word.size() >= 16) return true;
  if (word.size() == 23 && word[6] == '.') {  // a bootstrap token: 6 and 16 characters
    return std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return c == '.' || std::isdigit(c) || std::islower(c);
    });
  }
  if (word.size() < 24 || word.front() == '/') return false;  // a path
  bool upper = false, small = false, digit = false;
  for (const unsigned char c : word) {
    upper = upper || std::isupper(c);
    small = small || std::islower(c);
    digit = digit || std::isdigit(c);
  }
  return upper && small && digit;
}

class Redactor {
 public:
  explicit Redactor(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with("-----BEGIN ")) {
        take_pem();
      } else if (is_word(text_[at_])) {
        take_word();
      } else {
        out_ += text_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  // A block that does not end is taken to the end of the text.
  void take_pem() {
    const auto end = text_.find("-----END ", at_);
    const auto close = end == text_.npos ? end : text_.find("-----", end + 9);
    at_ = close == text_.npos ? text_.size() : close + 5;
    out_ += kRedacted;
  }

  std::string_view next_word() const {
    std::size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }

  void take_word() {
    std::string_view word = next_word();
    // "key=value" and "key:value" are two.
    const auto split = word.find_first_of(":=");
    const bool url = word.find("://") != word.npos;
    if (!url && split != word.npos && split > 0 && names_secret(lower(word.substr(0, split))))
      word = word.substr(0, split);
    at_ += word.size();
    const std::string small = lower(word);
    if (url) {
      out_ += without_user(word);
    } else if (looks_random(word)) {
      out_ += kRedacted;
    } else {
      out_ += word;
    }
    if (is_scheme(small)) take_value(false);
    if (names_secret(small)) take_value(small.back() != ':');
  }

  static std::string without_user(std::string_view url) {
    const auto begin = url.find("://") + 3;
    const auto slash = url.find('/', begin), user = url.rfind('@', slash);
    std::string result(url.substr(0, begin));
    if (user == url.npos || user < begin) return result.append(url.substr(begin));
    return result.append(kRedacted).append(url.substr(user));
  }

  // What stands after a key. `separated`: only after ':' or '='; "the token expired" is no value.
  void take_value(bool separated) {
    std::size_t at = at_;
    bool found = !separated;
    while (at < text_.size() && std::string_view(" \t\":='\\").find(text_[at]) != text_.npos) {
      found = found || text_[at] == ':' || text_[at] == '=';
      ++at;
    }
    const bool opens =
        at >= text_.size() || std::string_view("\n\r{[,}]").find(text_[at]) != text_.npos;
    if (!found || opens) return;
    const char quote = at > at_ ? text_[at - 1] : ' ';
    const bool quoted = quote == '"' || quote == '\'';
    out_ += text_.substr(at_, at - at_);
    const std::size_t begin = at;
    while (
        at < text_.size() && text_[at] != '\n' &&
        (quoted ? text_[at] != quote : std::string_view(" \t,}]\"'").find(text_[at]) == text_.npos))
      ++at;
    const std::string value = lower(text_.substr(begin, at - begin));
    at_ = at;
    out_ += kRedacted;
    if (is_scheme(value)) take_value(false);  // "authorization: bearer x"
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string redact(std::string_view text) {
  return Redactor(text).run();
}

}  // namespace holdfast::cli
