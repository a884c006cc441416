#include "guest/facts.h"

#include "guest/guest_testing.h"

namespace pinaco::guest {
namespace {

TEST(Facts, ComeBackFromJsonAsTheyWere) {
  Facts facts = test_facts();
  facts.forwards = {{.address = "127.42.0.7", .port = 22, .guest_port = 22}};
  const auto back = facts_from(to_json(facts));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_text(to_json(*back)), to_text(to_json(facts)));
  EXPECT_EQ(back->forwards, facts.forwards);
  EXPECT_EQ(back->password, facts.password);
}

struct Wrong {
  std::string_view member;
  std::function<void(Facts&)> spoil;
};

TEST(Facts, AreRefusedWhenAGuestCouldMisreadThem) {
  const std::vector<Wrong> all = {
      {"id", [](Facts& it) { it.id = "11111111-2222-3333-4444-55555555555g"; }},
      {"user", [](Facts& it) { it.user = "a; reboot"; }},
      {"user", [](Facts& it) { it.user = "-o"; }},
      {"user", [](Facts& it) { it.user = "0"; }},
      {"user", [](Facts& it) { it.user = std::string(65, 'a'); }},
      {"computer_name", [](Facts& it) { it.computer_name = "a b"; }},
      {"computer_name", [](Facts& it) { it.computer_name = "$(id)"; }},
      {"computer_name", [](Facts& it) { it.computer_name = "-a"; }},
      {"password", [](Facts& it) { it.password = "a\nb"; }},
      {"password", [](Facts& it) { it.password = "\xff\xfe"; }},
      {"password", [](Facts& it) { it.password = "\xef\xbf\xbf"; }},
      {"password", [](Facts& it) { it.password = ""; }},
      {"keys", [](Facts& it) { it.keys[0].key = "ssh-rsa A\nroot: x"; }},
      {"keys", [](Facts& it) { it.keys[0].path = "/home/../root/.ssh/authorized_keys"; }},
      {"custom_data", [](Facts& it) { it.custom_data = "no base64"; }},
      {"custom_data", [](Facts& it) { it.custom_data = std::string(87'384, 'A'); }},
      {"user_data", [](Facts& it) { it.user_data = "="; }},
      {"tags", [](Facts& it) { it.tags = {{"a", 1}}; }},
      {"mac", [](Facts& it) { it.mac = "01:0d:3a:01:02:03"; }},
      {"mac", [](Facts& it) { it.mac = "00:0d:3a:01:02"; }},
      {"address", [](Facts& it) { it.address = "10.0.0.3"; }},
      {"address", [](Facts& it) { it.address = "10.0.0.255"; }},
      {"address", [](Facts& it) { it.address = "10.0.1.4"; }},
      {"address", [](Facts& it) { it.address = "10.0.0.04"; }},
      {"subnet", [](Facts& it) { it.subnet = "10.0.0.0/30"; }},
      {"subnet", [](Facts& it) { it.subnet = "10.0.0.1/24"; }},
      {"subnet", [](Facts& it) { it.subnet = "127.0.0.0/24"; }},
      {"forwards", [](Facts& it) { it.forwards = {{"127.0.0.1", 0, 22}}; }},
      {"forwards", [](Facts& it) { it.forwards = {{"127.0.0.1", 9, 22}, {"127.0.0.1", 9, 23}}; }},
      {"os", [](Facts& it) { it.os = "BeOS"; }},
  };
  for (const auto& [member, spoil] : all) {
    Facts facts = test_facts();
    spoil(facts);
    const auto checked = check_facts(facts);
    ASSERT_FALSE(checked) << member;
    EXPECT_EQ(checked.error().kind, Kind::invalid);
    EXPECT_EQ(checked.error().target, member) << checked.error().message;
    EXPECT_FALSE(facts_from(to_json(facts))) << member;
  }
}

TEST(Facts, OfASpecializedGuestNeedNoAccount) {
  Facts facts = test_facts();
  facts.generalized = false;
  facts.computer_name = facts.user = facts.password = "";
  facts.password_login = false;
  facts.keys.clear();
  EXPECT_TRUE(check_facts(facts));
}

TEST(Facts, MustBeAnObject) {
  EXPECT_FALSE(facts_from(Json(1)));
  EXPECT_FALSE(facts_from(JsonObject{}));
}

}  // namespace
}  // namespace pinaco::guest
