// Where the bytes of a version or a disk come from: resources named in a request become contents,
// the list of stored disks that a row refers to.
//
// A content: {"role":"os"|"data","lun":n,"manifest":hex,"image":hex,"sizeBytes":n,...}.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// The contents of a version as its storageProfile names them, checked against its definition.
Result<Json> contents_of_sources(Draft& draft, const model::Resource& definition);

// The version of that name, or of a definition the latest, with its contents in the region, without
// a look at rights.
Result<std::optional<model::Resource>> find_version(const World& world, const model::View& view,
                                                    const arm::ResourceId& version,
                                                    std::string_view location);
Result<std::optional<model::Resource>> find_latest(const World& world, const model::View& view,
                                                   const arm::ResourceId& definition,
                                                   std::string_view location);
Error image_not_available(std::string_view reference, std::string_view location);

// Whether the caller may take the bytes of a disk or snapshot, or of a version ("disks",
// "galleries/images/versions"). Reading a disk is not reading its bytes: those take what
// beginGetAccess takes, or a copy would be the way around it.
Result<> may_take(const Call& call, const arm::ResourceId& source, std::string_view type);

// awaits_capture (provider.h)
bool any_awaits_capture(const model::Resource& row);  // of "content" and "contents"

// The stored content of a disk or snapshot; an error that says what to do when it has none yet.
Result<Json> content_of_disk(const model::Resource& disk);

}  // namespace pinaco::provider
