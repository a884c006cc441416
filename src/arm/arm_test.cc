#include "arm/arm.h"

#include <gtest/gtest.h>

namespace pinaco::arm {
namespace {

constexpr const char* version_id =
    "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/Rg/providers/"
    "Microsoft.Compute/galleries/G/images/d/versions/1.0.0";

TEST(ResourceId, RoundTripsAndKnowsItsParts) {
  const auto id = ResourceId::parse(version_id);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), version_id);
  EXPECT_EQ(id->full_type(), "Microsoft.Compute/galleries/images/versions");
  EXPECT_EQ(id->nested_name(), "G/d/1.0.0");
  EXPECT_EQ(id->parent().name(), "d");
  EXPECT_EQ(id->parent().parent().parent().text(),
            "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/Rg");
  EXPECT_TRUE(id->parent().child("versions", "").is_collection());
  EXPECT_TRUE(id->group_id().is_group());
}

TEST(ResourceId, ComparesWithoutCase) {
  auto upper = ResourceId::parse(
      "/SUBSCRIPTIONS/22222222-2222-2222-2222-222222222222/RESOURCEGROUPS/RG/providers/"
      "microsoft.compute/GALLERIES/g/images/D/versions/1.0.0");
  ASSERT_TRUE(upper);
  EXPECT_EQ(*upper, *ResourceId::parse(version_id));
}

TEST(ResourceId, RefusesSpellingsThatHideAnotherPath) {
  for (const std::string bad :
       {"", "/", "x", "/subscriptions", "/subscriptions//resourceGroups/rg", "/subscriptions/../x",
        "/subscriptions/s/resourceGroups/..", "/subscriptions/s/resourceGroups/a%2fb",
        "/subscriptions/s/resourceGroups/a\\b", "/subscriptions/s/resourceGroups/a;b",
        "/subscriptions/s/resourceGroups/a ", "/subscriptions/s/resourceGroups/\xc3\xa9",
        "/subscriptions/s/resourceGroups/a\n", "/subscriptions/s/resourceGroups/rg/providers",
        "/subscriptions/s/other/x", "/subscriptions/s/resourceGroups/rg/"}) {
    EXPECT_FALSE(ResourceId::parse(bad)) << bad;
  }
  EXPECT_FALSE(ResourceId::parse("/subscriptions/" + std::string(3000, 'a')));
}

TEST(Names, FollowTheirRules) {
  for (const char* good : {"g", "my_gallery.v2", "A1"})
    EXPECT_TRUE(check_gallery_name(good)) << good;
  for (const char* bad : {"", "my-gallery", "_a", "a.", ".a", "a b", "a/b"}) {
    EXPECT_FALSE(check_gallery_name(bad)) << bad;
  }
  EXPECT_FALSE(check_gallery_name(std::string(81, 'a')));
  EXPECT_TRUE(check_definition_name("my-image"));
  EXPECT_FALSE(check_definition_name("my-image-"));
  for (const char* good : {"1.0.0", "0.0.0", "2018.12.1", "1234567890.1234567890.1234567890"}) {
    EXPECT_TRUE(check_version_name(good)) << good;
  }
  for (const char* bad : {"", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.-1", "1.0.2147483648", "1..0",
                          "latest", "1.0.+1", " 1.0.0"}) {
    EXPECT_FALSE(check_version_name(bad)) << bad;
  }
  EXPECT_FALSE(check_identifier("offer", "ends."));
  EXPECT_FALSE(check_identifier("sku", std::string(65, 'a')));
  EXPECT_TRUE(check_identifier("publisher", std::string(128, 'a')));
  EXPECT_FALSE(check_group_name("rg."));
}

TEST(Names, VersionsCompareByNumber) {
  EXPECT_LT(*parse_version_name("1.9.0"), *parse_version_name("1.10.0"));
}

TEST(Errors, TakeTheShapeAndStatusOfArm) {
  const auto id = *ResourceId::parse(version_id);
  const Error missing = resource_not_found(id.parent());
  EXPECT_EQ(http_status(missing), 404);
  EXPECT_EQ(to_text(envelope(missing)),
            R"({"error":{"code":"ResourceNotFound","message":"The Resource )"
            R"('Microsoft.Compute/galleries/G/images/d' under resource group 'Rg' was not found. )"
            R"(For more details please go to https://aka.ms/ARMResourceNotFoundFix"}})");
  EXPECT_EQ(http_status(property_change_not_allowed("a")), 409);
  EXPECT_EQ(http_status(error(Kind::denied, "AuthenticationFailed", "")), 401);
  EXPECT_EQ(http_status(error(Kind::denied, "AuthorizationFailed", "")), 403);
}

TEST(Locations, AreOneWhateverTheSpelling) {
  EXPECT_EQ(normalize_location("West Europe"), "westeurope");
}

}  // namespace
}  // namespace pinaco::arm
