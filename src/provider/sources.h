// Where the bytes of a version or a disk come from: resources named in a request become contents,
// the list of stored disks that a row refers to.
//
// A content: {"role":"os"|"data","lun":n,"manifest":hex,"image":hex,"sizeBytes":n,...}. One that a
// worker has yet to store has "disk", the id of a disk that a machine writes to, or "blob".
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// The contents of a version as its storageProfile names them, checked against its definition.
Result<Json> contents_of_sources(Draft& draft, const model::Resource& definition);

// Whether a machine or disk can be made of a version in a region: it is complete there, or, for an
// eager deployment, on its way or to be read from elsewhere.
bool is_deployable(const model::Resource& version, std::string_view location, bool eager);
// A deployment that may start before the copy is complete: the server is set so, or its own tag
// "pinaco-eager" says "true".
bool is_eager(const Draft& draft);
// The version of that name, or the latest of a definition, without a look at rights. `reference` is
// what the caller calls it.
Result<model::Resource> find_deployable(const Call& call, const model::View& view,
                                        const arm::ResourceId& id, std::string_view reference,
                                        std::string_view location, bool eager);
// The end of life of a version or its definition, as their gallery takes it: refuses, or warns.
Result<> check_life(const Draft& draft, const model::Resource& version,
                    const model::Resource& definition, std::string_view reference,
                    std::vector<std::string>& warnings);
// Whether a size is what the image recommends.
void advise_on_size(const Json& definition, const MachineSize& size, std::string_view reference,
                    std::vector<std::string>& warnings);
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
