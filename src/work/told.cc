// What clients read of a failure. Errors of the system and of QEMU name the server's own files: the
// log keeps them, and clients are told that it was one.
#include <algorithm>
#include <filesystem>

#include "work/tasks.h"

namespace pinaco::work {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

// How much of `text` from `at` on is the folder or a path below it; 0 when it is something else,
// such as a longer name that begins alike.
std::size_t path_at(std::string_view text, std::size_t at, std::string_view folder) {
  const bool absolute = folder.front() == '/';
  if (at > 0 && (is_word(text[at - 1]) || (!absolute && text[at - 1] == '/'))) return 0;
  std::size_t end = at + folder.size();
  const bool below = end < text.size() && text[end] == '/';
  // One that is no more than a word is only taken for a path where something lies below.
  if (!below && (!absolute || (end < text.size() && is_word(text[end])))) return 0;
  while (end < text.size() && (is_word(text[end]) || text[end] == '/')) end++;
  while (text[end - 1] == '.') end--;  // of the sentence
  return end - at;
}

// As they were configured, and as the system names them where a link leads there. The longest
// first: some lie in others.
std::vector<std::string> names_of(const std::vector<std::string>& folders) {
  std::vector<std::string> names = folders;
  for (const auto& folder : folders) {
    std::error_code none;
    auto found = std::filesystem::canonical(folder, none);
    if (!none && found != "/") names.push_back(found.string());
  }
  std::ranges::stable_sort(names, std::ranges::greater(), &std::string::size);
  return names;
}

}  // namespace

std::string told(const Bench& bench, std::string message) {
  for (std::string_view folder : names_of(bench.options.folders)) {
    while (folder.ends_with('/')) folder.remove_suffix(1);
    if (folder.empty() || folder == ".") continue;  // these are everywhere
    for (std::size_t at = 0; (at = message.find(folder, at)) != std::string::npos;) {
      const auto size = path_at(message, at, folder);
      constexpr std::string_view instead = "a file of the server";
      if (size > 0) message.replace(at, size, instead);
      at += size > 0 ? instead.size() : 1;
    }
  }
  return message;
}

}  // namespace pinaco::work
