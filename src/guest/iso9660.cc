#include "guest/iso9660.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace pinaco::guest {
namespace {

constexpr std::size_t sector = 2048;
constexpr std::uint32_t path_table_sector = 18;
constexpr std::uint32_t big_path_table_sector = 20;
constexpr std::uint32_t folder_sector = 21;
constexpr std::uint32_t extension_sector = 22;
constexpr std::uint32_t first_file_sector = 23;
constexpr std::uint32_t path_table_bytes = 10;
constexpr std::size_t files_max = 16;
constexpr std::size_t bytes_max = 64 << 20;
constexpr std::uint8_t record_time[7] = {120, 1, 1, 0, 0, 0, 0};
constexpr std::string_view volume_time = "2020010100000000";

// Numbers are written twice, in both orders (ECMA-119 7.2.3 and 7.3.3).
void append_both16(Bytes& into, std::uint16_t value) {
  append_le(into, value);
  append_le(into, __builtin_bswap16(value));
}
void append_both32(Bytes& into, std::uint32_t value) {
  append_le(into, value);
  append_le(into, __builtin_bswap32(value));
}
void append_padded(Bytes& into, std::string_view text, std::size_t bytes) {
  append(into, as_bytes(text.substr(0, bytes)));
  into.resize(into.size() + bytes - std::min(bytes, text.size()), ' ');
}

// One entry of a record's system use area: two letters, its length, version 1, what it says.
void append_entry(Bytes& into, std::string_view letters, ByteView what) {
  append(into, as_bytes(letters));
  into.push_back(static_cast<std::uint8_t>(what.size() + 4));
  into.push_back(1);
  append(into, what);
}

Bytes attributes(bool folder) {
  Bytes what;
  append_both32(what, folder ? 040555 : 0100444);  // st_mode
  append_both32(what, folder ? 2 : 1);             // links
  append_both32(what, 0);                          // owner, group: root
  append_both32(what, 0);
  Bytes entry;
  append_entry(entry, "PX", what);
  return entry;
}

Bytes times() {
  Bytes what = {0x0e};  // modified, accessed, attributes changed; in seven bytes each
  for (int i = 0; i < 3; ++i) append(what, record_time);
  Bytes entry;
  append_entry(entry, "TF", what);
  return entry;
}

Bytes folder_record(std::string_view identifier, std::uint32_t at, std::size_t bytes, bool folder,
                    ByteView system_use) {
  Bytes record = {0, 0};
  append_both32(record, at);
  append_both32(record, static_cast<std::uint32_t>(bytes));
  append(record, record_time);
  record.push_back(folder ? 2 : 0);
  record.push_back(0);  // not interleaved
  record.push_back(0);
  append_both16(record, 1);  // the volume's number
  record.push_back(static_cast<std::uint8_t>(identifier.size()));
  append(record, as_bytes(identifier));
  if (record.size() % 2 != 0) record.push_back(0);
  append(record, system_use);
  if (record.size() % 2 != 0) record.push_back(0);
  CHECK(record.size() <= 254);
  record[0] = static_cast<std::uint8_t>(record.size());
  return record;
}

// "OVF_ENV.XML;1": unique by the file's number, for whoever reads no long names.
std::string short_name(std::string_view name, std::size_t number) {
  const auto dot = name.rfind('.');
  const auto clean = [](std::string_view text, std::size_t length) {
    std::string result = to_upper(text.substr(0, length));
    for (auto& c : result) {
      if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
    }
    return result;
  };
  const std::string stem = clean(name.substr(0, std::min(dot, name.size())), 8);
  const std::string end = dot == name.npos ? "" : clean(name.substr(dot + 1), 3);
  if (number == 0) return fmt::format("{}.{};1", stem.empty() ? "_" : stem, end);
  return fmt::format("{}{:02}.{};1", stem.substr(0, 6), number, end);
}

// The text of the extension's announcement, which a reader may show (IEEE P1282 4.3).
Bytes extension_reference() {
  constexpr std::string_view id = "RRIP_1991A";
  constexpr std::string_view what = "THE ROCK RIDGE INTERCHANGE PROTOCOL";
  constexpr std::string_view source = "IEEE P1282";
  Bytes text = {static_cast<std::uint8_t>(id.size()), static_cast<std::uint8_t>(what.size()),
                static_cast<std::uint8_t>(source.size()), 1};
  for (const auto part : {id, what, source}) append(text, as_bytes(part));
  Bytes entry;
  append_entry(entry, "ER", text);
  return entry;
}

Bytes folder_itself(std::size_t extension_bytes) {
  Bytes use;
  append_entry(use, "SP", Bytes{0xbe, 0xef, 0});
  append(use, attributes(true));
  append(use, times());
  Bytes continued;
  append_both32(continued, extension_sector);
  append_both32(continued, 0);
  append_both32(continued, static_cast<std::uint32_t>(extension_bytes));
  append_entry(use, "CE", continued);
  return folder_record(std::string_view("\0", 1), folder_sector, sector, true, use);
}

Bytes folder_above() {
  Bytes use = attributes(true);
  append(use, times());
  return folder_record(std::string_view("\1", 1), folder_sector, sector, true, use);
}

Bytes file_record(const DiscFile& file, std::size_t number, std::uint32_t at) {
  Bytes use = attributes(false);
  append(use, times());
  Bytes name = {0};
  append(name, as_bytes(file.name));
  append_entry(use, "NM", name);
  return folder_record(short_name(file.name, number), at, file.content.size(), false, use);
}

Bytes volume(const std::string& label, std::uint32_t sectors) {
  Bytes it = {1};
  append(it, as_bytes("CD001"));
  it.push_back(1);
  it.push_back(0);
  append_padded(it, "", 32);     // system
  append_padded(it, label, 32);  // volume
  it.resize(it.size() + 8);
  append_both32(it, sectors);
  it.resize(it.size() + 32);
  append_both16(it, 1);  // volumes of the set, this one's number
  append_both16(it, 1);
  append_both16(it, sector);
  append_both32(it, path_table_bytes);
  append_le(it, path_table_sector);
  append_le(it, std::uint32_t{0});
  append_le(it, __builtin_bswap32(big_path_table_sector));
  append_le(it, std::uint32_t{0});
  append(it, folder_record(std::string_view("\0", 1), folder_sector, sector, true, {}));
  append_padded(it, "", 128);  // set, publisher, preparer, application
  append_padded(it, "", 128);
  append_padded(it, "", 128);
  append_padded(it, "", 128);
  append_padded(it, "", 37);  // files with copyright, abstract, bibliography
  append_padded(it, "", 37);
  append_padded(it, "", 37);
  for (int i = 0; i < 2; ++i) {  // made, changed
    append(it, as_bytes(volume_time));
    it.push_back(0);
  }
  for (int i = 0; i < 2; ++i) {  // expires, effective: not said
    append(it, as_bytes("0000000000000000"));
    it.push_back(0);
  }
  it.push_back(1);
  it.resize(sector);
  return it;
}

Bytes path_table(bool big) {
  Bytes table = {1, 0};
  append_le(table, big ? __builtin_bswap32(folder_sector) : folder_sector);
  append_le(table, big ? __builtin_bswap16(std::uint16_t{1}) : std::uint16_t{1});
  table.push_back(0);
  table.push_back(0);
  return table;
}

Result<> check_input(const std::string& label, const std::vector<DiscFile>& files) {
  if (label.empty() || label.size() > 32) {
    return fail(Kind::invalid, "A disc's label must have 1 to 32 characters.");
  }
  std::size_t bytes = 0;
  for (const auto& file : files) {
    if (file.name.empty() || file.name.size() > 64 || file.name.find('/') != file.name.npos) {
      return fail(Kind::invalid,
                  "A file's name on a disc must have 1 to 64 characters, and no '/'.");
    }
    bytes += file.content.size();
  }
  if (files.size() > files_max || bytes > bytes_max) {
    return fail(Kind::invalid, fmt::format("A disc holds at most {} files and {}.", files_max,
                                           human_size(bytes_max)));
  }
  return {};
}

}  // namespace

