// The blob service of storage accounts, at /<account>/<container>/<blob>: containers and page
// blobs, signed with a key of the account. Inside this room only.
//
// The way of a request: account by its name, signature, what the signature allows, conditions, one
// transaction in the account's subscription. That transaction looks again whether the account and
// the key are there, so what they do not sign any more is not acknowledged.
//
// Threads: answer() from any number of threads. Limits: those of blob/blob.h; pages of lists hold
// at most 5,000 names. Errors: the service's codes, as XML.
#pragma once

#include <functional>

#include "blob/blob.h"
#include "front/front.h"
#include "front/target.h"

namespace pinaco::front {

class Storage {
 public:
  explicit Storage(const Parts& parts) : parts_(parts) {}

  static bool is_for(const Target& target);
  http::Reply answer(const http::Request& request, const Target& target);

 private:
  struct Ask {
    const http::Request& request;
    const Target& target;
    model::Resource account;
    std::string unique;  // of the account
    std::string container;
    std::string blob;
    std::string comp;
    std::string restype;
    blob::Rights rights;
  };
  Result<http::Reply> dispatch(const http::Request& request, const Target& target);
  Result<Ask> understand(const http::Request& request, const Target& target);
  // The account as it is now, with the key that signed the request.
  Result<> still_signed(const Ask& ask, const model::View& view) const;
  Result<> read(const Ask& ask, const std::function<Result<>(const model::View&)>& look) const;
  Result<> change(const Ask& ask, const std::function<Result<>(model::Change&)>& write) const;

  // storage.cc: the account, and its containers.
  Result<http::Reply> answer_account(const Ask& ask);
  Result<http::Reply> answer_container(const Ask& ask);
  Result<http::Reply> list_containers(const Ask& ask);
  Result<http::Reply> create_container(const Ask& ask);
  Result<http::Reply> delete_container(const Ask& ask);
  Result<http::Reply> show_container(const Ask& ask);
  Result<http::Reply> set_container_metadata(const Ask& ask);
  Result<http::Reply> list_blobs(const Ask& ask);

  // storage_blobs.cc
  Result<http::Reply> answer_blob(const Ask& ask);
  Result<http::Reply> put_blob(const Ask& ask);
  Result<http::Reply> put_page(const Ask& ask);
  Result<http::Reply> set_properties(const Ask& ask);
  Result<http::Reply> delete_blob(const Ask& ask);
  Result<http::Reply> read_blob(const Ask& ask, bool head);
  Result<http::Reply> list_pages(const Ask& ask);
  struct Opened {
    blob::Blob row;
    std::shared_ptr<format::Source> source;
  };
  Result<Opened> open_blob(const Ask& ask) const;

  const Parts& parts_;
};

}  // namespace pinaco::front
