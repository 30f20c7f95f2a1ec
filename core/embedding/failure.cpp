#include "embedding/failure.hpp"

#include <exception>
#include <new>

#include "registry/guard.hpp"

namespace cuecard::embedding {

void require_fits(const char* what, int64_t count, int64_t most) {
  if (most > 0 && count > most)
    throw RequestTooLarge("the request has " + std::to_string(count) + " " + what + ", and at most " +
                          std::to_string(most) + " may wait; send them in several requests.");
}

Failure current_failure() noexcept {
  try {
    throw;
  } catch (const UsageError& error) {
    return {FailureKind::wrong_use, error.what()};
  } catch (const DataError& error) {
    return {FailureKind::wrong_data, error.what()};
  } catch (const PluginError& error) {
    return {FailureKind::plugin_failed, error.what()};
  } catch (const Cancelled&) {
    return {FailureKind::cancelled, "the request was cancelled."};
  } catch (const QueueFull& error) {
    return {FailureKind::queue_full, error.what()};
  } catch (const std::bad_alloc&) {
    return {FailureKind::failed, "out of memory."};
  } catch (const std::exception& error) {
    return {FailureKind::failed, registry::sentence_of(error.what())};
  } catch (...) {
    return {FailureKind::failed, "unexpected error."};
  }
}

} // namespace cuecard::embedding
