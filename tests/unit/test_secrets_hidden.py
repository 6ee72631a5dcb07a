"""What is shaped like a key is in nothing that is stored, sent or shown; what only looks a little like one
stays.
"""

import base64
import random
import uuid

import pytest

from agents.proposers.llm.redaction import HIDDEN, LARGE, redacted, redacted_answer, without_keys
from deploy.views.sanitize import one_line, printable, sanitize

A = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4fGh7j"
"""Letters and digits of no key."""
HEX = "0123456789abcdef" * 4
PEM = f"-----BEGIN PRIVATE KEY-----\n{A}\n{A}\n-----END PRIVATE KEY-----"
SHAPES = {
    "OpenAI": f"sk-{A}",
    "OpenAI, project": f"sk-proj-{A}_{A}-T3BlbkFJ",
    "OpenAI, service": f"sk-svcacct-{A}",
    "OpenAI, masked with stars": "sk-proj-********************abcd",
    "OpenAI, masked with dots": "sk-ab...wxyz",
    "Anthropic": f"sk-ant-api03-{A}-{A}AA",
    "Anthropic, of a login": f"sk-ant-oat01-{A}",
    "OpenRouter": f"sk-or-v1-{HEX}",
    "DeepSeek": f"sk-{HEX[:32]}",
    "Google": "AIza" + A[:35],
    "Google, OAuth": f"ya29.a0{A}",
    "Google, client": f"GOCSPX-{A[:28]}",
    "Hugging Face": f"hf_{A[:34]}",
    "Groq": f"gsk_{A}",
    "xAI": f"xai-{A}{A}",
    "Perplexity": f"pplx-{A}",
    "Replicate": f"r8_{A}",
    "NVIDIA": f"nvapi-{A}",
    "GitHub": f"ghp_{A}",
    "GitHub, of an app": f"ghs_{A}",
    "GitHub, fine-grained": f"github_pat_11ABCDEFG0{A}_{A}",
    "GitLab": "glpat-" + A[:20],
    "AWS, id": "AKIA" + "IOSFODNN7EXAMPLE",
    "AWS, id and secret": "AKIA" + "IOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS, of a session": "ASIA" + "IOSFODNN7EXAMPLE",
    "Slack, bot": "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
    "Slack, app": "xapp-" + "1-A0123456789-1234567890123-abcdef",
    "Stripe": f"sk_live_{A}",
    "npm": f"npm_{A}",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc{A}",
    "Databricks": f"dapi{HEX[:32]}",
    "SendGrid": f"SG.{A[:22]}.{A}",
    "Telegram": "123456789:AA" + A[:33],
    "Vault": f"hvs.{A}",
    "JWT": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{A}",
    "private key": PEM,
    "private key in JSON": PEM.replace("\n", "\\n"),
    "private key of ssh": PEM.replace("PRIVATE", "OPENSSH PRIVATE"),
    "private key that is cut off": PEM[:70],
}
"""Hidden whole."""
NAMED = {
    "header of a request": ("Authorization: Bearer ", A),
    "header, basic": ("Authorization: Basic ", "dXNlcjpwYXNzd29yZA=="),
    "header, a key": ("x-api-key: ", HEX[:32]),
    "header as a dict": ("{'Authorization': 'Bearer ", A),
    "bearer in words": ("bearer ", f"{A[:20]}.{A}"),
    "api_key": ("api_key=", HEX[:32]),
    "api-key, quoted": ('"api-key": "', "hunter2-and-more"),
    "apiKey": ('apiKey: "', A),
    "key of a provider without a shape": ("Incorrect API key provided: ", HEX[:32]),
    "variable": ("export MISTRAL_API_KEY=", A[:32]),
    "variable, quoted": ("WANDB_API_KEY='", HEX[:40]),
    "password": ("password: ", "hunter2!"),
    "password, quoted": ("passwd = '", "Correct-Horse"),
    "password of letters": ("password=", "letmein"),
    "password of letters, quoted": ('"password": "', "letmein"),
    "key of letters": ("api_key = '", "abcdefghijklmnopqrst"),
    "password of a command": ("curl -u me:", "letmein"),
    "connection of Azure": ("AccountName=me;AccountKey=", f"{A}{A}=="),
    "token of GitHub in a URL": ("https://x-access-token:", f"ghs_{A}"),
    "secret": ("client_secret=", A[:20]),
    "AWS, secret": ("aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "token": ("access_token=", A),
    "token in a URL": ("https://example.org/v1?token=", A),
    "key in a URL": ("https://example.org/v1beta/models?key=", A),
    "signature in a URL": ("https://bucket.example.org/x?X-Amz-Signature=", HEX),
    "password in a URL": ("postgres://me:", "p4ss/word"[:4]),
    "token before a host": ("https://", A[:32]),
    "hook": ("https://hooks.slack.com/services/", "T00000000/B00000000/" + A[:24]),
    "cookie": ("Set-Cookie: ", f"session={A}; Path=/"),
}
"""What stays, and what is hidden."""
AFTER = {
    "password of letters, quoted": '"',
    "key of letters": "'",
    "password of a command": " https://example.org",
    "token of GitHub in a URL": "@example.org/x.git",
    "password in a URL": "@db.example.org/x",
    "token before a host": "@git.example.org/x",
}

HONEST = {
    "commit": "merged as 3f2a91bc4de07f8890aa11bb22cc33dd44ee55ff on best/cpu",
    "digest": f"sha256:{HEX}",
    "uuid": str(uuid.UUID(int=random.Random(1).getrandbits(128))),
    "weights": base64.b64encode(random.Random(2).randbytes(3000)).decode(),
    "weights, for URLs": base64.urlsafe_b64encode(random.Random(3).randbytes(3000)).decode(),
    "a long number": "31415926535897932384626433832795028841971693993751",
    "numbers": "step 01200 | loss 2.3456 | lr 3.00e-04 | 123456 tok/s | 98.7%",
    "tokens": "max_tokens=200000, n_tokens = 8192, bos_token_id=50256, bos_token='<|endoftext|>'",
    "a tokenizer": "token = tokenizer.encode(text)[0]; last_token = logits.argmax(-1)",
    "a key function": "rows.sort(key=lambda row: row.value1); key = jax.random.PRNGKey(0)",
    "keys of attention": "self.key_proj = nn.Linear(d_model, n_head * d_head)  # query, key, value2",
    "a dictionary": "state_dict['transformer.h.0.attn.key.weight'].shape == (768, 768)",
    "a variable for a key": 'api_key=os.environ["OPENAI_API_KEY"]',
    "a variable of a shell": "api_key: ${OPENAI_API_KEY}, or $OPENAI_API_KEY",
    "what is missing": "the api key is not set: set OPENAI_API_KEY or ANTHROPIC_API_KEY",
    "a subtraction": "mask-offset, risk-adjusted, sk-offset and task-0123456789",
    "packages": "scikit-learn==1.5.2 hf_transfer==0.1.8 hf-xet huggingface_hub npm_config",
    "URLs": "https://example.org:8080/a/b@v2?page=12&sort=key and ssh://git@example.org/x.git",
    "paths": "/data/fineweb_edu/shard_00012.parquet:1:2048, runs/e00012.1/train.log",
    "a stack": 'File "train.py", line 12, in forward: RuntimeError: size mismatch (768 vs 1024)',
    "arguments": "login(user=user, password=getpass(), token=token), password=None, pwd=os.getcwd()",
    "options": "python -u train.py --user=me, rm -u 12:30",
    "bearers": "the bearer of this number, a basic understanding of tokens and passwords",
    "a public certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "JSON in base64": base64.b64encode(b'{"alpha": 1, "beta": [1, 2, 3], "gamma": "delta"}').decode(),
    "a title": "WIDTH 64 → 128, BATCH_SIZE 16 → 8, weight tying, key-value cache of 4 heads",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=list(SHAPES))
@pytest.mark.parametrize("around", ["{}", "it said: {}, no", '{{"a": "{}"}}', "<{}>", "x={}\n"])
def test_a_shape_is_hidden_wherever_it_stands(text: str, around: str) -> None:
    hidden = without_keys(around.format(text))
    assert text not in hidden
    assert text[-20:] not in hidden
    assert HIDDEN in hidden


@pytest.mark.parametrize("name", NAMED)
def test_what_follows_the_name_of_a_key_is_hidden(name: str) -> None:
    before, secret = NAMED[name]
    hidden = without_keys(f"{before}{secret}{AFTER.get(name, '')}")
    assert secret not in hidden
    assert HIDDEN in hidden


@pytest.mark.parametrize("text", HONEST.values(), ids=list(HONEST))
def test_what_is_no_key_stays(text: str) -> None:
    assert without_keys(text) == text
    assert redacted(text, {}) == text


@pytest.mark.parametrize("text", [*SHAPES.values(), *map("".join, NAMED.values())])
def test_a_large_text_is_looked_through_as_a_small_one_is(text: str) -> None:
    line = "step 1 loss 2.0\n"
    large = line * (LARGE // len(line) + 1)
    hidden = without_keys(f"{large}{text}")
    assert hidden.startswith(large)
    assert hidden[len(large) :] == without_keys(text)


def test_a_secret_of_the_environment_is_hidden_as_it_may_be_written_down() -> None:
    value = "corréct/horse+9"
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    text = f"{value} corr%C3%A9ct%2Fhorse%2B9 {encoded}=="
    assert redacted_answer(text * 2, {"X_TOKEN": value + "0000"}) == text * 2
    assert value not in redacted(text, {"X_TOKEN": value})
    assert "horse" not in redacted(text, {"X_TOKEN": value})
    assert encoded not in redacted(text, {"X_TOKEN": value})


def test_each_line_of_a_secret_is_hidden() -> None:
    hidden = redacted(f"only {A} of it", {"DEPLOY_KEY": PEM})
    assert hidden == f"only {HIDDEN} of it"


def test_pages_hide_keys_and_a_program_is_shown_as_it_is() -> None:
    key = SHAPES["OpenAI, project"]
    assert key not in sanitize(f"log\n{key}\n")
    assert one_line(f"a  {key}\nb") == f"a {HIDDEN} b"
    assert printable(f"KEY = '{key}'\x1b\n") == f"KEY = '{key}'�\n"
