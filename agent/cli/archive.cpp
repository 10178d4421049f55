// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/archive.h"

#include <zlib.h>

#include <cstring>
#include <string_view>

namespace holdfast::cli {
namespace {

constexpr std::size_t kBlock = 512;

struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], time[12], checksum[8], type, link[100];
  char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
static_assert(sizeof(Header) == kBlock);

// Octal digits to the end of the field, less one byte for its end.
template <std::size_t size>
void put_octal(char (&field)[size], std::uint64_t value) {
  for (std::size_t digit = size - 1; digit-- > 0; value >>= 3)
    field[digit] = static_cast<char>('0' + (value & 7));
}

Header header_of(const ArchiveFile& file, std::uint64_t time) {
  Header header{};
  std::memcpy(header.name, file.name.data(), file.name.size());
  put_octal(header.mode, 0600);
  put_octal(header.uid, 0);
  put_octal(header.gid, 0);
  put_octal(header.size, file.content.size());
  put_octal(header.time, time);
  header.type = '0';
  std::memcpy(header.magic, "ustar", 6);
  std::memcpy(header.version, "00", 2);
  // The sum of all bytes, its own field counted as spaces.
  std::memset(header.checksum, ' ', sizeof header.checksum);
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kBlock; ++at)
    sum += reinterpret_cast<const unsigned char*>(&header)[at];
  char digits[7] = {};
  put_octal(digits, sum);
  std::memcpy(header.checksum, digits, sizeof digits);
  return header;
}

Result<std::string> compress(std::string_view plain) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;  // the largest window, with a gzip header
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    return fail(Errc::internal, "start zlib");
  std::string packed(::deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (status != Z_STREAM_END) return fail(Errc::internal, "compress the archive");
  return packed;
}

}  // namespace

Result<std::string> make_archive(const std::vector<ArchiveFile>& files, std::uint64_t time) {
  constexpr std::size_t kMost = std::size_t{1} << 31;  // zlib counts in 32 bits
  std::string tar;
  for (const ArchiveFile& file : files) {
    if (file.name.size() > sizeof(Header::name))
      return fail(Errc::exhausted, "a name of more than 100 bytes in an archive: " + file.name);
    if (tar.size() + file.content.size() > kMost)
      return fail(Errc::exhausted, "the archive would be larger than 2 GiB");
    const Header header = header_of(file, time);
    tar.append(reinterpret_cast<const char*>(&header), kBlock);
    tar += file.content;
    tar.append((kBlock - tar.size() % kBlock) % kBlock, '\0');
  }
  tar.append(2 * kBlock, '\0');
  return compress(tar);
}

}  // namespace holdfast::cli
