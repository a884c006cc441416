// Where the bytes of a version or a disk come from: resources named in a request become contents,
// the list of stored disks that a row refers to.
//
// A content: {"role":"os"|"data","lun":n,"manifest":hex,"image":hex,"sizeBytes":n,...}.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// The contents of a version as its storageProfile names them, checked against its definition.
Result<Json> contents_of_sources(Draft& draft, const model::Resource& definition);

// The stored content of a disk or snapshot; an error that says what to do when it has none yet.
Result<Json> content_of_disk(const model::Resource& disk);

}  // namespace pinaco::provider
