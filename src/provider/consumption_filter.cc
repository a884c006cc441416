// $filter of usage details: days, a group, a resource.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "provider/consumption.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t filter_bytes_max = 2048;
constexpr auto one_day = std::chrono::days(1);

Error bad_filter(std::string_view part) {
  return arm::error(
      Kind::invalid, "BadRequest",
      fmt::format("The filter '{}' is not understood here: use properties/usageStart, "
                  "properties/usageEnd or properties/date with ge, gt, le, lt or eq and a time, "
                  "and properties/resourceGroup, properties/resourceId or properties/instanceName "
                  "with eq, joined by and.",
                  part.substr(0, 200)));
}

struct Condition {
  std::string name;  // lower case, without "properties/"
  std::string comparison;
  std::string value;
};

// "properties/usageEnd ge '2026-11-01'"; quotes may be missing.
Result<Condition> parse_condition(std::string_view part) {
  const auto space = part.find(' ');
  if (space == std::string_view::npos) return fail(bad_filter(part));
  auto name = to_lower(part.substr(0, space));
  if (name.starts_with("properties/")) name.erase(0, 11);
  const auto rest = trim(part.substr(space));
  const auto end = rest.find(' ');
  if (end == std::string_view::npos) return fail(bad_filter(part));
  auto value = trim(rest.substr(end));
  if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'') {
    value = value.substr(1, value.size() - 2);
  }
  return Condition{.name = std::move(name),
                   .comparison = to_lower(rest.substr(0, end)),
                   .value = std::string(value)};
}

// A charge is of a day: it starts at midnight, and its end is 23:59:59 of the same day.
Result<> narrow(UsageFilter& filter, const Condition& condition, std::string_view part) {
  const auto time = parse_iso8601(condition.value);
  if (!time) return fail(bad_filter(part));
  const auto& how = condition.comparison;
  // The end of a day, or what is in it.
  const bool end = condition.name == "usageend";
  const auto shift = end ? one_day - std::chrono::seconds(1) : std::chrono::seconds(0);
  const auto at = *time - shift;  // compared with midnights
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const bool exact = day == at;
  if (how == "ge" || how == "gt") {
    const WallTime first = exact && how == "ge" ? day : day + one_day;
    filter.from = std::max(filter.from, first);
  } else if (how == "le" || how == "lt") {
    const WallTime last = exact && how == "lt" ? day : day + one_day;
    filter.to = std::min(filter.to, last);
  } else if (how == "eq") {
    const auto only = std::chrono::floor<std::chrono::days>(*time);
    filter.from = std::max<WallTime>(filter.from, only);
    filter.to = std::min<WallTime>(filter.to, only + one_day);
  } else {
    return fail(bad_filter(part));
  }
  return {};
}

}  // namespace

Result<UsageFilter> parse_usage_filter(std::string_view text, UsageFilter usual) {
  if (text.size() > filter_bytes_max) return fail(bad_filter(text));
  UsageFilter filter = usual;
  bool dated = false;
  std::vector<std::pair<Condition, std::string_view>> conditions;
  while (!trim(text).empty()) {
    const auto end = to_lower(text).find(" and ");
    const auto part = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 5);
    auto condition = TRY(parse_condition(part));
    const auto& name = condition.name;
    dated = dated || name == "usagestart" || name == "usageend" || name == "date";
    conditions.emplace_back(std::move(condition), part);
  }
  if (dated) {
    filter.from = {};
    filter.to = WallTime::max() - one_day;
  }
  for (const auto& [condition, part] : conditions) {
    const auto& name = condition.name;
    if (name == "usagestart" || name == "usageend" || name == "date") {
      TRY(narrow(filter, condition, part));
      continue;
    }
    if (condition.comparison != "eq") return fail(bad_filter(part));
    if (name == "resourcegroup") {
      filter.group = to_lower(condition.value);
    } else if (name == "resourceid" || name == "instanceid" || name == "instancename" ||
               name == "resourcename") {
      filter.resource = to_lower(condition.value);
    } else {
      return fail(bad_filter(part));
    }
  }
  return filter;
}

Result<WallTime> parse_billing_period(std::string_view name) {
  auto month = name.substr(0, 6);
  const auto rest = name.substr(month.size());
  const bool whole = rest.empty() || rest == "01" || rest == "-1";
  if (month.size() == 6 && whole) {
    const auto text = fmt::format("{}-{}", month.substr(0, 4), month.substr(4));
    if (const auto begin = cost::parse_month(text)) return *begin;
  }
  return fail(arm::error(Kind::not_found, "BillingPeriodNotFound",
                         fmt::format("There is no billing period '{}': they are calendar months, "
                                     "such as 202611.",
                                     name.substr(0, 100))));
}

}  // namespace pinaco::provider
