// The language of deployment templates, as pure functions: no rows, no clock, no chance. What a
// deployment knows is asked of a Scope.
#pragma once

#include "templates/dates.h"
#include "templates/expression.h"
#include "templates/resource_id.h"
