"""The AutoPrompt algorithm of its authors, in transformers, for the comparison in bench/tuners.py. Prints one JSON object.

In each iteration a slot of the trigger is chosen, the gradient of the loss on one batch selects the candidates, and each candidate
is evaluated on another batch, in one forward pass each (Shin et al. 2020, section 2.2; create_trigger.py).
"""

import argparse
import json
import random
import resource
import time
from pathlib import Path

import torch
from peers import padded
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM


class Search:
    def __init__(self, arguments):
        self.model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, attn_implementation="sdpa").eval()
        self.model.requires_grad_(False)
        tokenizer = Tokenizer.from_file(str(arguments.model / "tokenizer.json"))
        tokenizer.no_padding(), tokenizer.no_truncation()
        ids = lambda text: tokenizer.encode(text).ids
        rows = [json.loads(line) for line in arguments.data.read_text().splitlines()]
        before, after = arguments.template.split("{trigger}")
        self.texts, self.after = [ids(before.replace("{text}", row["text"])) for row in rows], ids(after)
        self.labels = torch.tensor([row["label"] for row in rows])
        self.words = [ids(word)[0] for word in arguments.words]
        self.trigger = [tokenizer.token_to_id(token) for token in arguments.trigger]
        self.draw, self.batch = random.Random(arguments.seed), arguments.batch

    def rows(self, chosen, trigger):
        return padded([self.texts[i] + trigger + self.after for i in chosen], "left")

    def loss(self, scores, chosen):
        return torch.nn.functional.cross_entropy(scores[:, -1, self.words], self.labels[chosen])

    @torch.inference_mode()
    def exact(self, chosen, trigger):
        ids, mask = self.rows(chosen, trigger)
        return float(self.loss(self.model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=1).logits, chosen))

    def gradient(self, chosen, slot):
        """The gradient of the loss with respect to the embedding in the slot, summed over examples."""
        ids, mask = self.rows(chosen, self.trigger)
        embeddings = self.model.get_input_embeddings()(ids).requires_grad_(True)
        self.loss(self.model(inputs_embeds=embeddings, attention_mask=mask, use_cache=False, logits_to_keep=1).logits, chosen).backward()
        return embeddings.grad[:, slot - len(self.trigger) - len(self.after)].sum(0)

    def step(self, candidates):
        chosen = self.draw.sample(range(len(self.texts)), self.batch)
        slot = self.draw.randrange(len(self.trigger))
        best = (-self.model.get_input_embeddings().weight @ self.gradient(chosen, slot)).topk(candidates).indices.tolist()
        chosen = self.draw.sample(range(len(self.texts)), self.batch)
        least, kept = self.exact(chosen, self.trigger), self.trigger
        for token in best:
            trigger = [*self.trigger[:slot], token, *self.trigger[slot + 1 :]]
            loss = self.exact(chosen, trigger)
            if loss < least:
                least, kept = loss, trigger
        self.trigger = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--template", required=True, help="with {text} and {trigger}")
    parser.add_argument("--words", nargs=2, required=True)
    parser.add_argument("--trigger", nargs="+", required=True, help="initial tokens, as spelled in the vocabulary")
    parser.add_argument("--iterations", type=int, default=4, help="0: no search, only the loss of the trigger on the first batch")
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    search = Search(arguments)
    loss = search.exact(range(min(arguments.batch, len(search.texts))), search.trigger)
    begin = time.perf_counter()
    for _ in range(arguments.iterations):
        search.step(arguments.candidates)
    print(json.dumps({"loss": loss, "seconds": time.perf_counter() - begin,
                      "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
