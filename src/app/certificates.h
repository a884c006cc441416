// The server's own certificates: a certificate authority of this installation, which clients are
// told to trust, and a server certificate from it. Made at the first start, kept afterwards.
//
// Threads and processes: one at a time a folder; the caller holds the installation's lock. Files:
// ca.pem and server.pem may be read by everybody, ca.key and server.key by the owner only. Errors:
// invalid for names that no certificate may hold; corrupt when a file is damaged and making a new
// one would take away what clients trust.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"

namespace pinaco::app {

struct CertificatePaths {
  std::string ca_file;           // what clients must trust
  std::string certificate_file;  // what the server shows
  std::string key_file;
};

// `names`: what clients call the server: DNS names ("*.blob.example" too) and IP addresses. The
// server certificate is renewed, with a new key, when the names change, 30 days before it ends, or
// when it is damaged. The authority never changes by itself.
Result<CertificatePaths> ensure_certificates(const std::string& folder,
                                             const std::vector<std::string>& names, Clock& clock,
                                             Random& random);

}  // namespace pinaco::app
