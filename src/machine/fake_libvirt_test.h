// A libvirt host in memory, for tests: domains that are on or off, and volumes that have bytes. Any
// of its calls can be made to fail, before it does anything or after.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "machine/libvirt.h"
#include "os/files.h"

namespace pinaco::machine {

struct FakeHost {
  struct Guest {
    std::string xml;   // as it is to be at its next start
    std::string live;  // empty: off
  };
  std::map<std::string, Guest> guests;         // by their UUID
  std::map<std::string, std::string> volumes;  // what is in them, by their names
  std::set<std::string> fails;                 // calls that fail and do nothing
  std::set<std::string> fails_after;           // that do it, and the answer is lost
  bool spoils = false;                         // what is sent arrives otherwise
  std::function<void()> on_upload = nullptr;   // the next time
  std::vector<std::string> calls = {};
  std::string snapshot = {};  // the last one's description
};

class FakeLibvirt final : public Libvirt {
 public:
  explicit FakeLibvirt(FakeHost& host) : host_(host) {}

  Result<> connect() override {
    return does("connect", [] {});
  }
  Result<bool> has_kvm() override {
    TRY(does("has_kvm", [] {}));
    return false;
  }
  Result<Domain> domain(const std::string& id) override {
    TRY(does("domain", [] {}));
    const auto guest = host_.guests.find(id);
    if (guest == host_.guests.end()) return Domain();
    return Domain{.is = guest->second.live.empty() ? Domain::Is::off : Domain::Is::running};
  }
  void wait_for_event(Milliseconds) override {}
  Result<> define(const std::string& xml) override {
    return does("define", [&] { host_.guests[between(xml, "<uuid>", "</uuid>")].xml = xml; });
  }
  Result<> undefine(const std::string& id) override {
    return does("undefine", [&] { host_.guests.erase(id); });
  }
  Result<> power_on(const std::string& id) override {
    return does("power_on", [&] { host_.guests[id].live = host_.guests[id].xml; });
  }
  Result<> power_off(const std::string& id) override {
    return does("power_off", [&] {
      if (host_.guests.contains(id)) host_.guests[id].live.clear();
    });
  }
  Result<> press_power_button(const std::string&) override { return {}; }
  Result<> resume(const std::string&) override { return {}; }
  Result<std::string> live_xml(const std::string& id) override {
    TRY(does("live_xml", [] {}));
    const auto guest = host_.guests.find(id);
    if (guest == host_.guests.end()) return fail(Kind::not_found, "the fake host has it not");
    return guest->second.live.empty() ? guest->second.xml : guest->second.live;
  }
  Result<> plug(const std::string& id, const std::string& xml) override {
    return does("plug", [&] { host_.guests[id].live += xml; });
  }
  Result<> unplug(const std::string& id, const std::string& xml) override {
    return does("unplug", [&] {
      auto& live = host_.guests[id].live;
      const auto target = "<target dev='" + between(xml, "<target dev='", "'");
      const auto begin = live.rfind("<disk ", live.find(target));
      live.erase(begin, live.find("</disk>", begin) + 7 - begin);
    });
  }
  Result<> exchange(const std::string&, const std::string&) override { return {}; }
  Result<> snapshot(const std::string& id, const std::string& xml) override {
    return does("snapshot", [&] {
      host_.snapshot = xml;
      // Only the first disk is looked at by those who ask afterwards.
      auto& live = host_.guests[id].live;
      const auto source = "<source file='" + between(xml, "<source file='", "'") + "'/>";
      live.replace(live.find("<source file='"), 0, source);
    });
  }
  Result<Bytes> screenshot(const std::string&) override { return Bytes(); }

  Result<std::optional<std::string>> find_volume(const std::string& name) override {
    TRY(does("find_volume", [] {}));
    if (!host_.volumes.contains(name)) return std::nullopt;
    return "/pool/" + name;
  }
  Result<std::string> upload(const std::string& name, const std::string& from_path) override {
    if (const auto once = std::exchange(host_.on_upload, nullptr)) once();
    auto content = TRY(os::read_file(from_path, 64 << 20));
    if (host_.spoils) content.back() ^= 1;
    TRY(does("upload", [&] { host_.volumes[name] = content; }));
    return "/pool/" + name;
  }
  Result<bool> has_bytes_of(const std::string& name, const std::string& path) override {
    TRY(does("has_bytes_of", [] {}));
    return host_.volumes[name] == TRY(os::read_file(path, 64 << 20));
  }
  Result<> download(const std::string& name, const std::string& to_path, std::uint64_t) override {
    TRY(does("download", [] {}));
    return os::write_file_durably(to_path, as_bytes(host_.volumes[name]));
  }
  Result<> erase_volume(const std::string& name) override {
    return does("erase_volume", [&] { host_.volumes.erase(name); });
  }

 private:
  static std::string between(std::string_view text, std::string_view begin, std::string_view end) {
    const auto at = text.find(begin) + begin.size();
    return std::string(text.substr(at, text.find(end, at) - at));
  }
  template <typename Call>
  Result<> does(const std::string& what, const Call& call) {
    host_.calls.push_back(what);
    if (!host_.fails.contains(what)) call();
    if (host_.fails.contains(what) || host_.fails_after.contains(what)) {
      return fail(Kind::unavailable, "the fake host fails at " + what);
    }
    return {};
  }
  FakeHost& host_;
};

}  // namespace pinaco::machine
