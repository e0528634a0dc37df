#include "scan/secrets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace transload::scanning {
namespace {

constexpr std::size_t kMost = 50;
constexpr std::size_t kLongestValue = 128;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.'; }
bool is_token(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_word(text[end])) ++end;
  return text.substr(at, end - at);
}

struct Token {
  std::string_view prefix;
  std::size_t least;  // characters in all
  std::string_view of;
};
constexpr std::array<Token, 14> kTokens{{
    {"hf_", 30, "Hugging Face"},
    {"ghp_", 36, "GitHub"},
    {"gho_", 36, "GitHub"},
    {"ghs_", 36, "GitHub"},
    {"github_pat_", 40, "GitHub"},
    {"glpat-", 26, "GitLab"},
    {"sk-", 32, "OpenAI"},
    {"AKIA", 20, "AWS"},
    {"ASIA", 20, "AWS"},
    {"AIza", 39, "Google"},
    {"xoxb-", 24, "Slack"},
    {"xoxp-", 24, "Slack"},
    {"pypi-", 60, "PyPI"},
    {"npm_", 36, "npm"},
}};

// Keys whose value says who or where.
constexpr std::array<std::string_view, 14> kKeys{"user",      "username", "user_name", "hostname", "host",
                                                 "host_name", "machine",  "email",     "author",   "password",
                                                 "passwd",    "secret",   "api_key",   "node"};
constexpr std::array<std::string_view, 4> kHidden{"password", "passwd", "secret", "api_key"};

std::string hidden(std::string_view text) {
  return fmt::format("{}... ({} characters)", text.substr(0, 6), text.size());
}

}  // namespace

void Secrets::say(std::uint64_t offset, std::string what) {
  if (found_.size() < kMost && said_.insert(what).second) found_.push_back({entry_, offset, std::move(what)});
}

void Secrets::look(std::uint64_t offset, std::string_view text) {
  if (!key_.empty()) look(offset, std::exchange(key_, {}), text);
  if (std::ranges::find(kKeys, text) != kKeys.end()) key_ = text;
  if (text.size() < 6) return;
  paths(offset, text);
  addresses(offset, text);
  tokens(offset, text);
}

void Secrets::look(std::uint64_t offset, std::string_view key, std::string_view value) {
  if (value.empty() || value.size() > kLongestValue || std::ranges::find(kKeys, key) == kKeys.end()) return;
  if (!std::ranges::all_of(value, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; })) return;
  const bool hide = std::ranges::find(kHidden, key) != kHidden.end();
  say(offset, fmt::format("{} = {}", key, hide ? hidden(value) : std::string(value)));
}

void Secrets::paths(std::uint64_t offset, std::string_view text) {
  for (const std::string_view root : {"/home/", "/Users/", "\\Users\\", "/mnt/c/Users/"}) {
    const std::size_t at = text.find(root);
    if (at == text.npos) continue;
    const std::string_view user = word_at(text, at + root.size());
    if (!user.empty()) say(offset, fmt::format("the home folder {}{}", root, user));
  }
  if (text.starts_with("/root/") || text.find(" /root/") != text.npos) say(offset, "a path below /root");
}

void Secrets::addresses(std::uint64_t offset, std::string_view text) {
  for (std::size_t at = text.find('@'); at != text.npos; at = text.find('@', at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && (is_word(text[begin - 1]) || text[begin - 1] == '+')) --begin;
    const std::string_view domain = word_at(text, at + 1);
    const std::size_t dot = domain.rfind('.');
    const bool plausible =
        begin < at && dot != domain.npos && dot > 0 && domain.size() - dot > 2 &&
        std::ranges::all_of(domain.substr(dot + 1), [](unsigned char c) { return std::isalpha(c) != 0; });
    if (plausible) say(offset, fmt::format("the address {}@{}", text.substr(begin, at - begin), domain));
  }
}

void Secrets::tokens(std::uint64_t offset, std::string_view text) {
  for (const Token& token : kTokens) {
    for (std::size_t at = text.find(token.prefix); at != text.npos; at = text.find(token.prefix, at + 1)) {
      if (at > 0 && is_token(text[at - 1])) continue;
      std::size_t end = at;
      while (end < text.size() && is_token(text[end])) ++end;
      const std::string_view found = text.substr(at, end - at);
      const bool digits = std::ranges::any_of(found, [](unsigned char c) { return std::isdigit(c) != 0; });
      if (found.size() >= token.least && digits) {
        say(offset, fmt::format("what looks like a token of {}: {}", token.of, hidden(found)));
      }
    }
  }
  if (text.find("-----BEGIN ") != text.npos && text.find("PRIVATE KEY-----") != text.npos) say(offset, "a private key");
}

}  // namespace transload::scanning
