/// The strategies of `attention`, with its arguments.
#pragma once

#include <string>

#include <cuecard/parts/attention/attention.hpp>

namespace cuecard {

at::Tensor packed_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, const AttentionOptions& options);
at::Tensor padded_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, const AttentionOptions& options);
at::Tensor variable_length_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                     const AttentionLayout& layout, double scale);

/// Why `variable_length_attention` doesn't support the call, or "".
std::string why_not_variable_length(const at::Tensor& query, const AttentionLayout& layout,
                                    const AttentionOptions& options);

} // namespace cuecard
