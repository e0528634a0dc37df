// Whether the pieces of a slot write no element twice.
#pragma once

#include "transload/plan.h"

namespace transload {

// Errc::mismatch where two pieces, or two places of one, are the same element. The pieces lie inside the slot and are
// together as many elements as it has, so that none is left out either. Pieces that follow each other, as nearly all
// do, are told by their ends; others by a bit per element, Errc::unsupported for more than 2^32 of them.
void check_disjoint(const Slot& slot);

}  // namespace transload
