// PIECE: #include <cuecard/testing/named_labels.hpp>
