// The words that containers and blobs of storage accounts share: metadata, conditions, validators
// and lists as XML. Inside this room only. Pure.
#pragma once

#include <vector>

#include "blob/blob.h"
#include "front/blob_words.h"

namespace pinaco::front {

Error container_not_found(std::string_view name);
Error blob_not_found(std::string_view name);
Error unsupported(const http::Request& request, std::string_view comp);

// x-ms-meta-… headers; InvalidMetadata, MetadataTooLarge.
Result<Json> metadata_of(const http::Request& request);
void show_metadata(const Json& metadata, http::Reply& reply);

// If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since. ConditionNotMet, which is "not
// modified" to who reads and sent If-None-Match or If-Modified-Since. InvalidHeaderValue for what
// is no date.
Result<> check_conditions(const http::Request& request, std::string_view etag, WallTime modified);
Error not_met(const char* header);
// Conditions on what is not here, as leases and tags, are refused: who named one counts on it.
Result<> check_supported(const http::Request& request);
bool has_conditions(const http::Request& request);
// The answer to who has the newest already.
bool is_not_modified(const http::Request& request, const Error& error);

void add_validators(http::Reply& reply, std::string_view etag, WallTime modified);

// One page of a list.
struct Page {
  std::string service;    // "https://host:port/account/"
  std::string container;  // of blobs
  std::string prefix;
  std::string marker;
  std::string delimiter;
  std::size_t rows_max = 5000;
  bool with_metadata = false;
};
Result<Page> page_of(const http::Request& request, const blob::Query& query, std::string service);
// Rows from max(prefix, marker) on, in order, all that there are.
http::Reply containers_xml(const Page& page, const std::vector<blob::Container>& rows);
http::Reply blobs_xml(const Page& page, const std::vector<blob::Blob>& rows);

}  // namespace pinaco::front
