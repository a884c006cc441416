// Certificates, judged by the openssl program and by the folder's state.
#include "app/certificates.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "os/files.h"

namespace pinaco::app {
namespace {

class Certificates : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "certificates.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    if (run("openssl version").empty()) {
      if (std::getenv("CI") != nullptr) FAIL() << "the openssl program is missing";
      GTEST_SKIP() << "the openssl program is missing";
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string run(const std::string& command) {
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer;
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      output.append(buffer.data(), got);
    }
    return pclose(pipe) == 127 << 8 ? "" : output;
  }
  std::string text(const std::string& file) {
    return run("openssl x509 -noout -text -in " + folder_ + "/" + file);
  }
  std::string content(const std::string& file) {
    return os::read_file(folder_ + "/" + file, 1 << 20).value_or("");
  }
  void overwrite(const std::string& file, const std::string& with) {
    std::ofstream(folder_ + "/" + file) << with;
  }
  Result<CertificatePaths> ensure(const std::vector<std::string>& names = {"localhost",
                                                                           "127.0.0.1"}) {
    return ensure_certificates(folder_, names, clock_, *random_);
  }

  std::string folder_;
  ManualClock clock_{system_clock().now()};  // openssl looks at the real time
  std::unique_ptr<Random> random_ = seeded_random(7);
};

TEST_F(Certificates, AreAcceptedByOpenssl) {
  const auto paths = ensure({"localhost", "127.0.0.1", "::1", "*.blob.example.org"});
  ASSERT_TRUE(paths) << paths.error().message;
  EXPECT_EQ(run("openssl verify -x509_strict -purpose sslserver -CAfile " + paths->ca_file + " " +
                paths->certificate_file),
            paths->certificate_file + ": OK\n");
  for (const std::string name : {"localhost", "account.blob.example.org"}) {
    EXPECT_NE(run("openssl verify -verify_hostname " + name + " -CAfile " + paths->ca_file + " " +
                  paths->certificate_file)
                  .find(": OK"),
              std::string::npos)
        << name;
  }
  EXPECT_NE(run("openssl verify -verify_hostname other -CAfile " + paths->ca_file + " " +
                paths->certificate_file)
                .find("ostname mismatch"),
            std::string::npos);
}

TEST_F(Certificates, HaveTheUsesAndTheLifeThatClientsAskFor) {
  ASSERT_TRUE(ensure());
  const auto ca = text("ca.pem");
  for (const std::string part : {"CN = Pinaco CA ", "CA:TRUE, pathlen:0",
                                 "Certificate Sign, CRL Sign", "ASN1 OID: prime256v1"}) {
    EXPECT_NE(ca.find(part), std::string::npos) << part << " in\n" << ca;
  }
  const auto leaf = text("server.pem");
  for (const std::string part : {"CA:FALSE", "TLS Web Server Authentication",
                                 "DNS:localhost, IP Address:127.0.0.1", "Digital Signature"}) {
    EXPECT_NE(leaf.find(part), std::string::npos) << part << " in\n" << leaf;
  }
  const auto ends_after = [&](int days) {
    return run("openssl x509 -noout -in " + folder_ + "/server.pem -checkend " +
               std::to_string(days * 86400))
               .find("will not expire") != std::string::npos;
  };
  EXPECT_TRUE(ends_after(823));
  EXPECT_FALSE(ends_after(825));
}

TEST_F(Certificates, KeysAreForTheOwnerOnly) {
  ASSERT_TRUE(ensure());
  const auto mode = [&](const std::string& file) {
    struct stat status = {};
    EXPECT_EQ(stat((folder_ + "/" + file).c_str(), &status), 0);
    return status.st_mode & 0777;
  };
  EXPECT_EQ(mode("ca.key"), 0600u);
  EXPECT_EQ(mode("server.key"), 0600u);
  EXPECT_EQ(mode("ca.pem"), 0644u);
  EXPECT_EQ(mode("server.pem"), 0644u);
}

TEST_F(Certificates, StayAsTheyAreAtTheNextStart) {
  ASSERT_TRUE(ensure({"localhost", "127.0.0.1"}));
  const auto ca = content("ca.pem");
  const auto leaf = content("server.pem");
  ASSERT_TRUE(ensure({"127.0.0.1", "LOCALHOST", "localhost"}));
  EXPECT_EQ(content("ca.pem"), ca);
  EXPECT_EQ(content("server.pem"), leaf);
}

