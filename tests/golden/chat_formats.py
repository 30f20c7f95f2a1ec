"""Chats as transformers renders them, with one template of our own for each of the common formats.

For plain chats, the templates produce the same text as the publishers'. Each chat is stored with its template, from which
the tests recognise the format.
"""

import json
from pathlib import Path

ALIKE = "{% for m in messages %}{{ BEFORE + m['role'] + AFTER + m['content'] + CLOSE }}{% endfor %}" \
        "{% if add_generation_prompt %}{{ BEFORE + 'assistant' + AFTER }}{% endif %}"


def alike(before: str, after: str, close: str) -> str:
    return ALIKE.replace("BEFORE", before).replace("AFTER", after).replace("CLOSE", close)


INSTRUCTIONS = "{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + CLOSE }}" \
               "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"

TEMPLATES = {
    "chatml": alike("'<|im_start|>'", "'\\n'", "'<|im_end|>\\n'"),
    "llama-3": alike("'<|start_header_id|>'", "'<|end_header_id|>\\n\\n'", "'<|eot_id|>'"),
    "phi-3": alike("'<|'", "'|>\\n'", "'<|end|>\\n'").replace("{% for", "{# <|user|> #}{% for", 1).replace("'<|' + 'assistant' + '|>\\n'", "'<|assistant|>\\n'"),
    "zephyr": alike("'<|'", "'|>\\n'", "eos_token + '\\n'").replace(
        "{% for", "{# <|user|> #}{% for", 1).replace("'<|' + 'assistant' + '|>\\n'", "'<|assistant|>\\n'"),
    "gemma": "{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' "
             "+ m['content'] + '<end_of_turn>\\n' }}{% endfor %}{{ '<start_of_turn>model\\n' }}",
    "llama-2": "{% for m in messages %}{% if m['role'] == 'system' %}{{ '[INST] <<SYS>>\\n' + m['content'] + "
               "'\\n<</SYS>>\\n\\n' }}{% elif m['role'] == 'user' %}{{ ('' if loop.index0 == 1 and "
               "messages[0]['role'] == 'system' else ('' if loop.first else bos_token) + '[INST] ') + m['content'] + "
               "' [/INST]' }}{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}",
    "mistral": INSTRUCTIONS.replace("CLOSE", "' [/INST]'"),
    "mistral without the space": INSTRUCTIONS.replace("CLOSE", "'[/INST]'"),
}
WITHOUT_SYSTEM = ("gemma", "mistral")
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it good?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Why?"},
]


def make(folder: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1}, "<s>")),
                                        bos_token="<s>", eos_token="</s>")
    cases = []
    for name, template in TEMPLATES.items():
        for chat in (CHAT, CHAT[1:]):
            if chat is CHAT and name.startswith(WITHOUT_SYSTEM):
                continue
            written = tokenizer.apply_chat_template(chat, chat_template=template, tokenize=False, add_generation_prompt=True)
            cases.append({"format": name.split(" ")[0], "chat_template": template, "chat": chat, "written": written})
    (folder / "chat_formats.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    make(Path(__file__).resolve().parent)
