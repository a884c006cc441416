// Dates, networks and resource ids.
#include "templates/expression_testing.h"

namespace pinaco::templates {
namespace {

TEST(Dates, AreAddedTo) {
  check_cases({
      {"dateTimeAdd('2023-01-01 00:00:00Z', 'P1Y')", R"("2024-01-01T00:00:00Z")"},
      {"dateTimeAdd('2024-01-01 00:00:00Z', 'P1Y')", R"("2024-12-31T00:00:00Z")"},
      {"dateTimeAdd('2023-02-01 00:00:00Z', 'P1M')", R"("2023-03-03T00:00:00Z")"},
      {"dateTimeAdd('2024-02-01 00:00:00Z', 'P1M')", R"("2024-03-02T00:00:00Z")"},
      {"dateTimeAdd('2020-04-07 14:53:14Z', '-P9D')", R"("2020-03-29T14:53:14Z")"},
      {"dateTimeAdd('2020-04-07T14:53:14Z', 'PT1H')", R"("2020-04-07T15:53:14Z")"},
      {"dateTimeAdd('2020-04-07', 'P1W')", R"("2020-04-14T00:00:00Z")"},
      {"dateTimeAdd('2020-04-07T14:53:14+02:00', 'P1DT1M1.5S', 'o')",
       R"("2020-04-08T12:54:15.5000000Z")"},
      {"dateTimeAdd('2020-04-07', 'P0D', 'yyyy/M/d HH:mm')", R"("2020/4/7 00:00")"},
      {"dateTimeAdd('2020-04-07', 'PTASDIONS1D')",
       "! The template function 'dateTimeAdd' has an invalid parameter. The second parameter "
       "'PTASDIONS1D' is not a valid ISO8601 Duration string."},
      {"dateTimeAdd('2020-04-07', 'P')", "! not a valid ISO8601 Duration"},
      {"dateTimeAdd('2020-04-07', 'PT')", "! not a valid ISO8601 Duration"},
      {"dateTimeAdd('2020-04-07', 'P1DT')", "! not a valid ISO8601 Duration"},
      {"dateTimeAdd('2020-04-07', 'P1D1Y')", "! not a valid ISO8601 Duration"},
      {"dateTimeAdd('2020-04-07', 'P1H')", "! not a valid ISO8601 Duration"},
      {"dateTimeAdd('2020-04-07', '1D')", "! not a valid ISO8601 Duration"},
      {"dateTimeAdd('2020-04-07', 'P99999Y')", "! not a valid ISO8601 Duration"},
      {"dateTimeAdd('2020-04-07', 'P9000Y')", "! outside of the years 1 to 9999"},
      {"dateTimeAdd('yesterday', 'P1D')", "! 'yesterday' is not a valid ISO8601 timestamp"},
      {"dateTimeAdd('2020-04-07', 'P1D', 'Q')", "! not a valid date and time format"},
      {"dateTimeAdd('2020-04-07')", "! requires between 2 and 3 argument(s)"},
  });
}

TEST(Dates, AreSecondsSince1970) {
  check_cases({
      {"dateTimeFromEpoch(1683040573)", R"("2023-05-02T15:16:13Z")"},
      {"dateTimeFromEpoch(0)", R"("1970-01-01T00:00:00Z")"},
      {"dateTimeFromEpoch(-1)", R"("1969-12-31T23:59:59Z")"},
      {"dateTimeFromEpoch(9223372036854775807)", "! outside of the years 1 to 9999"},
      {"dateTimeFromEpoch(-9223372036854775808)", "! outside of the years 1 to 9999"},
      {"dateTimeFromEpoch('adfasdf')", "! of type 'String'"},
      {"dateTimeToEpoch('2023-05-02T15:16:13Z')", "1683040573"},
      {"dateTimeToEpoch(dateTimeFromEpoch(7))", "7"},
      {"dateTimeToEpoch('1969-12-31T23:59:59.5Z')", "-1"},
      {"dateTimeToEpoch('2023-13-01')", "! is not a valid ISO8601 timestamp"},
      {"dateTimeToEpoch(5)", "! of type 'Integer'"},
  });
}

TEST(Dates, AreFormattedAsNetDoes) {
  const WallTime time = *parse_iso8601("2019-03-05T17:53:08.120340Z");
  const auto formatted = [&](std::string_view format) {
    const auto text = format_time(time, format);
    return text ? *text : "! " + text.error().message;
  };
  EXPECT_EQ(formatted(utc_now_format), "20190305T175308Z");
  EXPECT_EQ(formatted("d"), "03/05/2019");
  EXPECT_EQ(formatted("M d"), "3 5");
  EXPECT_EQ(formatted("D"), "Tuesday, 05 March 2019");
  EXPECT_EQ(formatted("u"), "2019-03-05 17:53:08Z");
  EXPECT_EQ(formatted("s"), "2019-03-05T17:53:08");
  EXPECT_EQ(formatted("o"), "2019-03-05T17:53:08.1203400Z");
  EXPECT_EQ(formatted("R"), "Tue, 05 Mar 2019 17:53:08 GMT");
  EXPECT_EQ(formatted("G"), "03/05/2019 17:53:08");
  EXPECT_EQ(formatted("t"), "17:53");
  EXPECT_EQ(formatted("yy-MMM-ddd h:mm tt"), "19-Mar-Tue 5:53 PM");
  EXPECT_EQ(formatted("HH:mm:ss.fff|FFFFFF|K|zzz"), "17:53:08.120|12034|Z|+00:00");
  EXPECT_EQ(formatted("ss.FF"), "08.12");
  EXPECT_EQ(formatted("%d"), "5");
  EXPECT_EQ(formatted("'year' yyyy \\y"), "year 2019 y");
  EXPECT_EQ(formatted("yyyyMMdd-HHmmss"), "20190305-175308");
  for (const char* bad : {"", "x", "'open", "yyyy\\", "%", "ffffffff"}) {
    EXPECT_TRUE(formatted(bad).starts_with("! The template function 'utcNow'")) << bad;
  }
  EXPECT_TRUE(formatted(std::string(201, 'y')).starts_with("! "));
  EXPECT_EQ(*format_time(*parse_iso8601("2019-03-05T00:00:00Z"), "h tt ss.F"), "12 AM 00");
}

TEST(Networks, AreParsed) {
  check_cases({
      {"parseCidr('10.144.0.0/20')",
       R"({"network":"10.144.0.0","netmask":"255.255.240.0","broadcast":"10.144.15.255",)"
       R"("firstUsable":"10.144.0.1","lastUsable":"10.144.15.254","cidr":20})"},
      {"parseCidr('fdad:3236:5555::/48')",
       R"({"network":"fdad:3236:5555::","netmask":"ffff:ffff:ffff::",)"
       R"("firstUsable":"fdad:3236:5555::",)"
       R"("lastUsable":"fdad:3236:5555:ffff:ffff:ffff:ffff:ffff","cidr":48})"},
      {"parseCidr('10.1.2.3/8').network", R"("10.0.0.0")"},
      {"parseCidr('1.2.3.4/32').lastUsable", R"("1.2.3.4")"},
      {"parseCidr('0.0.0.0/0').broadcast", R"("255.255.255.255")"},
      {"parseCidr('::/0').netmask", R"("::")"},
      {"parseCidr('::1/128').firstUsable", R"("::1")"},
      {"parseCidr('10.0.0.0')", "! a network in CIDR notation. The provided value is '10.0.0.0'"},
      {"parseCidr('10.0.0.0/33')", "! a network in CIDR notation"},
      {"parseCidr('10.0.0/8')", "! a network in CIDR notation"},
      {"parseCidr('10.0.0.0/')", "! a network in CIDR notation"},
      {"parseCidr(8)", "! of type 'Integer'"},
      {"cidrSubnet('10.144.0.0/20', 24, 0)", R"("10.144.0.0/24")"},
      {"cidrSubnet('10.144.0.0/20', 24, 15)", R"("10.144.15.0/24")"},
      {"cidrSubnet('10.144.0.0/20', 24, 16)", "! has no subnet of /24 at index '16'"},
      {"cidrSubnet('10.144.0.0/20', 19, 0)", "! has no subnet of /19"},
      {"cidrSubnet('10.144.0.0/20', 33, 0)", "! has no subnet of /33"},
      {"cidrSubnet('10.144.0.0/20', 24, -1)", "! at index '-1'"},
      {"cidrSubnet('10.0.0.0/32', 32, 0)", R"("10.0.0.0/32")"},
      {"cidrSubnet('0.0.0.0/0', 0, 0)", R"("0.0.0.0/0")"},
      {"cidrSubnet('0.0.0.0/0', 32, 4294967295)", R"("255.255.255.255/32")"},
      {"cidrSubnet('fdad:3236:5555::/48', 52, 3)", R"("fdad:3236:5555:3000::/52")"},
      {"cidrSubnet('::/0', 128, 9223372036854775807)", R"("::7fff:ffff:ffff:ffff/128")"},
      {"cidrHost('10.144.3.0/24', 0)", R"("10.144.3.1")"},
      {"cidrHost('10.144.3.0/24', 253)", R"("10.144.3.254")"},
      {"cidrHost('10.144.3.0/24', 254)", "! has no host at index '254'"},
      {"cidrHost('10.144.3.0/24', -1)", "! has no host at index '-1'"},
      {"cidrHost('10.0.0.4/31', 1)", R"("10.0.0.5")"},
      {"cidrHost('10.0.0.4/32', 0)", R"("10.0.0.4")"},
      {"cidrHost('fdad:3236:5555:3000::/52', 0)", R"("fdad:3236:5555:3000::1")"},
      {"cidrHost('::1/128', 0)", "! has no host"},
      {"cidrHost('x', 0)", "! a network in CIDR notation"},
  });
}

TEST(ResourceIds, NeedNoScopeWhenTheySayAll) {
  check_cases({
      {"extensionResourceId('/subscriptions/s/resourceGroups/rg', "
       "'Microsoft.Authorization/locks', 'l')",
       R"("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/locks/l")"},
      {"extensionResourceId('/a/', 'M.X/a/b', '1', '2')", R"("/a/providers/M.X/a/1/b/2")"},
      {"extensionResourceId('/a', 'M.X/a/b', '1')", "! the type 'M.X/a/b' requires '2'"},
      {"extensionResourceId('/a')", "! requires at least 3"},
      {"tenantResourceId('Microsoft.Authorization/roleDefinitions', 'r')",
       R"("/providers/Microsoft.Authorization/roleDefinitions/r")"},
      {"tenantResourceId('x', 'Microsoft.A/b', 'r')", "! at most 0 argument(s) may be before"},
      {"tenantResourceId(1, 2)", "! of type 'Integer' and 'Integer'"},
  });
}

std::string id_of(const Result<std::string>& id) {
  return id ? *id : "! " + id.error().message;
}

TEST(ResourceIds, AreOfTheDeploymentUnlessTheySayOther) {
  const auto of = [](JsonArray arguments, std::string_view group = "rg") {
    return id_of(
        resource_id("sub", group, std::span<const Json>(arguments.data(), arguments.size())));
  };
  EXPECT_EQ(of({"Microsoft.Compute/disks", "d"}),
            "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/disks/d");
  EXPECT_EQ(of({"Microsoft.Network/publicIPAddresses/", "p"}),
            "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Network/publicIPAddresses/p");
  EXPECT_EQ(of({"other", "Microsoft.Network/virtualNetworks/subnets", "v", "s"}),
            "/subscriptions/sub/resourceGroups/other/providers/Microsoft.Network/virtualNetworks/v/"
            "subnets/s");
  EXPECT_EQ(of({"s2", "other", "Microsoft.Compute/disks", "d"}),
            "/subscriptions/s2/resourceGroups/other/providers/Microsoft.Compute/disks/d");
  EXPECT_EQ(of({"Microsoft.Compute/disks", "d"}, ""),
            "/subscriptions/sub/providers/Microsoft.Compute/disks/d");
  EXPECT_EQ(of({"11111111-1111-1111-1111-111111111111", "Microsoft.Compute/disks", "d"}, ""),
            "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.Compute/disks/"
            "d");
  const auto refused = [&](JsonArray arguments, std::string_view part) {
    const std::string answer = of(std::move(arguments));
    EXPECT_TRUE(
        answer.starts_with("! Unable to evaluate template language function 'resourceId'") &&
        answer.find(part) != std::string::npos)
        << answer;
  };
  refused({"Microsoft.Storage/storageAccounts"}, "at least 2 argument(s) while 1");
  refused({"Microsoft.Storage/storageAccounts", "a", "b"},
          "the type 'Microsoft.Storage/storageAccounts' requires '1' resource name argument(s)");
  refused({"Microsoft.Network/virtualNetworks/subnets", "v", "10.20.20.0/25"},
          "function requires exactly one multi-segmented argument which must be resource type "
          "including resource provider namespace. Current function arguments "
          "'Microsoft.Network/virtualNetworks/subnets,v,10.20.20.0/25'");
  refused({"disks", "d"}, "exactly one multi-segmented argument");
  refused({"a", "b", "c", "Microsoft.Compute/disks", "d"}, "at most 2 argument(s) may be before");
  refused({"Microsoft.Compute/disks", 5}, "type 'Integer' was provided");
  refused({"Microsoft.Compute/disks", std::string(9000, 'x')}, "exceed the limit of 8192");
}

TEST(ResourceIds, OfSubscriptionsAndManagementGroups) {
  const JsonArray two = {"Microsoft.A/b", "n"}, three = {"x", "Microsoft.A/b", "n"};
  const auto span = [](const JsonArray& array) {
    return std::span<const Json>(array.data(), array.size());
  };
  EXPECT_EQ(id_of(subscription_resource_id("s", span(two))),
            "/subscriptions/s/providers/Microsoft.A/b/n");
  EXPECT_EQ(id_of(subscription_resource_id("s", span(three))),
            "/subscriptions/x/providers/Microsoft.A/b/n");
  EXPECT_EQ(id_of(management_group_resource_id("m", span(two))),
            "/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.A/b/n");
  EXPECT_EQ(id_of(management_group_resource_id("", span(three))),
            "/providers/Microsoft.Management/managementGroups/x/providers/Microsoft.A/b/n");
  EXPECT_NE(id_of(management_group_resource_id("", span(two))).find("name one before the type"),
            std::string::npos);
}

}  // namespace
}  // namespace pinaco::templates
