// Resource ids: parsed once into a struct, so that what is authorised is what is acted on.
#include <fmt/format.h>

#include "arm/arm.h"
#include "base/text.h"

namespace pinaco::arm {
namespace {

constexpr std::size_t id_bytes_max = 2048;
constexpr std::size_t segment_bytes_max = 260;

bool is_good_segment(std::string_view segment) {
  if (segment.empty() || segment.size() > segment_bytes_max) return false;
  if (segment == "." || segment == "..") return false;
  for (const char c : segment) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) return false;
    if (std::string_view("/\\%?#;").find(c) != std::string_view::npos) return false;
  }
  return segment.front() != ' ' && segment.back() != ' ';
}

Error bad_id(std::string_view text) {
  return error(Kind::invalid, "LinkedInvalidPropertyId",
               fmt::format("Property id '{}' is invalid. Expect fully qualified resource Id that "
                           "start with '/subscriptions/{{subscriptionId}}' or "
                           "'/providers/{{resourceProviderNamespace}}/'.",
                           text.substr(0, 300)));
}

}  // namespace

Result<ResourceId> ResourceId::parse(std::string_view text) {
  if (text.size() > id_bytes_max || !text.starts_with('/')) return fail(bad_id(text));
  auto parts = split(text.substr(1), '/');
  for (const auto part : parts) {
    if (!is_good_segment(part)) return fail(bad_id(text));
  }
  ResourceId id;
  std::size_t at = 0;
  const auto take = [&](std::string_view word) {
    if (at < parts.size() && iequals(parts[at], word)) {
      at++;
      return true;
    }
    return false;
  };
  if (take("subscriptions")) {
    if (at == parts.size()) return fail(bad_id(text));
    id.subscription = parts[at++];
    if (take("resourceGroups")) {
      if (at == parts.size()) {
        id.provider = "Microsoft.Resources";
        id.types.emplace_back("resourceGroups");
        return id;
      }
      id.group = parts[at++];
    }
  }
  if (at == parts.size()) {
    if (id.subscription.empty()) return fail(bad_id(text));
    return id;
  }
  if (!take("providers") || at == parts.size()) return fail(bad_id(text));
  id.provider = parts[at++];
  while (at < parts.size()) {
    id.types.emplace_back(parts[at++]);
    if (at < parts.size()) id.names.emplace_back(parts[at++]);
  }
  return id;
}

std::string ResourceId::text() const {
  std::string text;
  if (!subscription.empty()) text += "/subscriptions/" + subscription;
  if (!group.empty()) text += "/resourceGroups/" + group;
  if (types.size() == 1 && names.empty() && provider == "Microsoft.Resources") {
    return text + "/" + types[0];
  }
  if (!provider.empty()) text += "/providers/" + provider;
  for (std::size_t i = 0; i < types.size(); i++) {
    text += "/" + types[i];
    if (i < names.size()) text += "/" + names[i];
  }
  return text;
}

std::string ResourceId::key() const {
  return to_lower(text());
}
std::string ResourceId::type() const {
  return join(types, "/");
}

std::string ResourceId::full_type() const {
  if (is_group()) return "Microsoft.Resources/resourceGroups";
  if (types.empty()) return "Microsoft.Resources/subscriptions";
  return provider + "/" + type();
}

std::string ResourceId::name() const {
  return names.empty() ? group : names.back();
}
std::string ResourceId::nested_name() const {
  return join(names, "/");
}

ResourceId ResourceId::parent() const {
  ResourceId result = *this;
  if (!result.types.empty()) {
    if (result.names.size() == result.types.size()) result.names.pop_back();
    result.types.pop_back();
  } else {
    result.group.clear();
  }
  if (result.types.empty()) result.provider.clear();
  return result;
}

ResourceId ResourceId::child(std::string type, std::string name) const {
  ResourceId result = *this;
  result.types.push_back(std::move(type));
  if (!name.empty()) result.names.push_back(std::move(name));
  return result;
}

ResourceId ResourceId::group_id() const {
  return ResourceId{
      .subscription = subscription, .group = group, .provider = {}, .types = {}, .names = {}};
}

}  // namespace pinaco::arm
