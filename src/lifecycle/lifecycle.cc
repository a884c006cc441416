// The plan made so: marks, and deletions in steps that may end anywhere.
#include "lifecycle/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>

#include "access/access.h"
#include "base/log.h"
#include "base/text.h"

namespace pinaco::lifecycle {
namespace {

constexpr std::size_t rules_max = 100;    // erased before a row of a step
constexpr std::size_t steps_a_look = 16;  // with one look at what is in use

bool is_recycled(const arm::ResourceId& id) {
  return id.types.size() == 4;
}

bool is_below(const arm::ResourceId& id, const arm::ResourceId& scope) {
  const auto key = id.key();
  const auto above = scope.key();
  return key == above || key.starts_with(above + "/");
}

// What is marked may have come to be used.
bool may_act(const Item& item) {
  return acts(item.fate) || (item.fate == Fate::wait && !is_recycled(item.id));
}

struct Doable {
  std::vector<Item> items;
  bool more = false;
};

// Not a definition that still has versions.
Doable doable(const std::vector<Item>& items) {
  Doable found;
  for (std::size_t i = 1; i < items.size(); i++) {
    if (!acts(items[i].fate)) continue;
    found.more = found.items.size() == step_max;
    if (found.more) return found;
    found.items.push_back(items[i]);
  }
  if (!acts(items.front().fate)) return found;
  const bool whole = items.front().fate != Fate::erase || items.size() == found.items.size() + 1;
  found.more = whole && found.items.size() == step_max;
  if (whole && !found.more) found.items.push_back(items.front());
  return found;
}

Result<> mark(model::Change& change, const Item& item) {
  auto row = TRY(change.get(item.id));
  if (item.fate == Fate::unmark) {
    erase_path(row.internal, provider::mark_path);
  } else {
    set_path(row.internal, provider::mark_path,
             JsonObject{{"since", to_iso8601(change.now())},
                        {"goes", to_iso8601(*item.goes)},
                        {"why", item.why}});
  }
  return change.put(row);
}

// Writes nothing when it fails.
Result<> keep(model::Change& change, model::Resource& row, std::string_view by) {
  TRY(access::check_locks(change, row.id.text(), false));
  erase_path(row.internal, provider::mark_path);
  if (!row.tags.is_object()) row.tags = JsonObject();
  row.tags.get_object()[provider::keep_tag] =
      cut_text(fmt::format("{} by {}", to_iso8601(change.now()).substr(0, 10), by), 256);
  TRY(arm::check_tags(row.tags));
  return change.put(row);
}

}  // namespace

Result<std::vector<Lifecycle::Row>> Lifecycle::definitions(const model::View& view,
                                                           const arm::ResourceId& scope) const {
  arm::ResourceId all{.subscription = view.subscription(),
                      .group = scope.group,
                      .provider = "Microsoft.Compute",
                      .types = {"galleries"},
                      .names = {}};
  std::vector<Row> rows;
  for (const auto& gallery : TRY(view.list_all(all))) {
    if (!is_below(gallery.id, scope) && !is_below(scope, gallery.id)) continue;
    for (auto& definition : TRY(view.list_all(gallery.id.child("images", "")))) {
      if (!is_below(definition.id, scope) && !is_below(scope, definition.id)) continue;
      rows.push_back({.gallery = gallery, .definition = std::move(definition)});
    }
  }
  return rows;
}

Result<std::vector<Item>> Lifecycle::plan(const arm::ResourceId& scope, Options options) const {
  const auto users = TRY(Users::find(model_));
  const auto now = model_.clock().now();
  std::vector<Item> items;
  TRY(model_.read(scope.subscription, [&](const model::View& view) -> Result<> {
    items.clear();
    for (const auto& row : TRY(definitions(view, scope))) {
      for (auto& item :
           TRY(plan_definition(view, world_, users, row.gallery, row.definition, now, options))) {
        if (scope.types.size() < 3 || item.id == scope) items.push_back(std::move(item));
      }
    }
    return {};
  }));
  return items;
}

Result<Lifecycle::Step> Lifecycle::step(const Users& users, const arm::ResourceId& definition,
                                        Options options) {
  Step step;
  TRY(model_.change(definition.subscription, [&](model::Change& change) -> Result<> {
    step = Step{};
    const auto gallery = TRY(change.find(definition.parent()));
    const auto row = TRY(change.find(definition));
    if (!gallery || !row) return {};
    std::size_t rules = 0;
    const auto wanted =
        doable(TRY(plan_definition(change, world_, users, *gallery, *row, change.now(), options)));
    for (const auto& item : wanted.items) {
      step.more = true;  // until this one is whole
      if (item.fate != Fate::erase) {
        TRY(mark(change, item));
        step.done.push_back(item);
        continue;
      }
      // A transaction has at most 1,000 writes; the next step goes on, with the rules or the row.
      if (rules >= rules_max) return {};
      const auto erased = TRY(model::erase_some_rules(change, item.id));
      rules += erased;
      if (erased == model::rules_a_step) return {};
      if (is_recycled(item.id)) {
        TRY(change.erase_fact(recycled_prefix(definition) + item.id.name()));
      } else {
        TRY(change.erase(item.id));
      }
      TRY(provider::record_deed(change, item.id.full_type() + "/delete", item.id.text(),
                                JsonObject{{"why", item.why}}));
      step.done.push_back(item);
    }
    step.more = wanted.more;
    return {};
  }));
  for (const auto& item : step.done) {
    LOG(info, "lifecycle", "{} {}: {}", to_string(item.fate), item.id.text(), item.why);
  }
  return step;
}

Result<Lifecycle::Step> Lifecycle::step(const arm::ResourceId& definition, Options options) {
  // What is made of a version in another subscription is in its row, or looks for it afterwards.
  const std::unique_lock crossing(model_.crossing());
  const auto users = TRY(Users::find(model_));
  return step(users, definition, std::move(options));
}

Result<std::vector<Item>> Lifecycle::run(const arm::ResourceId& scope, Options options,
                                         const std::atomic<bool>* ending) {
  // One definition in trouble does not keep the others.
  Result<> first;
  const auto in_trouble = [&](const arm::ResourceId& definition, const Error& error) {
    LOG(error, "lifecycle", "{}: {}", definition.text(), error.message);
    if (first) first = fail(error);
  };
  // As if nothing were in use, which only the steps find out: so nothing is looked through when no
  // rule names anything, as in most sweeps of most subscriptions.
  const Users nobody;
  const auto now = model_.clock().now();
  std::vector<arm::ResourceId> pending;
  TRY(model_.read(scope.subscription, [&](const model::View& view) -> Result<> {
    pending.clear();
    for (const auto& row : TRY(definitions(view, scope))) {
      const auto items =
          plan_definition(view, world_, nobody, row.gallery, row.definition, now, options);
      if (!items) {
        in_trouble(row.definition.id, items.error());
      } else if (std::ranges::any_of(*items, may_act)) {
        pending.push_back(row.definition.id);
      }
    }
    return {};
  }));
  std::vector<Item> done;
  while (!pending.empty()) {
    const std::unique_lock crossing(model_.crossing());
    const auto users = TRY(Users::find(model_));
    for (std::size_t steps = 0; steps < steps_a_look && !pending.empty(); steps++) {
      if (ending != nullptr && *ending) return fail(Kind::cancelled, "The server is stopping.");
      auto some = step(users, pending.back(), options);
      if (!some) {
        in_trouble(pending.back(), some.error());
      } else {
        done.insert(done.end(), some->done.begin(), some->done.end());
      }
      if (!some || !some->more) pending.pop_back();
    }
  }
  if (!first && done.empty()) return std::unexpected(first.error());
  return done;
}

Result<> Lifecycle::run_all(const std::atomic<bool>& ending) {
  Result<> first;
  for (const auto& subscription : TRY(model_.shards())) {
    const auto done =
        run({.subscription = subscription, .group = {}, .provider = {}, .types = {}, .names = {}},
            {}, &ending);
    if (!done && first) first = fail(done.error());
    if (ending) break;
  }
  return first;
}

Result<Lifecycle::Undone> Lifecycle::undo(const arm::ResourceId& scope, std::string_view by) {
  std::vector<arm::ResourceId> wanted;
  TRY(model_.read(scope.subscription, [&](const model::View& view) -> Result<> {
    wanted.clear();
    const auto look = [&](const model::Resource& row) {
      const bool named = row.id == scope;
      if (named || (is_below(row.id, scope) && provider::is_marked(row))) wanted.push_back(row.id);
    };
    for (const auto& row : TRY(definitions(view, scope))) {
      look(row.definition);
      for (const auto& version : TRY(view.list_all(row.definition.id.child("versions", "")))) {
        look(version);
      }
    }
    return {};
  }));
  Undone undone;
  for (std::size_t at = 0; at < wanted.size(); at += step_max) {
    Undone some;
    TRY(model_.change(scope.subscription, [&](model::Change& change) -> Result<> {
      some = Undone{};
      for (std::size_t i = at; i < std::min(at + step_max, wanted.size()); i++) {
        auto row = TRY(change.find(wanted[i]));
        if (!row || (row->id != scope && !provider::is_marked(*row))) continue;
        const auto kept = keep(change, *row, by);
        if (kept) {
          some.kept.push_back(row->id);
        } else if (kept.error().kind == Kind::conflict || kept.error().kind == Kind::invalid) {
          some.left.emplace_back(row->id, kept.error());
        } else {
          return kept;
        }
      }
      return {};
    }));
    undone.kept.insert(undone.kept.end(), some.kept.begin(), some.kept.end());
    undone.left.insert(undone.left.end(), some.left.begin(), some.left.end());
  }
  return undone;
}

}  // namespace pinaco::lifecycle