Result<Bytes> make_iso9660(const std::string& label, const std::vector<DiscFile>& files) {
  TRY(check_input(label, files));
  const Bytes extension = extension_reference();
  std::vector<std::pair<std::string, const DiscFile*>> order;  // by the short name, as it must be
  for (std::size_t i = 0; i < files.size(); ++i) {
    order.emplace_back(short_name(files[i].name, i), &files[i]);
  }
  std::sort(order.begin(), order.end());

  Bytes folder = folder_itself(extension.size());
  append(folder, folder_above());
  std::uint32_t next = first_file_sector;
  Bytes contents;
  for (const auto& [unused, file] : order) {
    const auto number = static_cast<std::size_t>(file - files.data());
    const Bytes record = file_record(*file, number, next);
    if (folder.size() % sector + record.size() > sector) {
      return fail(Kind::invalid, "The names of a disc's files do not fit into its folder.");
    }
    append(folder, record);
    append(contents, as_bytes(file->content));
    contents.resize((contents.size() + sector - 1) / sector * sector);
    next = first_file_sector + static_cast<std::uint32_t>(contents.size() / sector);
  }

  Bytes disc(16 * sector);
  const auto append_sector = [&](ByteView what) {
    CHECK(what.size() <= sector);
    append(disc, what);
    disc.resize((disc.size() + sector - 1) / sector * sector);
  };
  append_sector(volume(label, next));
  append_sector(Bytes{255, 'C', 'D', '0', '0', '1', 1});
  append_sector(path_table(false));
  disc.resize(big_path_table_sector * sector);
  append_sector(path_table(true));
  append_sector(folder);
  append_sector(extension);
  append(disc, contents);
  CHECK(disc.size() == next * sector);
  return disc;
}

}  // namespace pinaco::guest
