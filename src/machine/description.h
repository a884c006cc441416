// A Machine as it goes to its supervisor: checked, and as one line of JSON.
#pragma once

#include <string>

#include "base/json.h"
#include "machine/machine.h"

namespace pinaco::machine {

inline constexpr std::size_t description_bytes_max = 4 << 20;

Result<> check_id(const std::string& id);  // a GUID, which is fit for a folder's name
Result<> check_disk(const Disk& disk);
Result<> check_machine(const Machine& machine);

// Where a slot's disk is seen: "lun7" is 7; nullopt for "os" and for what is no slot.
std::optional<int> lun_of(std::string_view slot);

// Without the disc, which is a file beside it.
Json to_json(const Machine& machine);
Result<Machine> machine_from(const Json& json);

Json to_json(const guest::Report& report);
guest::Report report_from(const Json& json);

// Makes the overlay unless it is there.
Result<> ensure_overlay(const std::string& path, std::uint64_t size_bytes);

}  // namespace pinaco::machine
