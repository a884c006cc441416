// Charges as lines: by what somebody wants to know.
#include <fmt/format.h>

#include <algorithm>

#include "arm/arm.h"
#include "base/text.h"
#include "cost/amount.h"

namespace pinaco::cost {
namespace {

constexpr std::pair<By, std::string_view> words[] = {
    {By::gallery, "gallery"}, {By::definition, "definition"},
    {By::version, "version"}, {By::region, "region"},
    {By::type, "type"},       {By::month, "month"}};

// The lines that a charge belongs to: its id and its name.
std::pair<std::string, std::string> line_of(By by, const Charge& charge) {
  if (by == By::region) return {"", charge.region};
  if (by == By::month) return {"", month_name(charge.from)};
  if (by == By::type) return {"", charge.meter == Meter::egress ? "egress" : charge.type};
  auto id = arm::ResourceId::parse(charge.version);
  if (!id) return {charge.version, charge.version};
  if (by != By::version) *id = id->parent();
  if (by == By::gallery) *id = id->parent();
  return {id->text(), id->nested_name()};
}

double in_units(Nanos nanos) {
  return static_cast<double>(nanos) / static_cast<double>(nanos_a_unit);
}

JsonObject shown(const Line& line) {
  JsonObject json;
  if (!line.name.empty()) json["name"] = line.name;
  if (!line.id.empty()) json["id"] = line.id;
  json["disks"] = line.disks;
  json["chargedGiBMonths"] = line.charged;
  json["storedGiBMonths"] = line.stored;
  json["egressGiB"] = line.egress;
  json["movedGiB"] = line.moved;
  json["storageCost"] = in_units(line.storage_cost);
  json["egressCost"] = in_units(line.egress_cost);
  json["cost"] = in_units(line.cost());
  return json;
}

}  // namespace

std::optional<By> parse_by(std::string_view word) {
  for (const auto& [by, name] : words) {
    if (iequals(name, word)) return by;
  }
  return std::nullopt;
}

std::string_view to_string(By by) {
  return std::ranges::find(words, by, &std::pair<By, std::string_view>::first)->second;
}

void Line::add(const Charge& charge) {
  if (charge.meter == Meter::egress) {
    egress += charge.charged;
    moved += charge.stored;
    egress_cost = sum(egress_cost, charge.cost);
    return;
  }
  disks += charge.disks;
  charged += charge.charged;
  stored += charge.stored;
  storage_cost = sum(storage_cost, charge.cost);
}

Nanos Line::cost() const {
  return sum(storage_cost, egress_cost);
}

Result<Report> report(const model::View& view, const Prices& prices, const std::string& scope,
                      WallTime from, WallTime to, By by, WallTime now) {
  Report report{.from = from, .to = to, .by = by, .lines = {}, .total = {}};
  std::map<std::string, Line> lines;  // by key
  const Query query{
      .scope = to_lower(scope), .from = from, .to = to, .grain = Grain::month, .after = {}};
  TRY(each_version(view, prices, query, now,
                   [&](const std::string&, const std::vector<Charge>& charges) {
                     for (const auto& charge : charges) {
                       const auto [id, name] = line_of(by, charge);
                       auto& line = lines[to_lower(id) + "\n" + name];
                       line.id = id;
                       line.name = name;
                       line.add(charge);
                       report.total.add(charge);
                     }
                     return lines.size() <= lines_max;
                   }));
  if (lines.size() > lines_max) {
    return fail(arm::error(Kind::quota, "ResultTooLarge",
                           fmt::format("The costs by {} are more than {} lines. Ask for a gallery, "
                                       "or by something wider.",
                                       to_string(by), lines_max)));
  }
  for (auto& [key, line] : lines) report.lines.push_back(std::move(line));
  return report;
}

Json to_json(const Report& report, const Prices& prices) {
  JsonArray rows;
  rows.reserve(report.lines.size());
  for (const auto& line : report.lines) rows.push_back(shown(line));
  return JsonObject{{"from", to_iso8601(report.from)}, {"to", to_iso8601(report.to)},
                    {"by", to_string(report.by)},      {"currency", prices.currency},
                    {"unit", to_string(prices.unit)},  {"value", std::move(rows)},
                    {"total", shown(report.total)}};
}

}  // namespace pinaco::cost