TEST_F(Certificates, OnlyTheServersIsRenewedWhenNamesChange) {
  ASSERT_TRUE(ensure());
  const auto ca = content("ca.pem");
  const auto key = content("server.key");
  ASSERT_TRUE(ensure({"localhost", "127.0.0.1", "images.example.org"}));
  EXPECT_EQ(content("ca.pem"), ca);
  EXPECT_NE(content("server.key"), key);
  EXPECT_NE(text("server.pem").find("DNS:images.example.org"), std::string::npos);
}

TEST_F(Certificates, TheServersIsRenewedThirtyDaysBeforeItsEnd) {
  ASSERT_TRUE(ensure());
  const auto leaf = content("server.pem");
  clock_.advance(std::chrono::days(793));
  ASSERT_TRUE(ensure());
  EXPECT_EQ(content("server.pem"), leaf);
  clock_.advance(std::chrono::days(2));
  ASSERT_TRUE(ensure());
  EXPECT_NE(content("server.pem"), leaf);
}

TEST_F(Certificates, TheServersNeverOutlivesTheAuthority) {
  ASSERT_TRUE(ensure());
  clock_.advance(std::chrono::days(3600));
  ASSERT_TRUE(ensure());
  const auto end = [&](const std::string& file) {
    return run("openssl x509 -noout -enddate -in " + folder_ + "/" + file);
  };
  EXPECT_EQ(end("server.pem"), end("ca.pem"));
  clock_.advance(std::chrono::days(60));
  const auto late = ensure();
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().message.find("has expired"), std::string::npos) << late.error().message;
}

TEST_F(Certificates, AFolderThatACrashLeftHalfWrittenIsCompleted) {
  ASSERT_TRUE(ensure());
  std::filesystem::remove(folder_ + "/ca.pem");
  std::filesystem::remove(folder_ + "/server.pem");
  std::filesystem::remove(folder_ + "/server.key");
  const auto paths = ensure();
  ASSERT_TRUE(paths) << paths.error().message;
  EXPECT_EQ(run("openssl verify -CAfile " + paths->ca_file + " " + paths->certificate_file),
            paths->certificate_file + ": OK\n");
}

TEST_F(Certificates, ADamagedServerCertificateIsReplaced) {
  ASSERT_TRUE(ensure());
  overwrite("server.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
  ASSERT_TRUE(ensure());
  EXPECT_NE(text("server.pem").find("DNS:localhost"), std::string::npos);
  overwrite("server.key", content("ca.key"));  // the wrong key
  const auto paths = ensure();
  ASSERT_TRUE(paths) << paths.error().message;
  EXPECT_NE(content("server.key"), content("ca.key"));
}

TEST_F(Certificates, ADamagedAuthorityIsAnErrorAndIsNotReplaced) {
  ASSERT_TRUE(ensure());
  overwrite("ca.pem", "");
  const auto damaged = ensure();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, Kind::corrupt);
  EXPECT_NE(damaged.error().message.find("from a backup"), std::string::npos);
  EXPECT_EQ(content("ca.pem"), "");
}

TEST_F(Certificates, TheAuthoritysKeyMayBeAwayUntilItIsNeeded) {
  ASSERT_TRUE(ensure());
  std::filesystem::remove(folder_ + "/ca.key");
  EXPECT_TRUE(ensure());
  const auto needed = ensure({"other.example.org"});
  ASSERT_FALSE(needed);
  EXPECT_NE(needed.error().message.find("ca.key"), std::string::npos) << needed.error().message;
}

TEST_F(Certificates, NamesThatNoCertificateMayHoldAreRefused) {
  for (const std::string name : {"", "a b", "host:443", "DNS:a", "a,DNS:evil", "-a", "a..b", "*",
                                 "*.*.a", "https://a", "a\nb"}) {
    const auto refused = ensure({"localhost", name});
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().kind, Kind::invalid) << name;
  }
  EXPECT_FALSE(ensure({}));
}

}  // namespace
}  // namespace pinaco::app
