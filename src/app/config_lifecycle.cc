// The part [lifecycle] of the configuration.
#include "app/config_parts.h"

namespace pinaco::app {

Result<> read_lifecycle(const toml::table& table, provider::LifePolicy& life) {
  TRY(check_names(table, {"end_of_life", "grace_days", "in_use", "keep_newest", "keep_tagged"}));
  std::string end;
  TRY(read_text(table, "end_of_life", end));
  const auto meaning = provider::parse_end_of_life(end.empty() ? "off" : end);
  if (!meaning) {
    return fail(bad(*table.get("end_of_life"),
                    "'end_of_life' must be \"off\", \"warn\", \"hide\", "
                    "\"block\" or \"delete\"."));
  }
  life.end_of_life = *meaning;
  TRY(read_number(table, "grace_days", 0, provider::grace_days_max, life.grace_days));
  TRY(read_flag(table, "in_use", life.in_use));
  TRY(read_number(table, "keep_newest", 0, provider::keep_newest_max, life.keep_newest));
  std::vector<std::string> tags;
  TRY(read_texts(table, "keep_tagged", tags));
  for (const auto& tag : tags) {
    if (!provider::check_keep_tagged(tag)) {
      return fail(bad(*table.get("keep_tagged"), "keep_tagged are \"NAME\" or \"NAME=VALUE\"."));
    }
    life.keep_tagged += (life.keep_tagged.empty() ? "" : ",") + tag;
  }
  return {};
}

}  // namespace pinaco::app
