// What is to become of a definition and its versions: rules name, holds keep.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "access/access.h"
#include "base/text.h"
#include "lifecycle/lifecycle.h"

namespace pinaco::lifecycle {
namespace {

constexpr const char* version_end = "publishingProfile.endOfLifeDate";
constexpr const char* definition_end = "endOfLifeDate";

std::string day_of(std::string_view date) {
  return std::string(date.substr(0, 10));
}

// The tag of a row that keeps it, "name" or "name=value"; empty: none does.
std::string kept_by_tag(const Json& tags, std::string_view keep_tagged) {
  if (!tags.is_object()) return "";
  auto wanted = split(keep_tagged, ',');
  wanted.insert(wanted.begin(), provider::keep_tag);
  for (const auto each : wanted) {
    const auto equals = each.find('=');
    const auto name = trim(each.substr(0, equals));
    const Json* found = name.empty() ? nullptr : find_member(tags.get_object(), name);
    if (found == nullptr || !found->is_string()) continue;
    if (equals == std::string_view::npos || trim(each.substr(equals + 1)) == found->get_string()) {
      return std::string(trim(each));
    }
  }
  return "";
}

// The regions a version is copied to, and whether it may be the latest there.
std::map<std::string, bool> regions_of(const model::Resource& version) {
  std::map<std::string, bool> regions;
  const bool good = bool_at(version.internal, "created") &&
                    !bool_at(version.properties, "publishingProfile.excludeFromLatest");
  const Json* targets = find_path(version.properties, "publishingProfile.targetRegions");
  if (targets != nullptr && targets->is_array()) {
    for (const Json& target : targets->get_array()) {
      regions[arm::normalize_location(string_at(target, "name"))] =
          good && !bool_at(target, "excludeFromLatest");
    }
  }
  if (regions.empty()) regions[version.location] = good;
  return regions;
}

struct Version {
  model::Resource row;
  arm::VersionNumber number;
  std::string rule;  // why it is to go by itself; empty: nothing asks for it
  std::string hold;  // why it stays all the same; looked for when its definition or a rule asks
  std::string stay;  // what to say of one that no rule names
};

class Planner {
 public:
  Planner(const model::View& view, const provider::World& world, const Users& users,
          const model::Resource& gallery, const model::Resource& definition, WallTime now,
          Options options)
      : view_(view),
        users_(users),
        gallery_(gallery),
        definition_(definition),
        policy_(provider::policy_of(world, gallery.tags, definition.tags)),
        now_(now),
        options_(options) {}

  Result<std::vector<Item>> plan();

 private:
  Result<> read_versions();
  void find_rules();
  Result<std::string> hold_of(const model::Resource& row) const;
  Item item_of(const std::string& version, const Json& recycled) const;
  Item item_of(const model::Resource& row, const std::string& rule, const std::string& hold,
               const std::string& stay, bool renewed) const;

