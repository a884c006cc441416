// Two forms, as the cloud has them: up to 2019-01-01 with usageStart, usageEnd and pretaxCost,
// which az reads; from 2019-10-01 on as "legacy" rows with date and cost.
#include "provider/consumption.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view versions[] = {"2018-01-31", "2018-03-31", "2018-06-30", "2018-08-31",
                                         "2018-10-01", "2019-01-01", "2019-10-01", "2021-10-01",
                                         "2023-03-01", "2023-05-01", "2023-11-01", "2024-08-01"};
constexpr std::string_view flat_since = "2019-10-01";
constexpr std::int64_t rows_max = 1000;  // of a page

// What the row is about, for somebody who reads a bill.
struct Wording {
  std::string meter;
  std::string category;
  std::string below;
  std::string unit;
  std::string product;
};

Wording wording_of(const cost::Charge& charge, cost::Unit unit) {
  if (charge.meter == cost::Meter::egress) {
    return {.meter = "Inter-Region Data Transfer Out",
            .category = "Bandwidth",
            .below = charge.type,
            .unit = "1 GiB",
            .product = fmt::format("Image replication from {} to {}", charge.region, charge.type)};
  }
  return {.meter = fmt::format("Image replica, {} size", to_string(unit)),
          .category = "Storage",
          .below = charge.type,
          .unit = "1 GiB/Month",
          .product = fmt::format("Image replicas on {} in {}", charge.type, charge.region)};
}

