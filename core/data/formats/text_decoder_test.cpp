#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"
#include "data/formats/text_decoder.hpp"

using namespace cuecard;
using namespace std::string_view_literals;

namespace {

std::string decoded(std::string_view bytes, int64_t lost = 0) {
  int64_t replaced = 0;
  const std::string text = decoded_text(bytes, "d.csv", replaced);
  CHECK(replaced == lost);
  // The same bytes one by one, as a slow pipe gives them.
  TextDecoder decoder("d.csv");
  std::string slow;
  for (const char byte : bytes)
    slow += decoder.decode({&byte, 1}, false);
  CHECK(slow + decoder.decode("", true) == text);
  return text;
}

std::string refusal(std::string_view bytes) {
  try {
    decoded(bytes);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("byte-order marks are not text, and UTF-16 is decoded") {
  // Python: "é😀\n".encode("utf-8-sig"), then "utf-16" (which writes a mark), and the same with BE.
  const std::string text = "\xC3\xA9\xF0\x9F\x98\x80\n";
  CHECK(decoded("\xEF\xBB\xBF\xC3\xA9\xF0\x9F\x98\x80\n") == text);
  CHECK(decoded("\xFF\xFE\xE9\x00\x3D\xD8\x00\xDE\x0A\x00"sv) == text);
  CHECK(decoded("\xFE\xFF\x00\xE9\xD8\x3D\xDE\x00\x00\x0A"sv) == text);
  CHECK(decoded(text) == text);
  CHECK(decoded("") == "");
  CHECK(decoded("a") == "a");
  CHECK(decoded("P\n") == "P\n");
  CHECK(decoded("\xEF\xBB\xBF") == "");
  CHECK(without_byte_order_mark("\xEF\xBB\xBFx") == "x");
  CHECK(without_byte_order_mark("x") == "x");
}

TEST_CASE("halves of surrogate pairs and half a unit become U+FFFD and are counted") {
  CHECK(decoded("\xFF\xFE\x3D\xD8\x61\x00"sv, 1) == "\xEF\xBF\xBD"
                                                    "a");
  CHECK(decoded("\xFF\xFE\x00\xDE"sv, 1) == "\xEF\xBF\xBD");
  CHECK(decoded("\xFF\xFE\x3D\xD8"sv, 1) == "\xEF\xBF\xBD");
  CHECK(decoded("\xFF\xFE\x61\x00\x62"sv, 1) == "a\xEF\xBF\xBD");
}

TEST_CASE("a file that is not text is named, with what to do") {
  CHECK(refusal("t\0e\0x\0t\0"sv) ==
        "d.csv: every other byte is zero, as in UTF-16, but there is no byte-order "
        "mark; save it as UTF-8, or as UTF-16 with the mark.");
  CHECK(refusal("\0t\0e\0x\0t"sv).find("as in UTF-16") != std::string::npos);
  CHECK(refusal("\xFF\xFE\0\0t\0\0\0"sv).find("UTF-32") != std::string::npos);
  CHECK(refusal("PK\x03\x04....").find("Excel workbook; expected text, so unpack it") != std::string::npos);
  CHECK(refusal("\x1F\x8B\x08....").find("a gzip archive") != std::string::npos);
  CHECK(refusal("PAR1....").find("a Parquet file") != std::string::npos);
  CHECK(refusal("PARIS is fine") == "");
  CHECK(refusal("BZh91AY&SY....").find("a bzip2 archive") != std::string::npos);
  CHECK(refusal("\xFD"
                "7zXZ\0...."sv)
            .find("an xz archive") != std::string::npos);
  CHECK(refusal("SQLite format 3\0"sv).find("an SQLite database") != std::string::npos);
  CHECK(refusal("%PDF-1.7\n").find("a PDF document") != std::string::npos);
  CHECK(refusal("%PD") == "");
}

TEST_CASE("a zero byte in a text does not make it UTF-16") {
  for (const std::string_view text :
       {"a\0bcdef\nghijkl\n"sv, "\0abc\n"sv, "a\0b"sv, "a\0"sv, "a\0b\0c defghij\n"sv, "a\0\0b\0c\0d\0\n"sv}) {
    CHECK(refusal(text) == "");
    CHECK(decoded(text) == text);
  }
  CHECK(refusal("h\0i\0\n\0"sv).find("as in UTF-16") != std::string::npos);
  CHECK(refusal("\xAC\x20t\0e\0x\0t\0"sv).find("as in UTF-16") != std::string::npos); // a euro sign first
}

TEST_CASE("a file in UTF-16, as Excel's \"Unicode text\", is read") {
  RecordLayout layout;
  layout.fields["text"] = {"text", 0};
  RecordReport report;
  const std::string bytes("\xFF\xFEt\0e\0x\0t\0\t\0n\0\r\0\n\0\xE9\0\t\0001\0\r\0\n\0", 28);
  const auto examples = parse_examples(bytes, "d.tsv", layout, {}, {}, report);
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].fields.at("text") == "\xC3\xA9");
  CHECK(report.invalid_bytes == 0);
}