  const model::View& view_;
  const Users& users_;
  const model::Resource& gallery_;
  const model::Resource& definition_;
  const provider::LifePolicy policy_;
  const WallTime now_;
  const Options options_;
  std::vector<Version> versions_;  // the greatest first
};

Result<> Planner::read_versions() {
  for (auto& row : TRY(view_.list_all(definition_.id.child("versions", "")))) {
    const auto number = TRY(arm::parse_version_name(row.id.name()));
    versions_.push_back(
        {.row = std::move(row), .number = number, .rule = {}, .hold = {}, .stay = {}});
  }
  std::ranges::sort(versions_, std::ranges::greater(), &Version::number);
  return {};
}

// The newest N are counted in each region of their own, of what could be the latest there: a region
// where the last version did not go keeps those that it has.
void Planner::find_rules() {
  const bool deletes = policy_.end_of_life == provider::EndOfLife::erase;
  const bool hides = policy_.end_of_life >= provider::EndOfLife::hide;
  std::map<std::string, int> newer;
  for (auto& each : versions_) {
    const auto end = string_at(each.row.properties, version_end);
    const bool over = !provider::ended_on(each.row.properties, version_end, now_).empty();
    const auto regions = regions_of(each.row);
    const bool old = std::ranges::all_of(
        regions, [&](const auto& region) { return newer[region.first] >= policy_.keep_newest; });
    bool among = false;
    for (const auto& [region, good] : regions) {
      if (!good || (over && hides)) continue;
      among = among || newer[region] < policy_.keep_newest;
      newer[region]++;
    }
    if (deletes && over) {
      each.rule = fmt::format("its end of life was {}", day_of(end));
    } else if (policy_.keep_newest > 0 && old) {
      each.rule = fmt::format("it is not among the newest {}", policy_.keep_newest);
    } else if (policy_.keep_newest > 0) {
      each.stay = among ? fmt::format("it is among the newest {}", policy_.keep_newest)
                        : fmt::format("it is not older than the newest {}", policy_.keep_newest);
    } else if (deletes && !end.empty()) {
      each.stay = fmt::format("its end of life is {}", day_of(end));
    } else {
      each.stay = deletes ? "it has no end of life" : "no rule asks for it";
    }
  }
}

Result<std::string> Planner::hold_of(const model::Resource& row) const {
  const std::pair<const model::Resource*, const char*> tagged[] = {
      {&row, "it"}, {&definition_, "its definition"}, {&gallery_, "its gallery"}};
  for (const auto& [each, name] : tagged) {
    const auto tag = kept_by_tag(each->tags, policy_.keep_tagged);
    if (!tag.empty()) return fmt::format("{} has the tag {}", name, tag);
  }
  if (!policy_.in_use) {
    const auto user = users_.of(row.id, options_.sees);
    if (!user.empty()) return fmt::format("{} was made of it", user);
  }
  const auto end = string_at(row.properties, version_end);
  const auto until = parse_iso8601(end);
  if (bool_at(row.properties, "safetyProfile.blockDeletionBeforeEndOfLife") && until &&
      *until > now_) {
    return fmt::format("it must not be deleted before its end of life {}", day_of(end));
  }
  const auto unlocked = access::check_locks(view_, row.id.text(), true);
  if (unlocked) return std::string();
  if (unlocked.error().code != "ScopeLocked") return fail(unlocked.error());
  return std::string("a lock forbids to delete it");
}

Item Planner::item_of(const model::Resource& row, const std::string& rule, const std::string& hold,
                      const std::string& stay, bool renewed) const {
  const bool marked = provider::is_marked(row);
  Item item{.id = row.id};
  if (rule.empty() || !hold.empty()) {
    item.fate = marked ? Fate::unmark : Fate::keep;
    item.why = rule.empty() ? stay : fmt::format("{}, though {}", hold, rule);
    return item;
  }
  item.why = rule;
  const bool busy = !row.operation.empty();
  if (busy) item.why += fmt::format("; an operation ({}) ends first", row.provisioning);
  const auto said =
      parse_iso8601(string_at(row.internal, fmt::format("{}.goes", provider::mark_path)));
  if (options_.skip_grace || policy_.grace_days == 0) {
    item.goes = now_;
  } else if (marked && said && !renewed) {
    item.goes = said;
  } else {
    item.goes = now_ + std::chrono::hours(24) * policy_.grace_days;
    item.fate = busy ? Fate::wait : Fate::mark;
    return item;
  }
  item.fate = *item.goes <= now_ && !busy ? Fate::erase : Fate::wait;
  return item;
}

// Deleted by somebody, and restored by nobody.
Item Planner::item_of(const std::string& version, const Json& recycled) const {
  const auto goes = parse_iso8601(string_at(recycled, "goes")).value_or(now_);
  const bool over = goes <= now_;  // a person's grace, which no policy shortens
  auto id = definition_.id;
  id.types = {"galleries", "softDeletedArtifactTypes", "artifacts", "versions"};
  id.names = {gallery_.id.name(), "Images", definition_.id.name(), version};
  return Item{.id = std::move(id),
              .fate = over ? Fate::erase : Fate::wait,
              .why = fmt::format("it was deleted on {}", day_of(string_at(recycled, "deleted"))),
              .goes = goes};
}

Result<std::vector<Item>> Planner::plan() {
  TRY(read_versions());
  find_rules();
  std::vector<Item> recycled;
  for (const auto& [name, fact] : TRY(view_.facts(recycled_prefix(definition_.id)))) {
    recycled.push_back(item_of(name.substr(name.rfind('/') + 1), fact));
  }
  const auto end = provider::ended_on(definition_.properties, definition_end, now_);
  const bool over = policy_.end_of_life == provider::EndOfLife::erase && !end.empty();
  std::string hold;
  if (over) hold = TRY(hold_of(definition_));
  const auto since =
      parse_iso8601(string_at(definition_.internal, fmt::format("{}.since", provider::mark_path)));
  for (const auto& each : recycled) {
    if (over && hold.empty() && each.fate == Fate::wait) {
      hold = fmt::format("its deleted version {} can be restored", each.id.name());
    }
  }
  bool renewed = false;
  for (auto& each : versions_) {
    if (over || !each.rule.empty()) each.hold = TRY(hold_of(each.row));
    if (hold.empty() && over && !each.hold.empty()) {
      hold = fmt::format("of its version {}: {}", each.row.id.name(), each.hold);
    }
    // Somebody still publishes there.
    renewed = renewed || (since && each.row.created > *since);
  }
  const auto rule = over ? fmt::format("its end of life was {}", day_of(end)) : std::string();
  const auto date = string_at(definition_.properties, definition_end);
  const auto stay = date.empty() ? std::string("it has no end of life")
                                 : fmt::format("its end of life is {}", day_of(date));
  std::vector<Item> items;
  items.push_back(item_of(definition_, rule, hold, stay, renewed));
  const Item whole = items.front();
  const bool goes = whole.goes.has_value();
  for (const auto& each : versions_) {
    auto item = item_of(each.row, each.rule, each.hold, each.stay, false);
    if (goes && (!item.goes || *whole.goes <= *item.goes)) {
      // With its definition: that one has the mark.
      const bool now = whole.fate == Fate::erase && each.row.operation.empty();
      item.fate = now ? Fate::erase : Fate::wait;
      item.goes = whole.goes;
      item.why = fmt::format("of its definition: {}", whole.why);
    }
    items.push_back(std::move(item));
  }
  items.insert(items.end(), recycled.begin(), recycled.end());
  return items;
}

std::string name_of(const arm::ResourceId& id) {
  if (id.types.size() < 4) return id.nested_name();
  return fmt::format("{}/{}/{} (deleted)", id.names[0], id.names[2], id.names[3]);
}

}  // namespace

std::string recycled_prefix(const arm::ResourceId& definition) {
  return fmt::format("recycled/{}/versions/", definition.key());
}

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::keep:
      return "keep";
    case Fate::mark:
      return "mark";
    case Fate::wait:
      return "wait";
    case Fate::unmark:
      return "unmark";
    case Fate::erase:
      return "delete";
  }
  return "";
}

bool acts(Fate fate) {
  return fate == Fate::mark || fate == Fate::unmark || fate == Fate::erase;
}

Json to_json(const Item& item) {
  JsonObject json{{"id", item.id.text()},
                  {"name", name_of(item.id)},
                  {"action", to_string(item.fate)},
                  {"why", item.why}};
  if (item.goes) json["goes"] = to_iso8601(*item.goes);
  return json;
}

Result<std::vector<Item>> plan_definition(const model::View& view, const provider::World& world,
                                          const Users& users, const model::Resource& gallery,
                                          const model::Resource& definition, WallTime now,
                                          Options options) {
  return Planner(view, world, users, gallery, definition, now, options).plan();
}

}  // namespace pinaco::lifecycle
