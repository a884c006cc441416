// The entry point; everything else is in run.cc, where tests reach it.
#include "app/app.h"

int main(int argc, char** argv) {
  return pinaco::app::run(argc, argv);
}
