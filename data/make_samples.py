"""Makes `data/samples.jsonl`: what the default model writes by itself, for dashboards. Run it as `python -m data.make_samples`.

The code, manuals and conversations that SAEs are trained on may not ship inside dashboards; what the model writes may.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from interp_core.default_model import default_model_folder

OUT = Path(__file__).parent / "samples.jsonl"
SEED, TOKENS, TEMPERATURE, TOP_P = 0, 240, 0.9, 0.95
OPENINGS = (
    "def ", "class ", "import numpy as np\n\n", "#!/usr/bin/env python\n", "for i in range(", "async def fetch(", "SELECT name,",
    "<html>\n<head>", "function ", "try:\n    ", "@property\ndef ", '"""Return the', "if __name__ ==", "from django.db import models\n",
    "#include <stdio.h>\n", "git commit -m", "Traceback (most recent call last):\n", "{\n  \"name\":", "# Introduction\n\n",
    "Once upon a time", "Dear Sir or Madam,", "Breaking news:", "The recipe needs", "In mathematics, a", "The theorem states",
    "According to the law,", "The patient was", "She looked at him and said, \"", "The history of Rome", "In 1914,", "The planet Mars",
    "Photosynthesis is", "My favourite film", "The stock market", "To install the package,", "Chapter 1\n\n", "Abstract\n\n",
    "Question: ", "The football team", "Il était une fois", "Es war einmal", "Había una vez", "The chemical formula of", "Step 1:",
)  # fmt: skip
REQUESTS = (
    "Write a Python function that sorts a list of dictionaries by a key.", "Explain photosynthesis to a child.",
    "Give me three tips for a job interview.", "Write a short poem about the sea.", "What is the capital of France?",
    "Summarise the plot of Hamlet.", "How do vaccines work?", "Write an email that asks for a day off.", "What is 12 times 13?",
    "Translate 'good morning' into five languages.", "List the planets in order.", "Why is the sky blue?",
    "Write a regular expression for an email address.", "What did Marie Curie discover?", "Plan a week of healthy meals.",
    "Write a dialogue between a cat and a dog.", "What are the causes of the First World War?", "How do I open a file in Python?",
    "Tell me a joke.", "Describe a sunset in the mountains.",
)  # fmt: skip


@torch.no_grad()
def make_samples() -> list[dict[str, str]]:
    """Continue every opening twice and answer every request once."""
    folder = default_model_folder()
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, padding_side="left"
    )
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, dtype=torch.float32
    )
    torch.manual_seed(SEED)
    texts = [text for text in OPENINGS for _ in range(2)]
    chats = [
        tokenizer.apply_chat_template([{"role": "user", "content": one}], tokenize=False, add_generation_prompt=True)
        for one in REQUESTS
    ]
    made = []
    for kind, prompts in (("opening", [tokenizer.bos_token + text for text in texts]), ("request", chats)):
        for start in range(0, len(prompts), 22):
            batch = tokenizer(prompts[start : start + 22], return_tensors="pt", padding=True, add_special_tokens=False)
            ids = model.generate(**batch, do_sample=True, max_new_tokens=TOKENS, temperature=TEMPERATURE, top_p=TOP_P)
            for row, asked in zip(ids, prompts[start : start + 22], strict=True):
                text = tokenizer.decode(row[batch["input_ids"].shape[1] :], skip_special_tokens=True)
                begun = asked.removeprefix(tokenizer.bos_token) if kind == "opening" else ""
                made.append({"kind": kind, "asked": asked if kind == "request" else "", "text": begun + text})
            print(f"{len(made)} of {len(texts) + len(chats)}", flush=True)
    return made


if __name__ == "__main__":
    OUT.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in make_samples()), encoding="utf-8")
