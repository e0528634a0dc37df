"""run_original.py SCRIPT ARGUMENTS...: runs a script that was written for TensorFlow 1, unmodified, under TensorFlow 2:
`import tensorflow` gives it tensorflow.compat.v1."""
import os
import runpy
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
from transformers import BertModel  # noqa: E402,F401  loaded before tensorflow is replaced, which it looks for
import tensorflow.compat.v1 as tensorflow_1  # noqa: E402

tensorflow_1.disable_v2_behavior()
sys.modules["tensorflow"] = tensorflow_1
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
