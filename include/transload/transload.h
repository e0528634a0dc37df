// Everything. See README.md for a checkpoint read in twenty lines.
#pragma once

#include "transload/bytes.h"
#include "transload/dtype.h"
#include "transload/error.h"
#include "transload/format.h"
#include "transload/index.h"
#include "transload/io.h"
#include "transload/mapping.h"
#include "transload/plan.h"
#include "transload/prove.h"
#include "transload/run.h"
#include "transload/scan.h"
#include "transload/version.h"
