#include "shipping/index/download.hpp"

#include <cstdlib>
#include <exception>
#include <memory>

#include <dlfcn.h>

#include <curl/curl.h>

#include <cuecard/error.hpp>

namespace cuecard::shipping {

namespace {

/// libcurl's functions, whose binary interface has been that of libcurl.so.4 since 2006.
struct Curl {
  decltype(&curl_easy_init) init = nullptr;
  decltype(&curl_easy_setopt) set = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_getinfo) get = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  decltype(&curl_easy_strerror) text = nullptr;

  static const Curl& opened() {
    static const Curl curl;
    return curl;
  }

private:
  Curl() {
    void* library = nullptr;
    for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"})
      if (!library)
        library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw DataError(
          "libcurl.so.4 is not on this machine, and addresses need it; install the package libcurl4, or "
          "download the index and its archives into a folder and name that.");
    find(library, "curl_easy_init", init);
    find(library, "curl_easy_setopt", set);
    find(library, "curl_easy_perform", perform);
    find(library, "curl_easy_getinfo", get);
    find(library, "curl_easy_cleanup", cleanup);
    find(library, "curl_easy_strerror", text);
  }
  template <class Function>
  static void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    if (!function)
      throw DataError(std::string("the libcurl of this machine has no ") + name +
                      "; install the package libcurl4.");
  }
};

/// Stores of files answer 403 for one that is not there, too, where clients may not list them.
bool says_not_there(long status) {
  return status == 403 || status == 404 || status == 410;
}

struct Receiver {
  uint64_t limit = 0, size = 0;
  const std::function<void(const char*, std::size_t)>* take = nullptr;
  bool too_large = false;
  std::exception_ptr failure;

  static std::size_t write(const char* bytes, std::size_t one, std::size_t count, void* self) {
    auto& receiver = *static_cast<Receiver*>(self);
    receiver.size += one * count;
    receiver.too_large = receiver.size > receiver.limit;
    if (receiver.too_large)
      return 0; // anything but one * count ends the transfer
    try {
      (*receiver.take)(bytes, one * count);
      return one * count;
    } catch (...) {
      receiver.failure = std::current_exception();
      return 0;
    }
  }
};

} // namespace

bool is_address(const std::string& text) {
  const std::size_t colon = text.find("://");
  return colon != std::string::npos && colon > 0 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+.-") == colon;
}

void download(const std::string& address, uint64_t limit,
              const std::function<void(const char*, std::size_t)>& take) {
  if (!address.starts_with("https://"))
    throw DataError(address.substr(0, 200) + ": only folders and addresses that begin with https:// are read.");
  const Curl& curl = Curl::opened();
  const std::unique_ptr<CURL, decltype(curl.cleanup)> transfer(curl.init(), curl.cleanup);
  if (!transfer)
    throw Error("libcurl could not be started.");
  Receiver receiver{limit, 0, &take, false, nullptr};
  char reason[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) {
    if (const CURLcode code = curl.set(transfer.get(), option, value); code != CURLE_OK)
      throw Error(std::string("libcurl: ") + curl.text(code) + ".");
  };
  set(CURLOPT_URL, address.c_str());
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 5L);
  set(CURLOPT_FAILONERROR, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, 30L);
  set(CURLOPT_LOW_SPEED_LIMIT, 100L); // bytes a second, for a minute
  set(CURLOPT_LOW_SPEED_TIME, 60L);
  set(CURLOPT_USERAGENT, "cuecard");
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(reason));
  set(CURLOPT_WRITEFUNCTION, &Receiver::write);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&receiver));
  if (const char* authorities = ::secure_getenv("SSL_CERT_FILE"); authorities && *authorities)
    set(CURLOPT_CAINFO, authorities);
  const CURLcode code = curl.perform(transfer.get());
  if (receiver.failure)
    std::rethrow_exception(receiver.failure);
  if (receiver.too_large)
    throw DataError(address + ": is larger than expected, " + std::to_string(limit) +
                    " bytes; nothing was installed.");
  const std::string failure =
      address + ": could not be downloaded: " + (*reason ? reason : curl.text(code)) + ".";
  long status = 0;
  if (code == CURLE_HTTP_RETURNED_ERROR &&
      curl.get(transfer.get(), CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && says_not_there(status))
    throw NotThere(failure);
  if (code != CURLE_OK)
    throw DataError(failure);
}

} // namespace cuecard::shipping
