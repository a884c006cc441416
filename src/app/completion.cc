// bash gets a function with a case for each command; zsh runs the same one; fish gets lines.
#include "app/completion.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::app {
namespace {

std::vector<std::string> all_names(const CommandHelp& command) {
  std::vector<std::string> names = command.words;
  for (const auto& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

std::string bash_command(const CommandHelp& command) {
  std::string values;
  std::vector<std::string> free;  // options whose values are files or anything
  for (const auto& option : command.options) {
    if (!option.takes_value) continue;
    if (option.choices.empty()) {
      free.insert(free.end(), option.names.begin(), option.names.end());
    } else {
      values += fmt::format("        {}) words=\"{}\" ;;\n", join(option.names, "|"),
                            join(option.choices, " "));
    }
  }
  if (!free.empty()) {
    values += fmt::format("        {}) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n",
                          join(free, "|"));
  }
  return fmt::format(
      "    {}) words=\"{}\"\n      case \"$previous\" in\n{}        *) ;;\n      esac ;;\n",
      command.name, join(all_names(command), " "), values);
}

std::string bash_script(std::span<const CommandHelp> commands) {
  std::vector<std::string> names;
  std::string cases;
  for (const auto& command : commands) {
    names.push_back(command.name);
    cases += bash_command(command);
  }
  return fmt::format(R"(# Completion of pinaco for bash: source <(pinaco completion bash)
_pinaco() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words=""
  case "${{COMP_WORDS[1]}}" in
{}    *) words="{} --help --version" ;;
  esac
  if [[ $COMP_CWORD -eq 1 ]]; then words="{} --help --version"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ ${{#COMPREPLY[@]}} -eq 0 ]]; then COMPREPLY=($(compgen -f -- "$current")); fi
}}
complete -o filenames -F _pinaco pinaco
)",
                     cases, join(names, " "), join(names, " "));
}

std::string zsh_script(std::span<const CommandHelp> commands) {
  return "# Completion of pinaco for zsh: source <(pinaco completion zsh)\n"
         "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" +
         bash_script(commands);
}

// Text within single quotes, as fish reads it.
std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

std::string fish_script(std::span<const CommandHelp> commands) {
  std::string text = "# Completion of pinaco for fish: pinaco completion fish | source\n";
  for (const auto& command : commands) {
    text += fmt::format("complete -c pinaco -n __fish_use_subcommand -a {} -d {}\n", command.name,
                        in_quotes(command.description));
    const std::string when =
        fmt::format("complete -c pinaco -n '__fish_seen_subcommand_from {}'", command.name);
    if (!command.words.empty()) {
      text += fmt::format("{} -f -a {}\n", when, in_quotes(join(command.words, " ")));
    }
    for (const auto& option : command.options) {
      text += when;
      for (const auto& name : option.names) {
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value) text += " -r";
      if (!option.choices.empty()) text += " -f -a " + in_quotes(join(option.choices, " "));
      text += " -d " + in_quotes(option.description) + "\n";
    }
  }
  return text;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell,
                                      std::span<const CommandHelp> commands) {
  if (shell == "bash") return bash_script(commands);
  if (shell == "zsh") return zsh_script(commands);
  if (shell == "fish") return fish_script(commands);
  return fail(Kind::invalid, fmt::format("There is no completion for '{}', only for bash, zsh and "
                                         "fish.",
                                         shell));
}

}  // namespace pinaco::app
