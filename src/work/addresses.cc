// Addresses of this host for public addresses. Subscriptions are separate shards, so who has which
// is a fact of the shard "": "address/10.1.2.3" names the resource. An address whose resource is
// gone, or shows another one, is free again.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/ipv4.h"
#include "base/text.h"
#include "work/guests.h"

namespace pinaco::work {
namespace {

constexpr const char* facts = "address/";

struct Pool {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

Result<Pool> parse_pool(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto bits =
      slash == std::string_view::npos ? std::nullopt : parse_int(text.substr(slash + 1), 8, 30);
  if (!address || !bits) {
    return fail(Kind::invalid, fmt::format("The pool of public addresses '{}' is not like "
                                           "127.42.0.0/16.",
                                           text));
  }
  const std::uint32_t size = std::uint32_t{1} << (32 - *bits);
  // Neither the network's own address nor its last.
  return Pool{.first = (*address & ~(size - 1)) + 1, .count = size - 2};
}

std::string free_in(const Pool& pool, const std::set<std::string>& taken) {
  for (std::uint32_t i = 0; i < pool.count; i++) {
    auto address = to_ipv4(pool.first + i);
    if (!taken.contains(address)) return address;
  }
  return {};
}

// Those whose resource is gone or shows another address are forgotten; which they were.
Result<std::vector<std::string>> free_stale(
    Bench& bench, const std::vector<std::pair<std::string, Json>>& taken) {
  std::vector<std::string> stale;
  for (const auto& [name, fact] : taken) {
    const auto address = name.substr(std::string_view(facts).size());
    const auto owner = arm::ResourceId::parse(string_at(fact, "of"));
    const auto row = owner ? TRY(bench.model.find(*owner)) : std::optional<model::Resource>();
    // One that is being assigned right now does not show it yet.
    const bool fresh =
        row && string_at(row->properties, "ipAddress").empty() && !row->operation.empty();
    if (!row || (!fresh && string_at(row->properties, "ipAddress") != address)) {
      stale.push_back(address);
    }
  }
  constexpr std::size_t writes_a_step = 500;
  for (std::size_t at = 0; at < stale.size(); at += writes_a_step) {
    TRY(bench.model.change("", [&](model::Change& change) -> Result<> {
      for (std::size_t i = at; i < std::min(stale.size(), at + writes_a_step); i++) {
        TRY(change.erase_fact(facts + stale[i]));
      }
      return {};
    }));
  }
  return stale;
}

}  // namespace

Result<> assign_address_to(Bench& bench, const arm::ResourceId& id) {
  const auto pool = TRY(parse_pool(bench.host->options().addresses));
  const std::lock_guard alone(bench.host->addresses());
  std::vector<std::pair<std::string, Json>> taken;
  TRY(bench.model.read("", [&](const model::View& view) -> Result<> {
    taken = TRY(view.facts(facts));
    return {};
  }));
  std::string mine;
  std::set<std::string> known;
  for (const auto& [name, fact] : taken) {
    const auto address = name.substr(std::string_view(facts).size());
    const auto owner = arm::ResourceId::parse(string_at(fact, "of"));
    if (owner && *owner == id) mine = address;
    known.insert(address);
  }
  if (mine.empty()) mine = free_in(pool, known);
  if (mine.empty()) {
    // Only now is it worth looking at everybody.
    for (const auto& name : TRY(free_stale(bench, taken))) known.erase(name);
    mine = free_in(pool, known);
  }
  if (mine.empty()) {
    return fail(
        arm::error(Kind::quota, "PublicIPCountLimitReached",
                   fmt::format("All {} public addresses of this server are in use.", pool.count)));
  }
  TRY(bench.model.change("", [&](model::Change& change) -> Result<> {
    return change.put_fact(facts + mine, JsonObject{{"of", id.text()}});
  }));
  return bench.model.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(id));
    set_path(row.properties, "ipAddress", mine);
    return change.put(row);
  });
}

Result<> assign_address(Bench& bench, const model::Operation& operation) {
  if (bench.host != nullptr) TRY(assign_address_to(bench, operation.resource));
  return bench.model.change(operation.resource.subscription,
                            [&](model::Change& change) -> Result<> {
                              auto row = TRY(change.get(operation.resource));
                              set_path(row.internal, "created", true);
                              row.provisioning = "Succeeded";
                              row.operation.clear();
                              TRY(change.put(row));
                              return finish(change, operation);
                            });
}

}  // namespace pinaco::work