// The same for the same text.
std::string guid_of(std::string_view text) {
  const auto hex = Digest::of(as_bytes(text)).hex();
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

double money(cost::Nanos nanos) {
  return static_cast<double>(nanos) / static_cast<double>(cost::nanos_a_unit);
}

class Shown {
 public:
  Shown(const Call& call, const identity::Subscription& subscription)
      : call_(call), subscription_(subscription), now_(call.model.clock().now()) {
    const auto expand = call.query.find("$expand");
    const auto text = to_lower(expand == call.query.end() ? std::string() : expand->second);
    meters_ = text.find("meterdetails") != std::string::npos;
    more_ = text.find("additional") != std::string::npos;
  }

  // What a page's token says of it, for the link to the next one does not.
  std::string flags() const { return fmt::format("{}{}", meters_ ? "m" : "", more_ ? "a" : ""); }
  void set_flags(std::string_view flags) {
    meters_ = meters_ || flags.find('m') != std::string_view::npos;
    more_ = more_ || flags.find('a') != std::string_view::npos;
  }

  Json row(const cost::Charge& charge) const {
    const auto name = guid_of(charge.version + "\n" + charge.key());
    const auto period = fmt::format(
        "/subscriptions/{}/providers/Microsoft.Billing/billingPeriods/"
        "{}",
        subscription_.id, period_of(charge));
    const bool flat = call_.api_version >= flat_since;
    JsonObject row{
        {"id", fmt::format("{}/providers/Microsoft.Consumption/usageDetails/{}", period, name)},
        {"name", name},
        {"type", "Microsoft.Consumption/usageDetails"},
        {"tags", nullptr}};
    if (flat) row["kind"] = "legacy";
    row["properties"] = flat ? flat_properties(charge) : properties(charge, period);
    return row;
  }

 private:
  static std::string period_of(const cost::Charge& charge) {
    auto month = cost::month_name(charge.from);
    std::erase(month, '-');
    return month;
  }

  std::string additional(const cost::Charge& charge) const {
    return to_text(
        JsonObject{{"UsageType", charge.meter == cost::Meter::egress ? "Egress" : "ImageReplica"},
                   {"Disks", charge.disks},
                   {"Stored", charge.stored}});
  }

  JsonObject properties(const cost::Charge& charge, const std::string& period) const {
    const auto id = arm::ResourceId::parse(charge.version);
    const auto words = wording_of(charge, call_.world.prices.unit);
    JsonObject properties{
        {"billingPeriodId", period},
        {"usageStart", to_iso8601(charge.from)},
        {"usageEnd", to_iso8601(charge.to - std::chrono::seconds(1))},
        {"instanceName", id ? id->nested_name() : charge.version},
        {"instanceId", charge.version},
        {"instanceLocation", charge.region},
        {"currency", call_.world.prices.currency},
        {"usageQuantity", charge.charged},
        {"billableQuantity", charge.charged},
        {"pretaxCost", money(charge.cost)},
        {"isEstimated", charge.to > now_},
        {"meterId", guid_of(charge.region + "\n" + charge.type + "\n" + words.meter)},
        {"subscriptionGuid", subscription_.id},
        {"subscriptionName", subscription_.name},
        {"accountName", ""},
        {"departmentName", ""},
        {"product", words.product},
        {"consumedService", "Microsoft.Compute"},
        {"costCenter", ""}};
    if (meters_) {
      properties["meterDetails"] = JsonObject{{"meterName", words.meter},
                                              {"meterCategory", words.category},
                                              {"meterSubCategory", words.below},
                                              {"unit", words.unit},
                                              {"meterLocation", charge.region},
                                              {"totalIncludedQuantity", 0},
                                              {"pretaxStandardRate", money(charge.price)}};
    }
    if (more_) properties["additionalProperties"] = additional(charge);
    return properties;
  }

  JsonObject flat_properties(const cost::Charge& charge) const {
    const auto id = arm::ResourceId::parse(charge.version);
    const auto words = wording_of(charge, call_.world.prices.unit);
    const auto month = cost::month_of(charge.from);
    JsonObject properties{
        {"billingAccountId", subscription_.id},
        {"billingAccountName", subscription_.name},
        {"billingPeriodStartDate", to_iso8601(month)},
        {"billingPeriodEndDate", to_iso8601(cost::month_after(month, 1) - std::chrono::days(1))},
        {"billingProfileId", subscription_.id},
        {"billingProfileName", subscription_.name},
        {"accountName", ""},
        {"subscriptionId", subscription_.id},
        {"subscriptionName", subscription_.name},
        {"date", to_iso8601(charge.from)},
        {"product", words.product},
        {"meterId", guid_of(charge.region + "\n" + charge.type + "\n" + words.meter)},
        {"quantity", charge.charged},
        {"effectivePrice", money(charge.price)},
        {"cost", money(charge.cost)},
        {"unitPrice", money(charge.price)},
        {"billingCurrency", call_.world.prices.currency},
        {"resourceLocation", charge.region},
        {"consumedService", "Microsoft.Compute"},
        {"resourceId", charge.version},
        {"resourceName", id ? id->nested_name() : charge.version},
        {"resourceGroup", id ? id->group : ""},
        {"isAzureCreditEligible", false},
        {"publisherType", "Azure"},
        {"chargeType", "Usage"},
        {"frequency", "UsageBased"},
        {"payGPrice", money(charge.price)},
        {"pricingModel", "OnDemand"}};
    if (meters_) {
      properties["meterDetails"] = JsonObject{{"meterName", words.meter},
                                              {"meterCategory", words.category},
                                              {"meterSubCategory", words.below},
                                              {"unitOfMeasure", words.unit},
                                              {"serviceFamily", words.category}};
    }
    if (more_) properties["additionalInfo"] = additional(charge);
    return properties;
  }

  const Call& call_;
  const identity::Subscription& subscription_;
  const WallTime now_;
  bool meters_ = false;
  bool more_ = false;
};

// Where a page begins: after a charge of a version. In a token a line each; none of them has lines.
struct Place {
  std::string flags;
  std::string month;  // the one that is meant without a filter: it may be over by the next page
  std::string version;
  std::string charge;
};

std::string token_of(const Place& place) {
  return to_base64url(as_bytes(
      fmt::format("{}\n{}\n{}\n{}", place.flags, place.month, place.version, place.charge)));
}

Result<Place> place_of(const Call& call) {
  const auto token = call.query.find("$skiptoken");
  if (token == call.query.end() || token->second.empty()) {
    return Place{.flags = {},
                 .month = cost::month_name(call.model.clock().now()),
                 .version = {},
                 .charge = {}};
  }
  const auto bytes = from_base64url(token->second);
  const auto parts = split(bytes ? as_text(*bytes) : std::string_view(), '\n');
  if (parts.size() != 4 || !cost::parse_month(parts[1]) || !parts[2].starts_with('/')) {
    return fail(arm::invalid_parameter("$skiptoken", "It is not one that a page ended with."));
  }
  return Place{.flags = std::string(parts[0]),
               .month = std::string(parts[1]),
               .version = std::string(parts[2]),
               .charge = std::string(parts[3])};
}

Result<std::size_t> top_of(const Call& call) {
  const auto top = call.query.find("$top");
  const auto wanted =
      top == call.query.end() ? rows_max : parse_int(top->second, 1, rows_max).value_or(0);
  if (wanted > 0) return static_cast<std::size_t>(wanted);
  return fail(arm::error(Kind::invalid, "InvalidParameter",
                         fmt::format("$top must be a number from 1 to {}.", rows_max), "$top"));
}

Result<UsageFilter> filter_of(const Call& call, const std::string& month) {
  UsageFilter usual{.from = *cost::parse_month(month)};
  if (const auto period = call.parts.find("period"); period != call.parts.end()) {
    usual.from = TRY(parse_billing_period(period->second));
  }
  usual.to = cost::month_after(usual.from, 1);
  if (const auto group = call.parts.find("group"); group != call.parts.end()) {
    usual.group = to_lower(group->second);
  }
  const auto text = call.query.find("$filter");
  auto filter = TRY(parse_usage_filter(text == call.query.end() ? "" : text->second, usual));
  // Of a group's path and of a period's, what they say holds whatever the filter says.
  if (!usual.group.empty() && filter.group != usual.group) filter.to = filter.from;
  if (call.parts.contains("period")) {
    filter.from = std::max(filter.from, usual.from);
    filter.to = std::min(filter.to, usual.to);
  }
  return filter;
}

bool fits(const std::string& key, const UsageFilter& filter) {
  if (filter.resource.empty() || filter.resource == key) return true;
  const auto id = arm::ResourceId::parse(key);
  return id && id->nested_name() == filter.resource;
}

}  // namespace

