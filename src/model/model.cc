#include "model/model.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "model/counts.h"
#include "model/keys.h"
#include "model/rows.h"

namespace pinaco::model {
namespace {

Error not_found(const arm::ResourceId& id) {
  return id.is_group() ? arm::group_not_found(id.group) : arm::resource_not_found(id);
}

// A page's continuation is its last key, so that rows made or erased meanwhile move nothing.
Result<std::string> continue_after(std::string_view from, const std::string& prefix) {
  if (from.empty()) return prefix;
  const auto decoded = from_base64url(from);
  if (!decoded || !as_text(*decoded).starts_with(prefix)) {
    return fail(
        arm::invalid_parameter("$skiptoken",
                               "The value of parameter $skiptoken is not one that a list of this "
                               "collection returned. Follow the nextLink of the page before."));
  }
  return std::string(as_text(*decoded)) + '\0';
}

Result<> check_shard(const arm::ResourceId& id, const std::string& subscription) {
  if (iequals(id.subscription, subscription)) return {};
  return fail(Kind::invalid, "The resource '" + id.text() + "' is not in the subscription '" +
                                 subscription + "'.");
}

}  // namespace

Result<std::optional<Resource>> View::find(const arm::ResourceId& id) const {
  TRY(check_shard(id, subscription_));
  const auto row = TRY(reader_.find(resource_key(id)));
  if (!row) return std::nullopt;
  return TRY(resource_from(TRY(parse_row(*row))));
}

Result<Resource> View::get(const arm::ResourceId& id) const {
  auto resource = TRY(find(id));
  if (!resource) return fail(not_found(id));
  return std::move(*resource);
}

Result<Page> View::list(const arm::ResourceId& collection, std::string_view from,
                        std::size_t rows_max) const {
  TRY(check_shard(collection, subscription_));
  const std::string prefix = collection_prefix(collection);
  const std::string begin = TRY(continue_after(from, prefix));
  const std::size_t wanted = std::clamp<std::size_t>(rows_max, 1, page_rows_max);
  auto rows = TRY(reader_.range(begin, kv::prefix_end(prefix), wanted + 1));
  Page page;
  if (rows.size() > wanted) {
    rows.resize(wanted);
    page.next = to_base64url(as_bytes(rows.back().key));
  }
  page.rows.reserve(rows.size());
  for (const auto& row : rows) page.rows.push_back(TRY(resource_from(TRY(parse_row(row)))));
  return page;
}

Result<std::vector<Resource>> View::list_all(const arm::ResourceId& collection) const {
  TRY(check_shard(collection, subscription_));
  std::vector<Resource> resources;
  TRY(for_rows(reader_, collection_prefix(collection), [&](const kv::Row& row) -> Result<> {
    resources.push_back(TRY(resource_from(TRY(parse_row(row)))));
    return {};
  }));
  return resources;
}

Result<> View::from_last(const arm::ResourceId& collection,
                         const std::function<Result<bool>(Resource)>& take) const {
  TRY(check_shard(collection, subscription_));
  const std::string prefix = collection_prefix(collection);
  std::string end = kv::prefix_end(prefix);
  // Mostly the first one is what is wanted.
  for (std::size_t wanted = 4;; wanted = std::min<std::size_t>(wanted * 4, rows_at_once)) {
    const auto rows = TRY(reader_.range_back(prefix, end, wanted));
    for (const auto& row : rows) {
      if (!TRY(take(TRY(resource_from(TRY(parse_row(row))))))) return {};
    }
    if (rows.size() < wanted) return {};
    end = rows.back().key;
  }
}

Result<std::size_t> View::count(std::string_view type, std::string_view location) const {
  return kept_count(reader_, count_key(type, location));
}

Result<Counts> View::counts() const {
  return kept_counts(reader_);
}

Result<Counts> View::recount() const {
  return counts_of_rows(reader_);
}

Result<std::vector<Resource>> View::list_group(std::string_view group) const {
  std::vector<Resource> resources;
  const std::string all(resources_prefix);
  const std::string groups = type_prefix("microsoft.resources/resourcegroups", {});
  std::string begin = all;
  for (;;) {  // once a type
    const auto first = TRY(reader_.range(begin, kv::prefix_end(all), 1));
    if (first.empty()) return resources;
    const std::string type(type_part(first[0].key));
    begin = kv::prefix_end(type);
    if (type == groups) continue;
    const auto wanted =
        group.empty() ? type
                      : type_prefix(type.substr(all.size(), type.size() - all.size() - 1), group);
    TRY(for_rows(reader_, wanted, [&](const kv::Row& row) -> Result<> {
      resources.push_back(TRY(resource_from(TRY(parse_row(row)))));
      return {};
    }));
  }
}

Result<std::optional<Operation>> View::find_operation(std::string_view id) const {
  if (!arm::is_guid(id)) return std::nullopt;
  const auto row = TRY(reader_.find(std::string(operations_prefix) + to_lower(id)));
  if (!row) return std::nullopt;
  return TRY(operation_from(TRY(parse_row(*row))));
}

Result<std::vector<std::string>> View::pending_operations() const {
  std::vector<std::string> ids;
  TRY(for_rows(reader_, std::string(pending_prefix), [&](const kv::Row& row) -> Result<> {
    ids.push_back(row.key.substr(pending_prefix.size()));
    return {};
  }));
  return ids;
}

Result<std::optional<Json>> View::find_fact(std::string_view name) const {
  const auto row = TRY(reader_.find(std::string(facts_prefix) + std::string(name)));
  if (!row) return std::nullopt;
  return TRY(parse_row(*row));
}

Result<std::vector<std::pair<std::string, Json>>> View::facts(std::string_view prefix) const {
  std::vector<std::pair<std::string, Json>> found;
  const std::string start = std::string(facts_prefix) + std::string(prefix);
  TRY(for_rows(reader_, start, [&](const kv::Row& row) -> Result<> {
    found.emplace_back(row.key.substr(facts_prefix.size()), TRY(parse_row(row)));
    return {};
  }));
  return found;
}

Result<std::vector<std::pair<std::string, Json>>> View::facts_between(std::string_view begin,
                                                                      std::string_view end,
                                                                      std::size_t rows_max) const {
  std::vector<std::pair<std::string, Json>> found;
  const std::string prefix(facts_prefix);
  for (const auto& row : TRY(reader_.range(prefix + std::string(begin), prefix + std::string(end),
                                           std::clamp<std::size_t>(rows_max, 1, rows_at_once)))) {
    found.emplace_back(row.key.substr(prefix.size()), TRY(parse_row(row)));
  }
  return found;
}

Result<> Change::put(const Resource& resource) {
  TRY(check_shard(resource.id, subscription_));
  const std::string key = resource_key(resource.id);
  if (is_counted(key)) TRY(move_count(transaction_, key, &resource));
  touch(resource.id.full_type(), resource.id.key());
  return transaction_.put(key, to_text(to_json(resource)));
}

void Change::touch(std::string_view type, const std::string& key) {
  for (std::size_t i = 0; i < followers_.size(); i++) {
    if (iequals(followers_[i].type, type)) touched_[i].insert(key);
  }
}

void Change::touch_fact(std::string_view name) {
  touched_access_ = touched_access_ || name.starts_with(access_facts);
  for (std::size_t i = 0; i < followers_.size(); i++) {
    const auto facts = followers_[i].facts;
    if (!facts.empty() && name.starts_with(facts)) touched_[i].insert(std::string(name));
  }
}

Result<> Change::settle() {
  for (std::size_t i = 0; i < followers_.size(); i++) {
    const auto touched = std::exchange(touched_[i], {});
    if (!touched.empty()) TRY(followers_[i].settle(*this, touched));
  }
  return {};
}

std::string rules_prefix(std::string_view scope_key) {
  return std::string(access_facts) + "on" + std::string(scope_key) + "/";
}

std::string attached_prefix(std::string_view scope_key) {
  return "on" + std::string(scope_key) + "/";
}

Result<> Change::erase(const arm::ResourceId& id) {
  TRY(check_shard(id, subscription_));
  // What was allowed on it goes with it: a later one of the same name starts without.
  for (const auto& [name, value] : TRY(facts(rules_prefix(id.key())))) TRY(erase_fact(name));
  for (const auto& [name, value] : TRY(facts(attached_prefix(id.key())))) TRY(erase_fact(name));
  const std::string key = resource_key(id);
  if (is_counted(key)) TRY(move_count(transaction_, key, nullptr));
  touch(id.full_type(), id.key());
  return transaction_.erase(key);
}

Result<Operation> Change::start(Operation operation) {
  operation.id = random_.uuid();
  operation.start = now();
  operation.end = {};
  TRY(put_operation(operation));
  if (operation.state != OperationState::in_progress) operation.end = operation.start;
  return operation;
}

Result<> Change::put_operation(const Operation& operation) {
  if (!arm::is_guid(operation.id)) {
    return fail(Kind::invalid, "An operation's id is a GUID, not '" + operation.id + "'.");
  }
  Operation row = operation;
  row.id = to_lower(row.id);
  const bool ended = row.state != OperationState::in_progress;
  if (ended && row.end == WallTime()) row.end = now();

  const auto before = TRY(find_operation(row.id));
  if (before && before->state != OperationState::in_progress) {
    TRY(transaction_.erase(ended_key(before->end, row.id)));
  }
  const std::string pending = std::string(pending_prefix) + row.id;
  if (!ended && !row.task.empty()) {
    TRY(transaction_.put(pending, ""));
  } else {
    TRY(transaction_.erase(pending));
  }
  if (ended) TRY(transaction_.put(ended_key(row.end, row.id), ""));
  return transaction_.put(std::string(operations_prefix) + row.id, to_text(to_json(row)));
}

Result<std::size_t> Change::prune_operations(WallTime before, std::size_t operations_max) {
  // Two writes each, and a transaction has at most 1,000.
  const auto wanted = std::clamp<std::size_t>(operations_max, 1, 400);
  const auto rows = TRY(reader_.range(ended_prefix, ended_key(before, {}), wanted));
  for (const auto& row : rows) {
    const auto id = row.key.substr(row.key.rfind('/') + 1);
    TRY(transaction_.erase(std::string(operations_prefix) + id));
    TRY(transaction_.erase(row.key));
  }
  return rows.size();
}

Result<> Change::put_fact(std::string_view name, const Json& value) {
  touch_fact(name);
  const std::string text = to_text(value);
  // What could not be read back must not get in: one such row would fail whoever reads them all.
  if (!is_utf8(name) || !is_utf8(text)) {
    return fail(Kind::invalid, "The text is not UTF-8 and cannot be kept.");
  }
  return transaction_.put(std::string(facts_prefix) + std::string(name), text);
}

Result<> Change::erase_fact(std::string_view name) {
  touch_fact(name);
  return transaction_.erase(std::string(facts_prefix) + std::string(name));
}

Result<> Model::change(const std::string& subscription,
                       const std::function<Result<>(Change&)>& function) {
  const std::string shard = to_lower(subscription);
  bool touched_access = false;
  TRY(kv_.change(shard, [&](kv::Transaction& transaction) -> Result<> {
    Change change(transaction, shard, clock_, random_, followers_);
    TRY(function(change));
    TRY(change.settle());
    touched_access = change.touched_access();
    return {};
  }));
  if (touched_access) ++access_version_;
  return {};
}

Result<> Model::read(const std::string& subscription,
                     const std::function<Result<>(const View&)>& function) const {
  const std::string shard = to_lower(subscription);
  return kv_.read(shard, [&](kv::Reader& reader) { return function(View(reader, shard)); });
}

Result<std::optional<Resource>> Model::find(const arm::ResourceId& id) const {
  std::optional<Resource> found;
  TRY(read(id.subscription, [&](const View& view) -> Result<> {
    found = TRY(view.find(id));
    return {};
  }));
  return found;
}

Result<Resource> Model::get(const arm::ResourceId& id) const {
  auto found = TRY(find(id));
  if (!found) return fail(not_found(id));
  return std::move(*found);
}

Result<std::vector<std::string>> Model::shards() const {
  auto names = TRY(kv_.shards());
  std::erase(names, "");
  return names;
}

}  // namespace pinaco::model
