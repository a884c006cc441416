// Addresses of this host for public addresses. Subscriptions are separate shards, so who has which
// is a fact of the shard "": "address/10.1.2.3" names the resource. An address whose resource is
// gone, or shows another one, is free again.
#include <fmt/format.h>

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

}  // namespace

Result<> assign_address_to(Bench& bench, const arm::ResourceId& id) {
  const auto pool = TRY(parse_pool(bench.host->options().addresses));
  const std::lock_guard alone(bench.host->addresses());
  std::vector<std::pair<std::string, Json>> taken;
  TRY(bench.model.read("", [&](const model::View& view) -> Result<> {
    taken = TRY(view.facts(facts));
    return {};
  }));
  std::vector<std::string> stale;
  std::string mine;
  for (const auto& [name, fact] : taken) {
    const auto address = name.substr(std::string_view(facts).size());
    const auto owner = arm::ResourceId::parse(string_at(fact, "of"));
    if (owner && *owner == id) {
      mine = address;
      continue;
    }
    const auto row = owner ? TRY(bench.model.find(*owner)) : std::optional<model::Resource>();
    // One that is being assigned right now does not show it yet.
    const bool fresh =
        row && string_at(row->properties, "ipAddress").empty() && !row->operation.empty();
    if (!row || (!fresh && string_at(row->properties, "ipAddress") != address)) {
      stale.push_back(name);
    }
  }
  TRY(bench.model.change("", [&](model::Change& change) -> Result<> {
    for (const auto& name : stale) TRY(change.erase_fact(name));
    if (!mine.empty()) return {};
    for (std::uint32_t i = 0; i < pool.count; i++) {
      const auto address = to_ipv4(pool.first + i);
      if (TRY(change.find_fact(facts + address))) continue;
      mine = address;
      return change.put_fact(facts + address, JsonObject{{"of", id.text()}});
    }
    return fail(
        arm::error(Kind::quota, "PublicIPCountLimitReached",
                   fmt::format("All {} public addresses of this server are in use.", pool.count)));
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
