#include "formats/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "transload/error.h"
#include "transload/index.h"

namespace transload {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) {
    EVP_MD_CTX_free(context_);
    throw Error(Errc::io, "libcrypto offers no SHA-256");
  }
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::add(ByteView bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }

std::string Sha256::hex() {
  std::array<unsigned char, 32> sum{};
  EVP_DigestFinal_ex(context_, sum.data(), nullptr);
  return fmt::format("{:02x}", fmt::join(sum, ""));
}

std::string digest(const Index& index) {
  Sha256 sha;
  const auto add = [&](const auto&... fields) {
    std::string line;
    (fmt::format_to(std::back_inserter(line), "{}\x1f", fields), ...);
    sha.add(as_bytes(line + '\n'));
  };
  add(index.format, index.files.size());
  for (const Storage& s : index.storages) {
    add(s.at.file, s.at.offset, s.at.size, s.size, static_cast<int>(s.codec), static_cast<int>(s.swap),
        s.checksum ? s.checksum->value : 0);
  }
  for (const TensorInfo& tensor : index.tensors) {
    add(tensor.name.size(), tensor.name, name(tensor.dtype), to_string(tensor.shape), tensor.chunks.size());
    for (const Chunk& chunk : tensor.chunks) {
      add(to_string(chunk.start), to_string(chunk.extent), chunk.storage, chunk.offset, to_string(chunk.strides));
    }
  }
  return sha.hex();
}

}  // namespace transload
