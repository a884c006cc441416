// The pages that people see: plain HTML without scripts, which no other page may frame and which
// sends its form nowhere but here. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/http.h"

namespace pinaco::identity {

struct Field {
  std::string name;
  std::string value;
};
struct Button {
  std::string text;
  std::string name = {};
  std::string value = {};
};

struct Page {
  std::string title;
  std::string text = {};
  std::string problem = {};  // why the last try was refused
  std::string action = {};   // where the form goes; empty: no form
  std::vector<Field> hidden = {};
  std::vector<Field> inputs = {};  // name and label; "password" is one
  std::vector<Button> buttons = {};
  std::string origin = {};  // another origin that the form may end at ("http://localhost:8400")
};

http::Reply page_reply(int status, const Page& page);

}  // namespace pinaco::identity
