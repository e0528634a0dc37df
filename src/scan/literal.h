// Strings in pickles that hold files of their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "scan/pickle_survey.h"

namespace transload::scanning {

// The content that `stored` bytes of a literal stand for, at most `most` bytes of it, and how many stored bytes it
// takes to know them.
std::string decoded(std::string stored, SurveyLiteral::Code code, std::uint64_t most);
std::uint64_t stored_for(const SurveyLiteral& literal, std::uint64_t most);

// Whether the first bytes of a literal's content could be a pickle or an archive that something unpacks. Says yes too
// often for pickles of protocol 0, which are text: what is then found in it decides.
bool looks_like_a_file(std::string_view head);

// __class__, __globals__ and others that only Python's own machinery has a use for.
bool is_inner_name(std::string_view text);

}  // namespace transload::scanning
