#include "base/digest.h"

#include <openssl/evp.h>

#include <memory>

#include "base/text.h"

namespace pinaco {

std::string Digest::hex() const {
  return to_hex(bytes);
}

Result<Digest> Digest::parse(std::string_view text) {
  Digest digest;
  auto decoded = from_hex(text);
  if (!decoded || decoded->size() != size_bytes) {
    return fail(Kind::invalid, "A digest has 64 hexadecimal digits.");
  }
  std::memcpy(digest.bytes.data(), decoded->data(), size_bytes);
  return digest;
}

Digest Digest::of(ByteView content) {
  const ByteView parts[] = {content};
  return of_parts(parts);
}

Digest Digest::of_parts(std::span<const ByteView> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), sha256, nullptr) == 1);
  for (const ByteView part : parts) {
    CHECK(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
  }
  Digest digest;
  CHECK(EVP_DigestFinal_ex(context.get(), digest.bytes.data(), nullptr) == 1);
  return digest;
}

}  // namespace pinaco
