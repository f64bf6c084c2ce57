"""waiting_deluge.py PORT RPM FILE: the prompts of FILE through lm-deluge, against a simulated provider at PORT."""

import json
import os
import sys

from lm_deluge import LLMClient
from lm_deluge.models import register_model

port, rpm, path = sys.argv[1:4]
os.environ["SIM_KEY"] = "none"
register_model(id="gpt-sim", name="gpt-sim", api_base=f"http://127.0.0.1:{port}/v1", api_key_env_var="SIM_KEY")
client = LLMClient(
    "gpt-sim",
    max_requests_per_minute=int(rpm),
    max_tokens_per_minute=10**9,
    max_concurrent_requests=500,  # as in its README
    max_new_tokens=64,
)
with open(path) as rows:
    prompts = [json.loads(row)["body"]["messages"][0]["content"] for row in rows]
answers = client.process_prompts_sync(prompts, show_progress=False)
good = sum(1 for a in answers if a and a.completion)
print(f"answers={good}")
sys.exit(0 if good == len(prompts) else 1)
