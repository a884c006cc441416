// Deployment templates: their language, and what a template makes of its parameters. No rows, no
// clock, no chance: what a deployment knows is told by Surroundings and asked of a Runtime.
#pragma once

#include "templates/dates.h"
#include "templates/expression.h"
#include "templates/resource_id.h"
#include "templates/template.h"
#include "templates/uri.h"
