"""The operations of small shapes, worked out by hand."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from operations import Prompts, Shape, Work, operations

# Widths 4; 2 heads of size 3 (queries 6), one of keys (3); feed-forward 5 with a gate. Multiply-adds of a token in a layer:
# queries 4x6 = 24, keys and values 2 x 4x3 = 24, output 6x4 = 24, feed-forward 3 x 4x5 = 60.
DECODER = Shape(layers=2, hidden=4, queries=6, keys=3, intermediate=5, feed_forward=3, vocabulary=10, causal=True)


class Operations(unittest.TestCase):
    def test_a_pass_over_one_prompt(self):
        # 3 tokens, the last one selected, 2 logits. First layer 3 x 132 = 396; last layer 3 x 24 for keys and values and 24 + 24 + 60
        # for the selected token = 180; logits 2 x 4 = 8: 584. Attention: 1 + 2 + 3 pairs and then 3, each 6 for its score and 6 for its
        # value: 108.
        work = Prompts([3], 0, True).work({"tokens_forwarded": 3, "logits_computed": 2}, rows=1)
        self.assertEqual(work, Work(tokens=3, selected=1, logits=2, pairs=6, selected_pairs=3))
        self.assertEqual(operations(DECODER, work), 2 * (584 + 108))

    def test_a_training_step(self):
        # Backward: one product for each with a matrix; two for each of attention's.
        work = Prompts([3], 0, True).work({"tokens_forwarded": 3, "logits_computed": 2}, rows=1, trained=True)
        self.assertEqual(operations(DECODER, work), 2 * (2 * 584 + 3 * 108))

    def test_a_shared_beginning_is_computed_once(self):
        prompts = Prompts.of([[7, 8, 1, 2], [7, 8, 3]], causal=True)
        self.assertEqual(prompts, Prompts([4, 3], 2, True))
        # The beginning 1 + 2, then 3 + 4 in the one prompt and 3 in the other.
        self.assertEqual(prompts.work({"tokens_forwarded": 5, "logits_computed": 4}, rows=2).pairs, 13)
        # Twice as many rows in two steps, each with a beginning of its own.
        self.assertEqual(prompts.work({"tokens_forwarded": 10, "logits_computed": 8}, rows=4, prefixes=2).pairs, 26)

    def test_equal_prompts_keep_a_token_each(self):
        self.assertEqual(Prompts.of([[7, 8, 9], [7, 8, 9]], causal=True).shared, 2)

    def test_an_encoder_sees_everything_and_shares_nothing(self):
        encoder = Shape(layers=1, hidden=4, queries=4, keys=4, intermediate=5, feed_forward=2, vocabulary=10, causal=False)
        work = Prompts.of([[7, 1, 2], [7, 1]], causal=False).work({"tokens_forwarded": 5, "logits_computed": 0}, rows=2)
        self.assertEqual((work.pairs, work.selected_pairs), (9 + 4, 5))
        # Keys and values of 5 tokens, 32 each; 16 + 16 + 2 x 20 for 2 selected ones; 5 pairs in the only layer, 8 each.
        self.assertEqual(operations(encoder, work), 2 * (160 + 144 + 40))

    def test_generation(self):
        # One prompt of 3 tokens, 3 new tokens. The first comes of the prompt; two steps see 3 and 4 cached tokens and themselves.
        work = Prompts([3], 0, True).generated({"tokens_forwarded": 5, "logits_computed": 30, "tokens_from_cache": 7}, vocabulary=10)
        self.assertEqual(work, Work(tokens=5, selected=3, logits=30, pairs=6 + 9, selected_pairs=3 + 9))


if __name__ == "__main__":
    unittest.main()
