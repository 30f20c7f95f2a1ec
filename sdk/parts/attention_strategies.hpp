/// The strategies behind `attention`; arguments as there.
#pragma once

#include <cuecard/parts/attention.hpp>

namespace cuecard {

at::Tensor packed_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, double scale, const RelativeBias* bias);
at::Tensor padded_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, double scale, const RelativeBias* bias);

} // namespace cuecard
