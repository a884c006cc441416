// SQLite's connection and prepared statement with owners and Results.
//
// Threads: each connection and its statements belong to one thread at a time.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pinaco::kv {

// busy when the disk is full, corrupt when the file is damaged, else unavailable.
Error engine_error(sqlite3* connection, int code, std::string_view doing);

class Database {
 public:
  enum class Access { write, read_only };
  static Result<Database> open(const std::string& path, Access access);

  sqlite3* handle() const { return handle_.get(); }
  Result<> run(const char* sql);               // without rows
  Result<std::string> value(const char* sql);  // of the first column of the first row, as text
  // False once SQLite ended a transaction by itself because of an error.
  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

class Statement {
 public:
  static Result<Statement> prepare(const Database& database, const char* sql);

  // One run of the statement, reset at its end. What is bound must outlive it.
  class Run {
   public:
    explicit Run(sqlite3_stmt* statement) : statement_(statement) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() { sqlite3_reset(statement_); }

    Run& bind(int at, std::string_view bytes);  // parameters count from 1
    Run& bind(int at, std::uint64_t number);
    Result<bool> step();                       // true: there is a row
    std::string_view bytes(int column) const;  // columns count from 0; valid until the next step
    std::uint64_t number(int column) const;

   private:
    sqlite3_stmt* statement_;
  };
  Run run() { return Run(statement_.get()); }
  Result<> execute();  // a run without parameters or rows

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace pinaco::kv
