#include "identity/codes.h"

#include "base/text.h"

namespace pinaco::identity {
namespace {

constexpr std::size_t user_code_letters = 8;

std::string make_code(Random& random) {
  Bytes bytes(32);
  random.fill(bytes);
  return to_base64url(bytes);
}

// No vowels, so that no words come of it, and nothing that is read as something else.
std::string make_user_code(Random& random) {
  constexpr std::string_view letters = "BCDFGHJKLMNPQRSTVWXZ";
  std::string code;
  for (std::size_t i = 0; i < user_code_letters; i++) code += letters[random.below(letters.size())];
  return code;
}

std::string plain(std::string_view user_code) {
  std::string code;
  for (const char c : to_upper(user_code.substr(0, 64))) {
    if (c != '-' && c != ' ') code += c;
  }
  return code;
}

}  // namespace

std::string AuthorizationCodes::add(CodeGrant grant) {
  std::string code = make_code(random_);
  const auto digest = Digest::of(as_bytes(code));
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  // Used ones stay as long, so that a second use is noticed.
  while (!order_.empty() &&
         (order_.size() >= codes_max || now >= entries_.at(order_.front()).expires)) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  entries_.emplace(digest, Entry{.grant = std::move(grant), .expires = now + code_life});
  order_.push_back(digest);
  return code;
}

AuthorizationCodes::Taken AuthorizationCodes::take(std::string_view code) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(Digest::of(as_bytes(code)));
  if (found == entries_.end()) return {};
  Entry& entry = found->second;
  if (entry.used) return {.grant = {}, .refresh_token = entry.refresh_token};
  if (clock_.steady() >= entry.expires) return {};
  entry.used = true;
  return {.grant = entry.grant, .refresh_token = {}};
}

void AuthorizationCodes::remember(std::string_view code, std::string refresh_token) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(Digest::of(as_bytes(code)));
  if (found != entries_.end()) found->second.refresh_token = std::move(refresh_token);
}

DeviceCodes::Made DeviceCodes::add(DeviceGrant grant) {
  Made made = {.device_code = make_code(random_), .user_code = {}};
  const auto digest = Digest::of(as_bytes(made.device_code));
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  while (!order_.empty() &&
         (order_.size() >= codes_max || now >= entries_.at(order_.front()).expires)) {
    user_codes_.erase(entries_.at(order_.front()).user_code);
    entries_.erase(order_.front());
    order_.pop_front();
  }
  std::string user_code;
  do {
    user_code = make_user_code(random_);
  } while (!user_codes_.emplace(user_code, digest).second);
  entries_.emplace(
      digest,
      Entry{.grant = std::move(grant), .user_code = user_code, .expires = now + device_code_life});
  order_.push_back(digest);
  made.user_code = user_code.insert(user_code_letters / 2, "-");
  return made;
}

DeviceCodes::Entry* DeviceCodes::find_pending(std::string_view user_code) {
  const auto named = user_codes_.find(plain(user_code));
  if (named == user_codes_.end()) return nullptr;
  Entry& entry = entries_.at(named->second);
  const bool good = clock_.steady() < entry.expires && entry.state == DeviceState::pending;
  return good ? &entry : nullptr;
}

std::optional<DeviceGrant> DeviceCodes::find(std::string_view user_code) {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find_pending(user_code);
  return entry == nullptr ? std::nullopt : std::optional(entry->grant);
}

bool DeviceCodes::approve(std::string_view user_code, SignedIn signed_in) {
  const std::lock_guard lock(mutex_);
  Entry* entry = find_pending(user_code);
  if (entry == nullptr) return false;
  entry->state = DeviceState::approved;
  entry->signed_in = std::move(signed_in);
  return true;
}

bool DeviceCodes::deny(std::string_view user_code) {
  const std::lock_guard lock(mutex_);
  Entry* entry = find_pending(user_code);
  if (entry == nullptr) return false;
  entry->state = DeviceState::denied;
  return true;
}

DeviceCodes::Polled DeviceCodes::poll(std::string_view device_code, std::string_view client) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(Digest::of(as_bytes(device_code)));
  if (found == entries_.end() || !iequals(found->second.grant.client, client)) return {};
  Entry& entry = found->second;
  const auto now = clock_.steady();
  if (now >= entry.expires) return {.state = DeviceState::expired};
  const Polled polled = {.state = entry.state, .grant = entry.grant, .signed_in = entry.signed_in};
  if (entry.state == DeviceState::approved) {
    entry.state = DeviceState::unknown;  // a device code is good for one answer
    entry.signed_in = {};
  }
  if (entry.state != DeviceState::pending) return polled;
  const bool early = entry.polled && now - *entry.polled < entry.wait - Seconds(1);
  entry.polled = now;
  // RFC 8628 section 3.5: five seconds more from then on.
  if (early && entry.wait < Seconds(60)) entry.wait += interval;
  return {.state = early ? DeviceState::slow_down : DeviceState::pending};
}

}  // namespace pinaco::identity
