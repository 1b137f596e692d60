r"""The speed of `transformers` on PyTorch (pip install transformers torch), beside ours.

    python -m experiments.speed.text --data ml-100k --beside \
        'PYTHON -m experiments.speed.beside_transformers {model} {texts} --max-length {max_length}'

Vectors are means over tokens, of length one, as the encoder's authors use it; texts of like length
are encoded together.
"""

import argparse
import json
import os
import time

import torch
from transformers import AutoModel, AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="The folder of the model.")
parser.add_argument("texts", help="A JSON file with a list of texts.")
parser.add_argument("--max-length", type=int, default=64, help="Tokens of a text.")
parser.add_argument("--batch-size", type=int, default=64, help="Texts at once.")
args = parser.parse_args()

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count()))
with open(args.texts) as file:
    texts = sorted(set(json.load(file)), key=len)
tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModel.from_pretrained(args.model).eval()


def encode(texts):
    with torch.inference_mode():
        for start in range(0, len(texts), args.batch_size):
            tokens = tokenizer(
                texts[start : start + args.batch_size],
                padding=True,
                truncation=True,
                max_length=args.max_length,
                return_tensors="pt",
            )
            hidden = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None].float()
            torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)


encode(texts[: args.batch_size])
clock, processor = time.perf_counter(), time.process_time()
encode(texts)
clock, processor = time.perf_counter() - clock, time.process_time() - processor
rates = {"per_second": len(texts) / clock, "per_cpu_second": len(texts) / processor}
print(json.dumps(rates))