std::span<const std::string_view> consumption_api_versions() {
  return versions;
}

Result<Outcome> list_usage_details(const Call& call) {
  const auto everybody = TRY(call.access.directory().roster());
  const auto* subscription = everybody->find_subscription(call.parts.at("subscription"));
  CHECK(subscription != nullptr);  // the router looked
  const auto top = TRY(top_of(call));
  const auto start = TRY(place_of(call));
  const auto filter = TRY(filter_of(call, start.month));
  Shown shown(call, *subscription);
  shown.set_flags(start.flags);

  std::string scope = "/subscriptions/" + to_lower(subscription->id);
  if (!filter.group.empty()) scope += "/resourcegroups/" + filter.group;
  const cost::Query query{.scope = scope,
                          .from = filter.from,
                          .to = filter.to,
                          .grain = cost::Grain::day,
                          .after = start.version};
  Outcome outcome;
  TRY(call.model.read(subscription->id, [&](const model::View& view) -> Result<> {
    JsonArray rows;
    outcome.next.clear();
    Place last{.flags = shown.flags(), .month = start.month, .version = {}, .charge = {}};
    TRY(cost::each_version(view, call.world.prices, query, call.model.clock().now(),
                           [&](const std::string& key, const std::vector<cost::Charge>& charges) {
                             if (!fits(key, filter)) return true;
                             for (const auto& charge : charges) {
                               auto place = charge.key();
                               if (key == start.version && place <= start.charge) continue;
                               if (rows.size() == top) {
                                 outcome.next = token_of(last);
                                 return false;
                               }
                               rows.push_back(shown.row(charge));
                               last.version = key;
                               last.charge = std::move(place);
                             }
                             return true;
                           }));
    outcome.body = JsonObject{{"value", std::move(rows)}};
    return {};
  }));
  return outcome;
}

}  // namespace pinaco::provider
