// SHA-256, as libcrypto computes it.
#pragma once

#include <memory>
#include <string>

#include "transload/bytes.h"

struct evp_md_ctx_st;

namespace transload {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(ByteView bytes);
  std::string hex();  // of everything added; once

 private:
  evp_md_ctx_st* context_;
};

}  // namespace transload
